// A bot on the unmodified official Node client. Its hosts are fixed in it, so an interceptor turns them to the sandbox.
import axios from "axios";
import { DWClient, TOPIC_CARD, TOPIC_ROBOT } from "dingtalk-stream";

const [base, clientId, clientSecret] = process.argv.slice(2);

axios.interceptors.request.use((request) => {
  request.url = request.url.replace(/https:\/\/(api|oapi)\.dingtalk\.com/, base);
  return request;
});

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
