"""Send a message to a group by the synchronous client of Alibaba Cloud, with its default endpoint."""

import json
import os
import sys

from alibabacloud_dingtalk.oauth2_1_0 import models as oauth
from alibabacloud_dingtalk.oauth2_1_0.client import Client as OAuth
from alibabacloud_dingtalk.robot_1_0 import models as robot
from alibabacloud_dingtalk.robot_1_0.client import Client as Robot
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions


def main(key: str, secret: str, group: str) -> None:
    config = Config(protocol="https", region_id="central")
    options = RuntimeOptions(ca=os.environ["SSL_CERT_FILE"])  # it trusts no other list than that of certifi
    asked = oauth.GetAccessTokenRequest(app_key=key, app_secret=secret)
    token = OAuth(config).get_access_token_with_options(asked, {}, options).body.access_token
    headers = robot.OrgGroupSendHeaders(x_acs_dingtalk_access_token=token)
    message = robot.OrgGroupSendRequest(
        robot_code=key,
        open_conversation_id=group,
        msg_key="sampleText",
        msg_param=json.dumps({"content": "hello"}),
    )
    Robot(config).org_group_send_with_options(message, headers, options)


if __name__ == "__main__":
    main(*sys.argv[1:])
