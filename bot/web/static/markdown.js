// The part of Markdown that a customer-service answer uses, drawn as DOM nodes. What somebody wrote becomes text
// nodes and attributes of a few harmless elements, never markup: there is nothing to sanitise.

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|!\[([^\]]*)\]\(([^()\s]+)\)|\[([^\]]+)\]\(([^()\s]+)\)|(https?:\/\/[^\s<>"'，。！？；：、）】》]+)/g;
const BARE_URL = /https?:\/\/[^\s<>"'，。！？；：、）】》]+/g;

/** The address, if a page may open it (http, https, mailto, tel or a path on this site); else "". */
export function safeUrl(url) {
  const safe = /^(https?:\/\/|mailto:|tel:|\/(?![/\\]))/i.test(url);
  return safe ? url : "";
}

/** Makes an element: attributes that are null or undefined are left out; children are nodes or strings. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export function link(url, ...children) {
  const href = safeUrl(url);
  return href ? element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...children) : element("span", {}, ...children);
}

/** Plain text with its web addresses made into links. */
export function linked(text) {
  const made = document.createDocumentFragment();
  let from = 0;
  for (const match of text.matchAll(BARE_URL)) {
    made.append(text.slice(from, match.index), link(match[0], match[0]));
    from = match.index + match[0].length;
  }
  made.append(text.slice(from));
  return made;
}

function inline(text) {
  const made = document.createDocumentFragment();
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    made.append(text.slice(from, match.index), styled(match));
    from = match.index + match[0].length;
  }
  made.append(text.slice(from));
  return made;
}

function styled([, code, bold, italic, alt, image, label, target, bare]) {
  if (code) return element("code", {}, code);
  if (bold) return element("strong", {}, inline(bold));
  if (italic) return element("em", {}, inline(italic));
  if (image) return safeUrl(image) ? element("img", { src: image, alt: alt || "图片", loading: "lazy" }) : alt;
  if (label) return link(target, label);
  return link(bare, bare);
}

function lines(rows) {
  return rows.flatMap((row, i) => (i ? [element("br"), inline(row)] : [inline(row)]));
}

const BLOCKS = [
  [/^#{1,6}\s+/, (rows) => rows.map((row) => element("h2", {}, inline(row)))],
  [/^[-*+]\s+/, (rows) => [element("ul", {}, ...rows.map((row) => element("li", {}, inline(row))))]],
  [/^\d+[.、)]\s*/, (rows) => [element("ol", {}, ...rows.map((row) => element("li", {}, inline(row))))]],
  [/^>\s?/, (rows) => [element("blockquote", {}, ...lines(rows))]],
  [/^(?=\S)/, (rows) => [element("p", {}, ...lines(rows))]],
];

/** Markdown as a fragment: headings, lists, quotes, fenced code, bold, italic, code, links, images. */
export function markdown(text) {
  const made = document.createDocumentFragment();
  const parts = text.replaceAll("\r\n", "\n").split(/^```.*\n?/m);
  parts.forEach((part, i) => made.append(...(i % 2 ? [element("pre", {}, part.trimEnd())] : blocks(part))));
  return made;
}

function blocks(text) {
  const made = [];
  let kind = null;
  let rows = [];
  const close = () => {
    if (kind && rows.length) made.push(...kind[1](rows));
    rows = [];
  };
  for (const row of text.split("\n")) {
    const next = row.trim() ? BLOCKS.find(([mark]) => mark.test(row.trimStart())) : null;
    if (next !== kind) close();
    kind = next;
    if (next) rows.push(row.trimStart().replace(next[0], ""));
  }
  close();
  return made;
}
