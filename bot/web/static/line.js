// The line to the server: one WebSocket that comes back by itself. What is said is kept in the browser until the
// server has acknowledged it, and said again under the same id after each reconnect: nothing is lost, nothing doubled.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;
const PING_MS = 25000;
const PONG_MS = 10000;
const AGAIN_MS = 3000;
const KEY = "yingda.key";
const UNSENT = "yingda.unsent.";

/** Storage that works where the browser forbids it (private windows, frames of other sites): for this page only. */
function memory() {
  try {
    localStorage.setItem("yingda.probe", "1");
    localStorage.removeItem("yingda.probe");
    return localStorage;
  } catch {
    const kept = new Map();
    return {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => kept.set(key, value),
      removeItem: (key) => kept.delete(key),
      get length() { return kept.size; },
      key: (i) => [...kept.keys()][i],
    };
  }
}

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Line extends EventTarget {
  // Events: "state" (detail: connecting, online or offline), "frame" (detail: what the server sent).
  #url; #store; #socket = null; #wait = FIRST_WAIT_MS; #timer = 0; #ping = 0; #pong = 0; #ready = false;

  constructor(url) {
    super();
    this.#url = url;
    this.#store = memory();
  }

  open() {
    clearTimeout(this.#timer);
    this.#tell("state", navigator.onLine ? "connecting" : "offline");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#send({ type: "hello", key: this.#store.getItem(KEY) || "" }));
    socket.addEventListener("message", ({ data }) => socket === this.#socket && this.#heard(JSON.parse(data)));
    socket.addEventListener("close", () => socket === this.#socket && this.#lost());
  }

  /** Tries at once: the network is back, or the page is looked at again. */
  hurry() {
    if (this.#socket === null) this.open();
  }

  say(text, title = "") {
    const said = { type: "say", id: newId(), text, title, at: Date.now() };
    this.#store.setItem(UNSENT + said.id, JSON.stringify(said));
    if (this.#ready) this.#send(said);
    return said;
  }

  earlier(beforeMs) { this.#send({ type: "earlier", before: beforeMs / 1000 }); }

  sync() { this.#send({ type: "sync" }); }

  /** What was said and not acknowledged yet, oldest first. */
  unsent() {
    const keys = Array.from({ length: this.#store.length }, (_, i) => this.#store.key(i)).filter((key) => key.startsWith(UNSENT));
    return keys.map((key) => JSON.parse(this.#store.getItem(key))).sort((a, b) => a.at - b.at);
  }

  #heard(frame) {
    clearTimeout(this.#pong);
    if (frame.type === "welcome") this.#welcomed(frame);
    if (frame.type === "ack") this.#store.removeItem(UNSENT + frame.id);
    if (frame.type === "refuse" && frame.id) this.#refused(frame);
    this.#tell("frame", frame);
  }

  #welcomed({ key }) {
    this.#store.setItem(KEY, key);
    this.#ready = true;
    this.#wait = FIRST_WAIT_MS;
    this.#ping = setInterval(() => this.#beat(), PING_MS);
    this.#tell("state", "online");
    for (const said of this.unsent()) this.#send(said);
  }

  #refused({ id, again }) {
    if (again) setTimeout(() => this.unsent().filter((said) => said.id === id).forEach((said) => this.#send(said)), AGAIN_MS);
    else this.#store.removeItem(UNSENT + id);
  }

  #beat() {
    this.#send({ type: "ping" });
    this.#pong = setTimeout(() => this.#lost(), PONG_MS);
  }

  #lost() {
    const socket = this.#socket;
    this.#socket = null;
    this.#ready = false;
    socket?.close();
    clearInterval(this.#ping);
    clearTimeout(this.#pong);
    this.#tell("state", "offline");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.open(), this.#wait * (0.7 + 0.6 * Math.random()));
    this.#wait = Math.min(LONGEST_WAIT_MS, this.#wait * 2);
  }

  #send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}
