"""Groups and other conversations."""

from dingtalk_sandbox.api.conversations import group_ids

ENDPOINTS = (*group_ids.ENDPOINTS,)
