"""The description of the control API: `/_sandbox/openapi.json`, and `/_sandbox/` for people."""
