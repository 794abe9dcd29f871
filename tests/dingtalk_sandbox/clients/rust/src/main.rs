//! A bot on a Rust client, unmodified. Its environment leads it to the sandbox.

use async_trait::async_trait;
use dingtalk_stream::messages::frames::{Headers, MessageBody};
use dingtalk_stream::{
    AckMessage, CARD_CALLBACK_ROUTER_TOPIC, CallbackHandler, CardCallbackMessage, ChatbotMessage, Credential, DingTalkStreamClient,
};
use serde_json::{Value, json};

struct Hear;
struct Tap;

#[async_trait]
impl CallbackHandler for Hear {
    async fn process(&self, frame: &MessageBody) -> (u16, String) {
        let data: Value = serde_json::from_str(&frame.data).expect("data is JSON");
        let message = ChatbotMessage::from_value(&data).expect("data is a message");
        let text = message.text.and_then(|text| text.content).expect("a text has content");
        let staff = message.sender_staff_id.unwrap_or_default();
        println!("message {} {} {staff}", message.message_id.unwrap_or_default(), json!(text));
        (AckMessage::STATUS_OK, "OK".to_owned())
    }
}

#[async_trait]
impl CallbackHandler for Tap {
    async fn raw_process(&self, frame: &MessageBody) -> AckMessage {
        let data: Value = serde_json::from_str(&frame.data).expect("data is JSON");
        let tap: CardCallbackMessage = serde_json::from_value(data).expect("data is a tap");
        let content: Value = serde_json::from_str(tap.content.as_str().expect("a string")).expect("JSON");
        let action = content["cardPrivateData"]["actionIds"][0].as_str().expect("an action");
        println!("tap {} {action} {}", tap.card_instance_id, tap.user_id);
        let shown = json!({
            "cardUpdateOptions": {"updateCardDataByKey": true},
            "cardData": {"cardParamMap": {"tips": format!("taken: {action}")}},
        });
        AckMessage {
            code: AckMessage::STATUS_OK,
            headers: Headers {
                message_id: frame.headers.message_id.clone(),
                content_type: Some(Headers::CONTENT_TYPE_APPLICATION_JSON.to_owned()),
                ..Default::default()
            },
            message: "OK".to_owned(),
            data: json!({ "response": shown }).to_string(),
        }
    }
}

fn main() {
    let mut given = std::env::args().skip(1);
    let (id, secret) = (given.next().expect("a client id"), given.next().expect("a secret"));
    DingTalkStreamClient::builder(Credential::new(&id, &secret))
        .register_callback_handler(ChatbotMessage::TOPIC, Hear)
        .register_callback_handler(CARD_CALLBACK_ROUTER_TOPIC, Tap)
        .build()
        .start_forever()
        .expect("the client runs");
}
