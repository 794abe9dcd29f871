// The texts of transcripts, as [Chinese, English].
export const TRANSCRIPT_WORDS = {
  "transcript.save": ["保存聊天记录", "Save transcript"],
  "transcript.load": ["载入聊天记录…", "Load transcript…"],
  "transcript.hint": ["聊天记录不含密钥。载入后可以回放，停在哪一步就从哪一步继续；也可以打开消息的详情，选“从这里重新开始”", "A transcript has no secrets. Play back a loaded one and continue from any step, or open the details of a message and restart from there."],
  "transcript.play": ["回放", "Play"],
  "transcript.pause": ["暂停", "Pause"],
  "transcript.back": ["上一步", "Step back"],
  "transcript.next": ["下一步", "Step forward"],
  "transcript.at": ["第 {at} 步，共 {count} 步", "Step {at} of {count}"],
  "transcript.loaded": ["{name} 已载入：{messages} 条消息", "{name} loaded. Messages: {messages}"],
  "transcript.restart": ["从这里重新开始", "Restart from here"],
  "transcript.restart.hint": ["之后的消息会消失，卡片回到当时的样子；机器人不会收到通知", "Later messages disappear and cards go back. Bots are not told."],
  "transcript.restarted": ["已从这里重新开始，共 {messages} 条消息", "Restarted from here. Messages: {messages}"],
};
