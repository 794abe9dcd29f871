// Send a message by dingtalk-robot-sender, with its default endpoint.
import ChatBot from "dingtalk-robot-sender";

const [token, secret] = process.argv.slice(2);
const robot = new ChatBot({
  baseUrl: "https://oapi.dingtalk.com/robot/send",
  accessToken: token,
  secret,
});
const { data } = await robot.text("hello");
process.exit(data.errcode);
