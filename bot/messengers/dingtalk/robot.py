"""Messenger of the app robot: cards, messages and files, to groups and people."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
from alibabacloud_dingtalk.card_1_0 import models as card_models
from alibabacloud_dingtalk.robot_1_0 import models as robot_models

from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.messengers.dingtalk.api import ApiClient, Body
from bot.messengers.dingtalk.auth import DingTalkApp, Tokens
from bot.messengers.dingtalk.checks.diagnosis import diagnose
from bot.messengers.dingtalk.checks.probes import AppProbes
from bot.messengers.dingtalk.errors import CARD_EXISTS_CODE, delivery_error, error_from_code, error_from_oapi
from bot.messengers.dingtalk.http import post_json
from bot.messengers.dingtalk.media import upload
from bot.messengers.dingtalk.mentions import card_mentions
from bot.messengers.dingtalk.rate_limiter import NullRateLimiter
from bot.messengers.dingtalk.session_webhook import is_trusted_session_webhook
from bot.messengers.dingtalk.webhook import action_card_body, message_body
from bot.models import (
    Clock,
    Destination,
    DestinationKind,
    MarkdownMessage,
    Message,
    RenderedCard,
    SendResult,
)
from bot.ports import Capabilities, CheckResult, Checks, Sending, unmarked
from bot.telemetry.rescues import Rescue, count_rescue

log = logging.getLogger(__name__)

MAX_MSG_PARAM_BYTES = 15_000  # 0716-the-robot-sends-a-group-message
CAPABILITIES = Capabilities(cards=True, files=True, text_bytes=12_000)


class OpenApiMessenger:
    """Messenger over `/v1.0/card/*` and `/v1.0/robot/*`."""

    capabilities = CAPABILITIES

    def __init__(
        self,
        session: aiohttp.ClientSession,
        app: DingTalkApp,
        tokens: Tokens,
        *,
        clock: Clock,
        rate_limiter: NullRateLimiter | None = None,
    ) -> None:
        self._session = session
        self._app = app
        self._tokens = tokens
        self._clock = clock
        self._rate_limiter = rate_limiter or NullRateLimiter()
        self._api = ApiClient(session, app, tokens, self._rate_limiter)
        self._conversations: dict[str, str] = {}  # old chatId: openConversationId

    def checks(self, groups: Sequence[str] = ()) -> Checks:
        probes = AppProbes(
            session=self._session,
            app=self._app,
            tokens=self._tokens,
            api=self._api,
            clock=self._clock,
            conversation_id=self.conversation_id,
        )
        return probes.checks(groups)

    def diagnose(self, error: DingRunError) -> CheckResult:
        return diagnose(error, self._app.app_key)

    async def send_card(
        self, destination: Destination, card: RenderedCard, card_id: str, *, created: bool = False
    ) -> SendResult:
        """Create and deliver a card (0783-create-and-deliver-cards). HTTP 200 may hide a failed delivery."""
        space = await self._card_space(destination, card)
        if not created:
            try:
                return await self._create_and_deliver(space, card, card_id)
            except PermanentError as error:
                if error.code != CARD_EXISTS_CODE:
                    raise
                log.info("card %s exists already", card_id)
                count_rescue(Rescue.CARD_EXISTED)
        else:
            count_rescue(Rescue.CARD_UNDELIVERED)
        return replace(await self._deliver(space, card_id), existed=True)

    async def _create_and_deliver(
        self, space: Mapping[str, Any], card: RenderedCard, card_id: str
    ) -> SendResult:
        request = card_models.CreateAndDeliverRequest(
            card_template_id=card.template_id,
            out_track_id=card_id,
            callback_type="STREAM",
            user_id_type=1,
            card_data=card_models.CreateAndDeliverRequestCardData(card_param_map=dict(card.params)),
        )
        body = _without_empty(request.to_map()) | dict(space)
        answer = await self._api.openapi("POST", "/v1.0/card/instances/createAndDeliver", body)
        result = answer.get("result")
        return _check_delivery(result.get("deliverResults") if isinstance(result, dict) else None, card_id)

    async def _deliver(self, space: Mapping[str, Any], card_id: str) -> SendResult:
        """Deliver an existing card. Where it is visible already, it does not appear twice."""
        models = {key: value for key, value in space.items() if not key.endswith("SpaceModel")}
        answer = await self._api.openapi(
            "POST", "/v1.0/card/instances/deliver", {"outTrackId": card_id, "userIdType": 1} | models
        )
        return _check_delivery(answer.get("result"), card_id)

    async def _card_space(self, destination: Destination, card: RenderedCard) -> dict[str, Any]:
        """Return the space of a card: a group, or the chat of a user with the robot."""
        shown = _space_model(card)
        if destination.kind is DestinationKind.GROUP:
            conversation = await self.conversation_id(destination.id)
            return {
                "openSpaceId": f"dtv1.card//IM_GROUP.{conversation}",
                "imGroupOpenSpaceModel": shown,
                "imGroupOpenDeliverModel": {"robotCode": self._app.robot_code} | card_mentions(card.mention),
            }
        return {
            "openSpaceId": f"dtv1.card//IM_ROBOT.{destination.id}",
            "imRobotOpenSpaceModel": shown,
            "imRobotOpenDeliverModel": {"spaceType": "IM_ROBOT", "robotCode": self._app.robot_code},
        }

    async def update_card(self, card_id: str, card: RenderedCard) -> None:
        """Update a card by key, which keeps all other variables (0782-interactive-card-update-interface)."""
        request = card_models.UpdateCardRequest(
            out_track_id=card_id,
            user_id_type=1,
            card_data=card_models.UpdateCardRequestCardData(card_param_map=dict(card.params)),
            card_update_options=card_models.UpdateCardRequestCardUpdateOptions(update_card_data_by_key=True),
        )
        await self._api.openapi("PUT", "/v1.0/card/instances", _without_empty(request.to_map()))

    async def send_message(
        self, destination: Destination, markdown: MarkdownMessage, key: str, *, sending: Sending = unmarked
    ) -> SendResult:
        param = {"title": markdown.title, "text": markdown.text}
        return await self._send(destination, "sampleMarkdown", param, sending)

    async def upload(self, path: Path, name: str) -> str:
        return await upload(self._api, path, name)

    async def send_file(
        self, destination: Destination, media_id: str, name: str, *, sending: Sending = unmarked
    ) -> SendResult:
        """Send a file: xlsx, pdf, zip, rar, doc, docx (0699-robot-message-type, sampleFile)."""
        kind = name.rpartition(".")[2].lower()
        param = {"mediaId": media_id, "fileName": name, "fileType": kind}
        return await self._send(destination, "sampleFile", param, sending)

    async def reply(
        self, message: Message, markdown: MarkdownMessage, *, sending: Sending = unmarked
    ) -> SendResult:
        """Reply through the session webhook of the message, valid for 90 minutes (0718-receive-message)."""
        if not message.session_webhook or (
            message.session_expires and message.session_expires <= self._clock()
        ):
            raise PermanentError("the session of the message is over", code="session.expired")
        if not is_trusted_session_webhook(message.session_webhook, self._app):
            raise PermanentError("the session webhook of the message does not belong to DingTalk")
        if markdown.suggestions and not message.group:
            try:
                return await self._reply(message, action_card_body(markdown), sending)
            except PermanentError as error:
                log.info("an answer goes without buttons, because they were rejected: %s", error)
        return await self._reply(message, message_body(markdown), sending)

    async def _reply(self, message: Message, body: Body, sending: Sending) -> SendResult:
        async with self._rate_limiter.free_call(), sending():
            _, answer = await post_json(self._session, message.session_webhook, body)
            problem = error_from_oapi(answer)
            if problem:
                raise problem
        return SendResult()

    async def conversation_id(self, group: str) -> str:
        """Return the openConversationId of a group. An old chatId is converted once (0745)."""
        if not group.startswith("chat"):
            return group
        if group not in self._conversations:
            path = f"/v1.0/im/chat/{group}/convertToOpenConversationId"
            answer = await self._api.openapi("POST", path, {})
            found = answer.get("openConversationId")
            if not isinstance(found, str):
                raise TemporaryError("DingTalk's answer has no openConversationId")
            self._conversations[group] = found
        return self._conversations[group]

    async def _send(
        self, destination: Destination, key: str, param: Mapping[str, str], sending: Sending
    ) -> SendResult:
        packed = json.dumps(param, ensure_ascii=False)
        if len(packed.encode()) > MAX_MSG_PARAM_BYTES:
            raise PermanentError(f"the message has more than {MAX_MSG_PARAM_BYTES} bytes")
        if destination.kind is DestinationKind.GROUP:
            return await self._send_to_group(destination.id, key, packed, sending)
        return await self._send_to_person(destination.id, key, packed, sending)

    async def _send_to_group(self, group: str, key: str, param: str, sending: Sending) -> SendResult:
        request = robot_models.OrgGroupSendRequest(
            robot_code=self._app.robot_code,
            open_conversation_id=await self.conversation_id(group),
            msg_key=key,
            msg_param=param,
        )
        path = "/v1.0/robot/groupMessages/send"
        answer = await self._api.openapi("POST", path, request.to_map(), sending=sending)
        return _accepted_result(answer)

    async def _send_to_person(self, person: str, key: str, param: str, sending: Sending) -> SendResult:
        """Send to one user (0714). HTTP 200 may hide a failure, which two lists tell."""
        request = robot_models.BatchSendOTORequest(
            robot_code=self._app.robot_code, user_ids=[person], msg_key=key, msg_param=param
        )
        path = "/v1.0/robot/oToMessages/batchSend"
        answer = await self._api.openapi("POST", path, request.to_map(), sending=sending)
        if answer.get("invalidStaffIdList"):
            raise error_from_code("staffId.notExisted", f"DingTalk knows nobody with the staffId {person}")
        if answer.get("flowControlledStaffIdList"):
            raise TemporaryError("DingTalk throttles messages to this person", retry_after=60)
        return _accepted_result(answer)


def _space_model(card: RenderedCard) -> dict[str, Any]:
    """Return how a card shows outside its chat: in the chat list, on the lock screen and in the search.

    The models of a group and of a person have the same fields.
    """
    notification = card_models.CreateAndDeliverRequestImGroupOpenSpaceModelNotification(
        alert_content=card.alert or card.headline, notification_off=card.silent
    )
    search = card.search and card_models.CreateAndDeliverRequestImGroupOpenSpaceModelSearchSupport(
        search_desc=card.search.description,
        search_type_name=json.dumps(dict(card.search.kind), ensure_ascii=False),
    )
    model = card_models.CreateAndDeliverRequestImGroupOpenSpaceModel(
        support_forward=True,
        last_message_i18n={"ZH_CN": card.headline, "EN_US": card.headline},
        notification=notification,
        search_support=search,
    )
    return dict(model.to_map())


def _check_delivery(results: object, card_id: str) -> SendResult:
    if not isinstance(results, list) or not results:
        raise TemporaryError("DingTalk's answer has no delivery results", uncertain=True)
    failed = [entry for entry in results if not (isinstance(entry, dict) and entry.get("success"))]
    if failed:
        reason = failed[0].get("errorMsg", "") if isinstance(failed[0], dict) else ""
        raise delivery_error(str(reason))
    return SendResult(message_id=str(results[0].get("carrierId") or card_id))


def _accepted_result(answer: Body) -> SendResult:
    key = answer.get("processQueryKey")
    if not isinstance(key, str):
        raise TemporaryError("DingTalk's answer has no processQueryKey", uncertain=True)
    return SendResult(message_id=key)


def _without_empty(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value != {}}
