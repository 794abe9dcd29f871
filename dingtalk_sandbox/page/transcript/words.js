// The texts of transcripts, as [Chinese, English].
export const TRANSCRIPT_WORDS = {
  "transcript.save": ["保存聊天记录", "Save transcript"],
  "transcript.load": ["载入聊天记录…", "Load transcript…"],
  "transcript.hint": ["聊天记录不含密钥，载入后可以从任何一条消息继续：打开消息的详情，选“从这里重新开始”", "A transcript has no secrets. Continue a loaded one from any message: open its details and restart from there."],
  "transcript.loaded": ["{name} 已载入：{messages} 条消息", "{name} loaded. Messages: {messages}"],
  "transcript.restart": ["从这里重新开始", "Restart from here"],
  "transcript.restart.hint": ["之后的消息会消失，卡片回到当时的样子；机器人不会收到通知", "Later messages disappear and cards go back. Bots are not told."],
  "transcript.restarted": ["已从这里重新开始，共 {messages} 条消息", "Restarted from here. Messages: {messages}"],
};
