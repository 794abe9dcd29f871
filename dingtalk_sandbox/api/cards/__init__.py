"""Interactive cards."""

from dingtalk_sandbox.api.cards import callbacks, instances, streaming, templates, top_boxes, tops

ENDPOINTS = (
    *instances.ENDPOINTS,
    *streaming.ENDPOINTS,
    *tops.ENDPOINTS,
    *top_boxes.ENDPOINTS,
    *callbacks.ENDPOINTS,
    *templates.ENDPOINTS,
)
