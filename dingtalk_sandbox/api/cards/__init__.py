"""Interactive cards."""

from dingtalk_sandbox.api.cards import callbacks, instances, streaming, templates, tops

ENDPOINTS = (
    *instances.ENDPOINTS,
    *streaming.ENDPOINTS,
    *tops.ENDPOINTS,
    *callbacks.ENDPOINTS,
    *templates.ENDPOINTS,
)
