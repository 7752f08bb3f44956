// Keeps the console's page up to date: the server says which turn changed, and its HTML is fetched and put in place.

const GATHER_MS = 150;
const NEAR_PX = 120;

const desk = document.querySelector(".desk");
const list = document.getElementById("list");
const turns = document.getElementById("turns");
const live = document.getElementById("live");
const key = desk.dataset.key;
const asked = new URLSearchParams(location.search);
const paged = asked.has("before");
const only = asked.has("waiting") ? { waiting: asked.get("waiting") } : {};
const changed = new Set();
let gathering = 0;

async function fetchHtml(path, query) {
  const response = await fetch(`${path}?${new URLSearchParams(query)}`);
  if (response.status === 401) location.assign("/console/login");
  if (!response.ok) return null;
  const template = document.createElement("template");
  template.innerHTML = await response.text(); // escaped by the server's templates
  return template.content;
}

async function refreshList() {
  const fresh = await fetchHtml("/console/list", { c: key, ...only });
  if (!fresh || paged) return;
  const focused = document.activeElement?.dataset.key;
  const top = list.scrollTop;
  list.replaceChildren(fresh);
  list.scrollTop = top;
  if (focused) list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

async function refreshTurn(id) {
  const fresh = await fetchHtml("/console/turn", { id });
  const step = fresh?.querySelector(".step");
  if (!step) return;
  const near = turns.scrollHeight - turns.scrollTop - turns.clientHeight < NEAR_PX;
  const old = turns.querySelector(`[data-id="${CSS.escape(id)}"]`);
  if (old) {
    const details = step.querySelector("details");
    if (details) details.open = old.querySelector("details")?.open ?? false;
    old.replaceWith(step);
  } else {
    const after = [...turns.querySelectorAll(".step")].findLast((other) => Number(other.dataset.at) <= Number(step.dataset.at));
    if (after) after.after(step);
    else turns.append(step);
  }
  document.getElementById("standing").replaceChildren(fresh.querySelector("#standing-now").content);
  if (near) turns.scrollTop = turns.scrollHeight;
}

async function refreshAll() {
  await refreshList();
  if (!turns) return;
  const fresh = await fetchHtml("/console/turns", { c: key });
  for (const step of fresh?.querySelectorAll(".step") ?? []) await missing(step);
}

async function missing(step) {
  const old = turns.querySelector(`[data-id="${CSS.escape(step.dataset.id)}"]`);
  if (!old || old.dataset.status !== step.dataset.status) await refreshTurn(step.dataset.id);
}

function gather() {
  gathering = 0;
  const ids = [...changed];
  changed.clear();
  refreshList();
  if (turns) ids.forEach(refreshTurn);
}

function listen() {
  const events = new EventSource("/api/console/events");
  let before = false;
  events.addEventListener("open", () => {
    live.dataset.state = "live";
    live.textContent = "实时";
    if (before) refreshAll();
    before = true;
  });
  events.addEventListener("error", () => {
    live.dataset.state = "connecting";
    live.textContent = "重新连接中";
    // a refused stream (logged out, or the service is starting) is not tried again by the browser itself
    if (events.readyState === EventSource.CLOSED) setTimeout(() => refreshAll().finally(listen), 3000);
  });
  events.addEventListener("message", ({ data }) => {
    const turn = JSON.parse(data);
    if (turn.conversation === key) changed.add(turn.id);
    gathering ||= setTimeout(gather, GATHER_MS);
  });
}

turns?.addEventListener("click", async (event) => {
  const before = event.target.dataset?.before;
  if (!before) return;
  const fresh = await fetchHtml("/console/turns", { c: key, before });
  if (!fresh) return;
  const height = turns.scrollHeight - turns.scrollTop;
  event.target.replaceWith(fresh);
  turns.scrollTop = turns.scrollHeight - height;
});
if (turns) turns.scrollTop = turns.scrollHeight;
listen();
