// An echo bot on Koishi's adapter. Its hosts are set, because `fetch` of Node 20 takes no proxy.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url); // the adapter exists as CommonJS only
const { Context, HTTP } = require("@satorijs/core");
const { default: DingtalkBot } = require("@satorijs/adapter-dingtalk");

const [url, appkey, secret] = process.argv.slice(2);
const context = new Context();
context.plugin(HTTP);
context.plugin(DingtalkBot, {
  protocol: "ws",
  appkey,
  secret,
  agentId: 3001,
  api: { endpoint: `${url}/v1.0/` },
  oldApi: { endpoint: `${url}/` },
});
context.on("message", (session) => session.bot.sendMessage(session.channelId, `heard: ${session.content}`));
await context.start();
