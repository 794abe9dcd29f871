import com.dingtalk.open.app.api.OpenDingTalkStreamClientBuilder;
import com.dingtalk.open.app.api.callback.DingTalkStreamTopics;
import com.dingtalk.open.app.api.models.bot.ChatbotMessage;
import com.dingtalk.open.app.api.security.AuthClientCredential;
import java.util.Map;
import shade.com.alibaba.fastjson2.JSON;
import shade.com.alibaba.fastjson2.JSONObject;

/** A bot on the official Java client, unmodified. Its environment leads it to the sandbox. */
class Bot {
    static JSONObject hear(ChatbotMessage message) {
        var text = JSON.toJSONString(message.getText().getContent());
        System.out.println("message " + message.getMsgId() + " " + text + " " + message.getSenderStaffId());
        return new JSONObject();
    }

    static JSONObject tap(JSONObject tap) {
        var content = JSON.parseObject(tap.getString("content"));
        var action = content.getJSONObject("cardPrivateData").getJSONArray("actionIds").getString(0);
        System.out.println("tap " + tap.getString("outTrackId") + " " + action + " " + tap.getString("userId"));
        var variables = Map.of("cardParamMap", Map.of("tips", "taken: " + action));
        return new JSONObject()
                .fluentPut("cardUpdateOptions", Map.of("updateCardDataByKey", true))
                .fluentPut("cardData", variables);
    }

    public static void main(String[] args) throws Exception {
        OpenDingTalkStreamClientBuilder.custom()
                .credential(new AuthClientCredential(args[0], args[1]))
                .registerCallbackListener(DingTalkStreamTopics.BOT_MESSAGE_TOPIC, Bot::hear)
                .registerCallbackListener(DingTalkStreamTopics.CARD_CALLBACK_TOPIC, Bot::tap)
                .build()
                .start();
    }
}
