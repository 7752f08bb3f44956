// The chat page: frames of the line become turns on the page, the composer's text goes down the line.

import { drawTurn, timeOf } from "./draw.js";
import { element } from "./markdown.js";
import { Line } from "./line.js";

const NEAR_PX = 80;
const QUIET_MS = 5 * 60 * 1000;
const SLOW_ANSWER_MS = 20000;
const STATES = { connecting: "正在连接…", online: "在线", offline: "连接已断开，正在重连…" };

const $ = (id) => document.getElementById(id);
const [log, turns, text, send, typing, newest, earlier] = ["log", "turns", "text", "send", "typing", "newest", "earlier"].map($);
const line = new Line(new URL("/chat/ws", location.href.replace(/^http/, "ws")));
const framed = window.parent !== window;
let patience = 0;

// --- turns on the page

const near = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;

function toEnd() {
  log.scrollTop = log.scrollHeight;
  newest.hidden = true;
}

function place(turn) {
  const old = [...turns.children].find((item) => (turn.id && item.dataset.id === turn.id) || (turn.say && item.dataset.say === turn.say));
  const item = drawTurn(turn, choose);
  if (turn.pending) item.classList.add(turn.failed ? "failed" : "pending");
  else item.dataset.waits = turn.waits ? "1" : "";
  if (turn.pending && old?.dataset.id) return; // it arrived already, only the word of it was lost
  if (old && !old.dataset.id) old.remove();
  else if (old) return old.replaceWith(item);
  const after = [...turns.children].findLast((other) => Number(other.dataset.at) <= turn.at && !other.classList.contains("pending"));
  if (turn.pending) turns.append(item);
  else if (after) after.after(item);
  else turns.prepend(item);
}

function known({ id, say, at, by, said, bubbles, status }) {
  return { id, say, at: at * 1000, by, said, bubbles, waits: status === "new" };
}

function pending(said, failed = "") {
  return { say: said.id, at: said.at, said: said.title || said.text, bubbles: [], pending: true, failed, fate: failed || "发送中…" };
}

/** What depends on the turns around: times where there was a pause, live buttons only in the last answer. */
function settle() {
  let last = 0;
  turns.querySelectorAll(".turn > time").forEach((time) => time.remove());
  for (const item of turns.children) {
    const at = Number(item.dataset.at);
    if (at - last > QUIET_MS) item.prepend(element("time", { datetime: new Date(at).toISOString() }, timeOf(at, Date.now())));
    last = at;
  }
  const answer = turns.lastElementChild;
  turns.querySelectorAll("button.choice").forEach((button) => { button.disabled = !answer.contains(button); });
  $("empty").hidden = turns.children.length > 0;
  const waits = [...turns.children].some((item) => item.dataset.waits);
  typing.hidden = !waits;
  clearTimeout(patience);
  if (waits) patience = setTimeout(() => line.sync(), SLOW_ANSWER_MS);
}

function update(change) {
  const stick = near();
  change();
  settle();
  if (stick) toEnd();
  else newest.hidden = false;
}

// --- what the server sends

const HEARD = {
  welcome(frame) {
    log.setAttribute("aria-busy", "true");
    update(() => { frame.turns.map(known).forEach(place); line.unsent().forEach((said) => place(pending(said))); });
    if (!earlier.dataset.used) earlier.hidden = !frame.more;
    toEnd();
    setTimeout(() => log.setAttribute("aria-busy", "false"));
  },
  turn: (frame) => {
    const fresh = frame.turn.bubbles.length > 0;
    update(() => place(known(frame.turn)));
    if (fresh && framed) window.parent.postMessage({ yingda: "answer" }, "*");
  },
  latest: (frame) => update(() => frame.turns.map(known).forEach(place)),
  earlier(frame) {
    const height = log.scrollHeight - log.scrollTop;
    frame.turns.map(known).forEach(place);
    settle();
    earlier.dataset.used = "1";
    earlier.hidden = !frame.more;
    log.scrollTop = log.scrollHeight - height;
  },
  refuse({ id, again, text: why }) {
    const item = id && turns.querySelector(`[data-say="${CSS.escape(id)}"]`);
    if (!item) return;
    item.querySelector(".fate").textContent = why;
    item.classList.toggle("failed", !again);
  },
};

line.addEventListener("frame", ({ detail }) => HEARD[detail.type]?.(detail));
line.addEventListener("state", ({ detail }) => {
  if ($("state").dataset.state === detail) return;
  $("state").dataset.state = detail;
  $("state").textContent = STATES[detail];
});

// --- what the visitor does

function choose(title, payload) {
  const said = line.say(payload, title === payload ? "" : title);
  update(() => place(pending(said)));
  toEnd();
  text.focus({ preventScroll: true });
}

function grow() {
  send.disabled = !text.value.trim();
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const said = text.value.trim();
  if (!said) return;
  text.value = "";
  grow();
  choose(said, said);
});
text.addEventListener("input", grow);
text.addEventListener("keydown", (event) => {
  // While an input method composes, Enter picks a word (keyCode 229 where isComposing is already over, in Safari).
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  $("composer").requestSubmit();
});
earlier.addEventListener("click", () => line.earlier(Number(turns.firstElementChild.dataset.at)));
newest.addEventListener("click", toEnd);
log.addEventListener("scroll", () => { if (near()) newest.hidden = true; });
log.addEventListener("load", () => { if (newest.hidden) toEnd(); }, true);
window.addEventListener("online", () => line.hurry());
document.addEventListener("visibilitychange", () => { if (!document.hidden) line.hurry(); });

// --- how the widget dresses the page: ?title=…&color=0b7a5c

const dress = new URLSearchParams(location.search);
const title = (dress.get("title") || "").slice(0, 20);
if (title) document.title = $("title").textContent = title;
const dark = matchMedia("(prefers-color-scheme: dark)");
if (/^[0-9a-f]{6}$/i.test(dress.get("color") || "")) {
  paint(dress.get("color"));
  dark.addEventListener("change", () => paint(dress.get("color")));
}

/** The brand's colour: black or white on it, and it on the page's ground only where it can be read (WCAG 2.2, 4.5:1). */
function paint(color) {
  const linear = (hex) => { const v = parseInt(hex, 16) / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const [red, green, blue] = color.match(/../g).map(linear);
  const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  const { style } = document.documentElement;
  style.setProperty("--brand", `#${color}`);
  style.setProperty("--on-brand", light > 0.179 ? "#17211d" : "#fff");
  style.setProperty("--accent", (dark.matches ? light > 0.28 : light < 0.18) ? "var(--brand)" : "var(--ink)");
}

if (framed) {
  document.querySelector(".chat").classList.add("framed");
  $("close").hidden = false;
  const close = () => window.parent.postMessage({ yingda: "close" }, "*");
  $("close").addEventListener("click", close);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  window.addEventListener("message", (event) => { if (event.source === window.parent && event.data?.yingda === "open") text.focus(); });
}
line.open();
if (matchMedia("(pointer: fine)").matches && !framed) text.focus();
