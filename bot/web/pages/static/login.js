// Log in inside DingTalk: ask the client for a code. Anywhere else, or if it fails, the link of the page works.
"use strict";

const { client, corp } = document.querySelector("main").dataset;
const note = document.getElementById("silent");

function requestCode(dd) {
  const ask = dd.requestAuthCode || dd.runtime?.permission?.requestAuthCode;
  return new Promise((resolve, reject) => {
    const done = (result) => resolve(result.code);
    ask({ corpId: corp, clientId: client, success: done, onSuccess: done, fail: reject, onFail: reject });
  });
}

async function logIn() {
  note.hidden = false;
  const code = await requestCode(window.dd);
  const answer = await fetch("/status/dingtalk", { method: "POST", body: new URLSearchParams({ code }) });
  if (answer.ok) location.reload();
  else note.hidden = true;
}

if (window.dd?.requestAuthCode || window.dd?.runtime?.permission?.requestAuthCode) {
  logIn().catch(() => { note.hidden = true; });
}
