"""DingTalk's own OpenAPI SDK, run in a process of its own: `ENDPOINT KEY SECRET ROBOT USER GROUP`. Prints what came of
each call as JSON."""

from __future__ import annotations

import json
import sys

from alibabacloud_dingtalk.oauth2_1_0.client import Client as OAuth
from alibabacloud_dingtalk.oauth2_1_0.models import GetAccessTokenRequest
from alibabacloud_dingtalk.robot_1_0 import models as robot
from alibabacloud_dingtalk.robot_1_0.client import Client as Robot
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions


def main(endpoint: str, key: str, secret: str, code: str, user: str, group: str) -> None:
    config = Config(protocol="http", region_id="central", endpoint=endpoint)
    token = OAuth(config).get_access_token(GetAccessTokenRequest(app_key=key, app_secret=secret)).body.access_token
    client, runtime = Robot(config), RuntimeOptions()
    one = robot.BatchSendOTOHeaders(x_acs_dingtalk_access_token=token)
    to_user = robot.BatchSendOTORequest(
        robot_code=code, user_ids=[user], msg_key="sampleText", msg_param=json.dumps({"content": "您好"})
    )
    sent = client.batch_send_otowith_options(to_user, one, runtime).body
    many = robot.OrgGroupSendHeaders(x_acs_dingtalk_access_token=token)
    to_group = robot.OrgGroupSendRequest(
        robot_code=code,
        open_conversation_id=group,
        msg_key="sampleMarkdown",
        msg_param=json.dumps({"title": "通知", "text": "**大家好**"}),
    )
    told = client.org_group_send_with_options(to_group, many, runtime).body
    sys.stdout.write(json.dumps({"user": sent.process_query_key, "group": told.process_query_key}))


if __name__ == "__main__":
    main(*sys.argv[1:])
