// One turn of the conversation as DOM nodes. `choose(title, payload)` is called when a button is tapped.

import { element, link, linked, markdown } from "./markdown.js";

const DRAWERS = {
  text: ({ text }) => element("div", { class: "bubble text" }, linked(text)),
  markdown: ({ title, text }) => element("div", { class: "bubble" }, ...(title ? [element("h2", {}, title)] : []), markdown(text)),
  notice: ({ text }) => element("div", { class: "bubble notice" }, text),
  image: ({ url, alt }) => (url ? element("div", { class: "bubble media" }, picture(url, alt)) : element("div", { class: "bubble" }, alt || "[图片]")),
  voice: ({ url }) => element("div", { class: "bubble media" }, element("audio", { src: url, controls: "controls", preload: "none" })),
  video: ({ url, title }) => element("div", { class: "bubble media" }, element("video", { src: url, controls: "controls", preload: "none", title })),
  file: ({ url, name }) => element("div", { class: "bubble" }, link(url, `📎 ${name}`)),
  news: ({ articles }) => element("div", { class: "bubble" }, ...articles.map(article)),
  custom: ({ payload }) => element("div", { class: "bubble" }, element("pre", {}, JSON.stringify(payload, null, 2))),
  card,
};

function picture(url, alt) {
  const image = element("img", { src: url, alt: alt || "图片" });
  const made = link(url, image);
  image.addEventListener("error", () => made.replaceChildren(`🖼 ${alt || "图片"}（未能显示，点此打开）`));
  return made;
}

function article({ url, title, description, image }) {
  const made = link(url, element("strong", {}, title), element("span", {}, description || ""));
  made.classList.add("article");
  if (image) made.append(element("img", { src: image, alt: "" }));
  return made;
}

function card({ title, text, url, image, buttons }, choose) {
  const made = element("div", { class: "bubble card" });
  if (image) made.append(picture(image, title));
  if (title) made.append(element("h2", {}, url ? link(url, title) : title));
  if (text) made.append(element("div", { class: "text" }, linked(text)));
  if (url && !title) made.append(link(url, url));
  if (buttons.length) made.append(element("div", { class: "choices", role: "group", "aria-label": "可选回复" }, ...buttons.map((button) => choice(button, choose))));
  return made;
}

function choice({ title, payload, url }, choose) {
  if (url) {
    const made = link(url, title);
    made.classList.add("choice");
    return made;
  }
  const made = element("button", { type: "button", class: "choice" }, title);
  made.addEventListener("click", () => choose(title, payload));
  return made;
}

/** A turn as a list item: `{at, by, said, bubbles}`. Times are milliseconds. */
export function drawTurn({ id, say, at, by, said, bubbles, fate }, choose) {
  const item = element("li", { class: "turn", "data-id": id, "data-say": say, "data-at": String(at) });
  if (said) item.append(element("div", { class: "said" }, said));
  if (fate) item.append(element("div", { class: "fate", role: "status" }, fate));
  if (bubbles.length) {
    const list = element("div", { class: "list" });
    if (by === "operator") list.append(element("span", { class: "by" }, "人工客服"));
    for (const bubble of bubbles) list.append((DRAWERS[bubble.kind] || DRAWERS.custom)(bubble, choose));
    item.append(element("div", { class: "answers" }, element("span", { class: "face", "aria-hidden": "true" }), list));
  }
  return item;
}

const clock = new Intl.DateTimeFormat("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat("zh-CN", { month: "long", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });

/** 14:05, or 11月20日 14:05 where it was not today. */
export function timeOf(at, now) {
  const date = new Date(at);
  return (date.toDateString() === new Date(now).toDateString() ? clock : day).format(date);
}
