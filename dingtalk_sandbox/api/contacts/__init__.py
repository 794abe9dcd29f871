"""The people of the organization."""

from dingtalk_sandbox.api.contacts import logins, lookups

ENDPOINTS = (*logins.ENDPOINTS, *lookups.ENDPOINTS)
