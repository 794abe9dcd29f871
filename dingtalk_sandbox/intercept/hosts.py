"""DingTalk's host names. The gateway answers with the address of the Stream, so that one is rarely seen."""

from dingtalk_sandbox.api.pipeline import API_HOST, OAPI_HOST

STREAM_HOSTS = ("wss-open-connection.dingtalk.com", "wss-open-connection-union.dingtalk.com")  # [seen]
HOSTS = (API_HOST, OAPI_HOST, *STREAM_HOSTS)
HTTPS_PORT = 443
