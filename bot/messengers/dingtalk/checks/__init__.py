"""What `dingrun check` tries of an app, and what the errors of DingTalk mean."""
