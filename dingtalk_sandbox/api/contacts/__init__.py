"""The people of the organization."""

from dingtalk_sandbox.api.contacts import logins

ENDPOINTS = (*logins.ENDPOINTS,)
