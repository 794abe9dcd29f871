"""A bot on the unmodified official SDK, run as a separate process. The environment sets its endpoint."""

import json
import sys

import dingtalk_stream
from dingtalk_stream import AckMessage, CallbackMessage, ChatbotMessage


class Echo(dingtalk_stream.ChatbotHandler):  # type: ignore[misc]  # the SDK is untyped
    async def process(self, message: CallbackMessage) -> tuple[int, str]:
        said = ChatbotMessage.from_dict(message.data)
        text = json.dumps(said.text.content, ensure_ascii=False)
        print("message", said.message_id, text, said.sender_staff_id, flush=True)  # noqa: T201
        return AckMessage.STATUS_OK, "OK"


class Tap(dingtalk_stream.CallbackHandler):  # type: ignore[misc]  # the SDK is untyped
    async def process(self, message: CallbackMessage) -> tuple[int, dict[str, object]]:
        tap = dingtalk_stream.CardCallbackMessage.from_dict(message.data)
        action = tap.content["cardPrivateData"]["actionIds"][0]
        print("tap", tap.card_instance_id, action, tap.user_id, flush=True)  # noqa: T201
        by_key = {"updateCardDataByKey": True, "updatePrivateDataByKey": True}
        return AckMessage.STATUS_OK, {
            "cardUpdateOptions": by_key,
            "cardData": {"cardParamMap": {"tips": f"taken: {action}"}},
        }


def main() -> None:
    client = dingtalk_stream.DingTalkStreamClient(dingtalk_stream.Credential(*sys.argv[1:3]))
    client.register_callback_handler(ChatbotMessage.TOPIC, Echo())
    client.register_callback_handler(dingtalk_stream.CallbackHandler.TOPIC_CARD_CALLBACK, Tap())
    client.start_forever()


if __name__ == "__main__":
    main()
