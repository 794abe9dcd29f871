"""Groups and other conversations."""

from dingtalk_sandbox.api.conversations import assistant, group_templates, groups, members, scene_groups

ENDPOINTS = (
    *groups.ENDPOINTS,
    *scene_groups.ENDPOINTS,
    *members.ENDPOINTS,
    *group_templates.ENDPOINTS,
    *assistant.ENDPOINTS,
)
