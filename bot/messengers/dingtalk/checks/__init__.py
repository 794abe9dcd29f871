"""Checks of an app for `dingrun check`, and the causes of DingTalk's errors."""
