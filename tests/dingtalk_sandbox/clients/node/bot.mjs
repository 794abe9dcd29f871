// A bot on the official Node client. Its environment leads it to the sandbox.
import { DWClient, TOPIC_CARD, TOPIC_ROBOT } from "dingtalk-stream";

const [clientId, clientSecret] = process.argv.slice(2);

const client = new DWClient({ clientId, clientSecret });

client.registerCallbackListener(TOPIC_ROBOT, ({ data, headers }) => {
  const message = JSON.parse(data);
  console.log(`message ${message.msgId} ${JSON.stringify(message.text.content)} ${message.senderStaffId}`);
  client.socketCallBackResponse(headers.messageId, null);
});

client.registerCallbackListener(TOPIC_CARD, ({ data, headers }) => {
  const tap = JSON.parse(data);
  const [action] = JSON.parse(tap.content).cardPrivateData.actionIds;
  console.log(`tap ${tap.outTrackId} ${action} ${tap.userId}`);
  client.socketCallBackResponse(headers.messageId, {
    cardUpdateOptions: { updateCardDataByKey: true },
    cardData: { cardParamMap: { tips: `taken: ${action}` } },
  });
});

await client.connect();
