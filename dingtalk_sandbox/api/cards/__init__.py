"""Interactive cards."""

from dingtalk_sandbox.api.cards import instances, streaming

ENDPOINTS = (*instances.ENDPOINTS, *streaming.ENDPOINTS)
