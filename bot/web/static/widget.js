// One line on any page: <script src="https://your-bot.example/widget.js" defer></script>
// Options as attributes: data-title="小店客服" data-color="#0b7a5c" data-side="left" data-open
(() => {
  const script = document.currentScript;
  if (window.yingda || !script) return; // included twice
  const base = new URL(script.src).origin;
  const { title = "在线客服", color = "", side = "right", open } = script.dataset;
  const chosen = /^#[0-9a-f]{6}$/i.test(color) ? { color: color.slice(1) } : {};

  // Constructed style sheets and a shadow root: the site's CSS does not reach in, its content policy is not asked.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    :host { all: initial; }
    .button, .panel { position: fixed; ${side === "left" ? "left" : "right"}: 20px; z-index: 2147483000; }
    .button { bottom: 20px; width: 60px; height: 60px; border: 0; border-radius: 50%; background: #${chosen.color || "0b7a5c"}; color: #fff;
      cursor: pointer; box-shadow: 0 6px 20px rgb(0 0 0 / 28%); display: grid; place-items: center; transition: transform .15s; }
    .button:hover { transform: scale(1.06); }
    .button:focus-visible { outline: 3px solid #0b6a8f; outline-offset: 3px; }
    .button svg { width: 30px; height: 30px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
    .button.unread::after { content: ""; position: absolute; top: 3px; right: 3px; width: 13px; height: 13px; border-radius: 50%;
      background: #e5484d; border: 2px solid #fff; }
    .panel { bottom: 92px; width: min(400px, calc(100vw - 40px)); height: min(640px, calc(100vh - 112px)); border: 0;
      border-radius: 18px; box-shadow: 0 14px 48px rgb(0 0 0 / 30%); background: #f7f9f8; color-scheme: normal; }
    .panel[hidden] { display: none; }
    @media (max-width: 480px) { .panel { inset: 0; width: 100vw; height: 100vh; height: 100dvh; border-radius: 0; }
      .panel:not([hidden]) ~ .button { display: none; } }
    @media (prefers-reduced-motion: reduce) { .button { transition: none; } }`);

  const host = document.createElement("yingda-chat");
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet];
  const panel = document.createElement("iframe");
  panel.className = "panel";
  panel.title = title;
  panel.hidden = true;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.setAttribute("aria-label", title);
  button.setAttribute("aria-expanded", "false");
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("viewBox", "0 0 24 24");
  icon.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", "M21 11.5a8 8 0 0 1-8.5 7.800 9 9 0 0 1-3.200-.7L4 20l1.600-4A7.6 7.6 0 0 1 4 11.5a8 8 0 0 1 8.5-7.800A8 8 0 0 1 21 11.5z");
  icon.append(path);
  button.append(icon);
  root.append(panel, button);

  function show(on) {
    // The page is fetched when it is first wanted, and stays: answers that come while it is closed set the dot.
    if (on && !panel.src) panel.src = `${base}/chat?${new URLSearchParams({ title, ...chosen })}`;
    panel.hidden = !on;
    button.setAttribute("aria-expanded", String(on));
    button.classList.remove("unread");
    if (on) greet();
    else button.focus();
  }

  let loaded = false;
  const greet = () => loaded && !panel.hidden && panel.contentWindow.postMessage({ yingda: "open" }, base);

  button.addEventListener("click", () => show(panel.hidden));
  panel.addEventListener("load", () => { loaded = Boolean(panel.src); greet(); });
  window.addEventListener("message", ({ source, origin, data }) => {
    if (origin !== base || source !== panel.contentWindow) return;
    if (data?.yingda === "close") show(false);
    if (data?.yingda === "answer" && panel.hidden) button.classList.add("unread");
  });
  window.yingda = { open: () => show(true), close: () => show(false) };
  const mount = () => { document.body.append(host); if (open !== undefined) show(true); };
  if (document.body) mount();
  else document.addEventListener("DOMContentLoaded", mount);
})();
