// The page that a person sees after scanning the code of a registration: confirm or refuse the new app.
import { api } from "./api.js";
import { byId, h } from "./dom.js";
import { language, setLanguage, t, translatePage } from "./i18n.js";

const given = new URLSearchParams(location.search).get("user_code") ?? "";

function labelled(key, field) {
  return h("label", {}, h("span", {}, t(key)), field);
}

function codeField() {
  return given
    ? h("p", {}, t("reg.code"), " ", h("span", { class: "code", data: { testid: "code" } }, given))
    : labelled("reg.code", h("input", { type: "text", name: "code", required: true, placeholder: "XXXX-XXXX-XXXX", data: { testid: "code" } }));
}

function groupChoices(groups) {
  const box = (group) => h("label", {}, h("input", { type: "checkbox", name: "group", value: group.id, data: { testid: `group-${group.id}` } }), h("span", {}, group.title));
  return groups.length ? h("fieldset", {}, h("legend", {}, t("reg.groups")), groups.map(box)) : null;
}

function show(key, values, bad) {
  byId("consent").replaceChildren(h("p", { class: bad ? "done failed" : "done", role: "status", data: { testid: "outcome" } }, t(key, values)));
}

async function decide(form, action) {
  const fields = new FormData(form);
  const code = given || String(fields.get("code") ?? "").trim();
  try {
    if (action === "refuse") {
      await api.registration({ user_code: code, action });
      return show("reg.refused");
    }
    const done = await api.registration({ user_code: code, action, user: fields.get("user"), robot_name: fields.get("name") });
    for (const group of fields.getAll("group")) await api.robots({ group, robot: done.app, action: "add" });
    return show("reg.created", { name: done.robotName, app: done.app });
  } catch (error) {
    return show("reg.failed", { why: error.message }, true);
  }
}

function form(scene) {
  const colleagues = scene.people.filter((person) => person.staffId);
  const groups = scene.conversations.filter((c) => c.kind === "group");
  const node = h("form", { data: { testid: "form" } },
    h("p", {}, t("reg.about")),
    codeField(),
    labelled("reg.user", h("select", { name: "user", data: { testid: "user" } }, colleagues.map((p) => h("option", { value: p.id }, p.name)))),
    labelled("reg.name", h("input", { type: "text", name: "name", value: "DingRun", maxlength: 40, data: { testid: "name" } })),
    groupChoices(groups),
    h("div", { class: "answers" },
      h("button", { type: "button", data: { testid: "refuse" }, on: { click: () => decide(node, "refuse") } }, t("reg.refuse")),
      h("button", { type: "submit", class: "yes", data: { testid: "confirm" } }, t("reg.confirm"))));
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    decide(node, "confirm");
  });
  return node;
}

async function draw() {
  translatePage();
  try {
    byId("consent").replaceChildren(form(await api.scene()));
  } catch (error) {
    show("reg.failed", { why: error.message }, true);
  }
  document.body.dataset.ready = "yes";
}

byId("lang").addEventListener("click", () => {
  setLanguage(language() === "en" ? "zh" : "en");
  draw();
});
draw();
