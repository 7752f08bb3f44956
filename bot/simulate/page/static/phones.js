// Three phones: events of the server are drawn, what a person does is posted. Words become text nodes, never markup.

import { element, link, linked, markdown, safeUrl } from "./markdown.js";

const phones = new Map([...document.querySelectorAll(".phone")].map((root) => [root.dataset.phone, root]));
const state = document.querySelector("#state");
const wrong = document.querySelector("#wrong");
const controls = document.querySelector("#controls");
const MOST_ENTRIES = 200;

async function post(path, body, type = "application/json") {
  wrong.hidden = true;
  try {
    const response = await fetch(path, { method: "POST", body, headers: { "Content-Type": type } });
    const told = await response.json();
    if (told.wrong) complain(told.wrong);
  } catch {
    complain("没有连上模拟器，请确认 yingda simulate 还在运行");
  }
}

function complain(words) {
  wrong.textContent = words;
  wrong.hidden = false;
}

const does = (what) => post("/do", JSON.stringify(what));

// --- drawing

function picture(url, alt) {
  const safe = safeUrl(url);
  return safe ? element("img", { src: safe, alt, loading: "lazy" }) : "";
}

function drawTap(tap, place, phone, bubble) {
  if (tap.url) {
    const opened = link(tap.url, tap.title);
    opened.className = "tap";
    return opened;
  }
  const button = element("button", { type: "button", class: "tap" }, tap.title);
  button.addEventListener("click", () => does({ do: "tap", phone, bubble, place }));
  return button;
}

function drawArticle(article) {
  const made = link(article.url, element("b", {}, article.title), element("span", {}, article.text), picture(article.picture, ""));
  made.className = "article";
  return made;
}

function drawBubble(event) {
  const { bubble, phone, who } = event;
  const kinds = ["bubble", who, bubble.kind];
  if (bubble.growing) kinds.push("growing");
  if (bubble.failed) kinds.push("failed");
  if (phone === "wechat" && bubble.taps.length) kinds.push("wechat-menu");
  const item = element("li", { class: kinds.join(" "), "data-id": bubble.id });
  if (event.group) item.append(element("span", { class: "by" }, who === "me" ? "群聊 · 我" : "群聊 · 机器人"));
  if (bubble.title) item.append(element("strong", { class: "title" }, bubble.title));
  if (bubble.picture) item.append(picture(bubble.picture, "图片"));
  else if (bubble.kind === "markdown") item.append(element("div", { class: "body" }, markdown(bubble.text)));
  else if (bubble.text) item.append(element("div", { class: "body text" }, linked(bubble.text)));
  item.append(...bubble.articles.map(drawArticle));
  if (bubble.taps.length) {
    item.append(element("div", { class: "taps" }, ...bubble.taps.map((tap, place) => drawTap(tap, place, phone, bubble.id))));
  }
  return item;
}

function show(phone, item) {
  const log = phones.get(phone).querySelector(".log");
  const old = item.dataset.id && log.querySelector(`[data-id="${CSS.escape(item.dataset.id)}"]`);
  if (old) old.replaceWith(item);
  else log.append(item);
  log.scrollTop = log.scrollHeight;
}

function drawEntry(entry) {
  const part = (title, text, kind) => (text ? [element("h3", {}, title), element("pre", { class: kind, tabindex: "0" }, text)] : []);
  const status = entry.refused ? `错误 ${entry.refused}` : entry.status ? `${entry.status} · ${entry.seconds} s` : entry.method === "WS" ? "帧" : "无应答";
  return element(
    "li", { class: entry.refused || (!entry.status && entry.method !== "WS") ? "refused" : null },
    element("details", {},
      element("summary", {},
        element("span", { class: "way" }, entry.to === "bot" ? "平台 → 机器人" : "机器人 → 平台"),
        element("span", { class: "path" }, `${entry.method} ${entry.path}`),
        element("span", { class: "status" }, status)),
      ...part("请求原文", entry.request, "sealed"), ...part("请求解密", entry.opened_request, "opened"),
      ...part("应答原文", entry.response, "sealed"), ...part("应答解密", entry.opened_response, "opened")));
}

function addEntry(phone, entry) {
  const list = phones.get(phone).querySelector(".entries");
  list.prepend(drawEntry(entry));
  while (list.children.length > MOST_ENTRIES) list.lastChild.remove();
  phones.get(phone).querySelector(".count").textContent = entry.id;
}

function drawState(told) {
  controls.speed.value = told.speed.toFixed(1);
  controls.slow.value = String(told.slow);
  controls.repeat.value = String(told.repeat);
  for (const [name, root] of phones) {
    const group = root.querySelector("[name=group]");
    const mention = root.querySelector("[name=mention]");
    group.disabled = !told.groups[name];
    group.checked = told.written[name].group;
    mention.disabled = !group.checked;
    mention.checked = told.written[name].mention;
    for (const button of root.querySelectorAll("[data-variant]")) {
      button.setAttribute("aria-pressed", String(button.dataset.variant === told.variant[name]));
    }
  }
}

function clear() {
  for (const root of phones.values()) {
    root.querySelector(".log").replaceChildren();
    root.querySelector(".entries").replaceChildren();
    root.querySelector(".count").textContent = "0";
    root.querySelector(".typing").hidden = true;
  }
}

const TAKE = {
  state: drawState,
  reset: () => connect(),
  bubble: (event) => show(event.phone, drawBubble(event)),
  line: (event) => show(event.phone, element("li", { class: "line" }, event.text)),
  typing: (event) => { phones.get(event.phone).querySelector(".typing").hidden = !event.on; },
  wire: (event) => addEntry(event.phone, event.entry),
};

let source = null;

function connect() {
  source?.close();
  source = new EventSource("/events");
  source.onopen = () => { clear(); state.textContent = "已连接"; state.dataset.state = "online"; };
  source.onerror = () => { state.textContent = "连接断开，正在重连…"; state.dataset.state = "connecting"; };
  source.onmessage = (message) => { const event = JSON.parse(message.data); TAKE[event.what]?.(event); };
}

// --- doing

for (const [phone, root] of phones) {
  const composer = root.querySelector(".composer");
  const group = root.querySelector("[name=group]");
  const mention = root.querySelector("[name=mention]");
  const place = () => does({ do: "place", phone, group: group.checked, mention: mention.checked });
  const taken = () => { const words = composer.text.value; composer.text.value = ""; return words; };
  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    if (composer.text.value.trim()) does({ do: "say", phone, text: taken() });
  });
  composer.querySelector("[data-do=speak]").addEventListener("click", () => does({ do: "speak", phone, text: taken() }));
  composer.picture.addEventListener("change", () => {
    const [file] = composer.picture.files;
    if (file) post(`/phones/${phone}/picture`, file, file.type || "application/octet-stream");
    composer.picture.value = "";
  });
  group.addEventListener("change", place);
  mention.addEventListener("change", place);
  root.querySelector("[data-do=enter]").addEventListener("click", () => does({ do: "enter", phone }));
  for (const button of root.querySelectorAll("[data-variant]")) {
    button.addEventListener("click", () => does({ do: "vary", phone, variant: button.dataset.variant }));
  }
}

controls.addEventListener("submit", (event) => event.preventDefault());
controls.speed.addEventListener("change", () => does({ do: "speed", speed: Number(controls.speed.value) }));
controls.slow.addEventListener("change", () => does({ do: "slow", seconds: Number(controls.slow.value) }));
controls.repeat.addEventListener("change", () => does({ do: "repeat", times: Number(controls.repeat.value) }));
controls.querySelector("[data-do=expire]").addEventListener("click", () => does({ do: "expire" }));
controls.querySelector("[data-do=reset]").addEventListener("click", () => does({ do: "reset" }));
controls.querySelector("[data-do=fail]").addEventListener("click", () => {
  if (controls.reportValidity()) does({ do: "fail", phone: controls.phone.value, code: Number(controls.code.value), times: Number(controls.times.value) });
});

connect();
