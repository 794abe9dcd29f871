// Keep pages fresh, and forms from being sent twice. Every page works without it.
"use strict";

const main = document.querySelector("main");
const seconds = Number(main?.dataset.refresh || 0);

function isBusy() {
  const inside = main.contains(document.activeElement) && document.activeElement !== main;
  return inside || document.hidden || main.querySelector("details[open]") || String(getSelection());
}

async function refresh() {
  if (isBusy()) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.status === 401) location.reload();
  if (!answer.ok) return;
  const next = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  if (next && !isBusy()) {
    main.replaceChildren(...next.childNodes);
    main.dataset.refresh = next.dataset.refresh || "0";
  }
}

if (seconds) setInterval(() => refresh().catch(() => {}), seconds * 1000);

document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});

document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
