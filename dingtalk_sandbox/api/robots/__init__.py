"""Robots: their messages, DINGs and shortcuts."""

from dingtalk_sandbox.api.robots import dings, sending, shortcuts, tracking

ENDPOINTS = (*sending.ENDPOINTS, *tracking.ENDPOINTS, *dings.ENDPOINTS, *shortcuts.ENDPOINTS)
