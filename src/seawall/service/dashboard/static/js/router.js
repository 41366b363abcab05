// The address behind the # chooses the page: #/map/BTC?side=down. Everything that a page starts
// through its `page` ends when it is left.

import { Problem, ask, command, get } from "./api.js";
import { clear, h, say } from "./dom.js";
import * as feed from "./feed.js";
import { empty, toast } from "./parts.js";
import { PAGES } from "./pages.js";
import { count, when } from "./text.js";

const AGAIN_MS = 1500;
const NOT_YET = new Set(["unreachable", "not_started", "no_price"]);

let current = null;
let place = null;
const listeners = new Set();

export function onRoute(fn) {
  listeners.add(fn);
}

export function start(node) {
  place = node;
  window.addEventListener("hashchange", route);
  route();
}

export function go(way) {
  location.hash = way.startsWith("#") ? way : `#/${way}`;
}

// A way with its parts escaped: way("account", "a/b") → "#/account/a%2Fb".
export function way(...parts) {
  return `#/${parts.map((one) => encodeURIComponent(one)).join("/")}`;
}

// The page is shown anew, as after another key.
export function again() {
  current?.leave();
  current = null;
  route();
}

// It starts, is not there, or is a venue without rules or prices: nothing is wrong with the question.
function isNotYet(error) {
  return error.status === 503 || NOT_YET.has(error.code);
}

async function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...params] = path.split("/").filter(Boolean).map(decodeURIComponent);
  const entry = PAGES.find((one) => one.way === (name || "overview"));
  if (current && entry === current.entry && current.turned) {
    // The page that stands there may turn by itself: no flicker, no lost state.
    if (current.turned(params, new URLSearchParams(query))) return;
  }
  current?.leave();
  const mine = new Page(entry, params, new URLSearchParams(query));
  current = mine;
  for (const fn of listeners) fn(entry);
  clear(place, mine.node);
  place.scrollTop = 0;
  window.scrollTo(0, 0);
  if (!entry) {
    mine.title("No such page");
    mine.body.append(empty("There is no page of this name.", `#/${path}`));
    return;
  }
  mine.title(entry.title);
  try {
    const module = await entry.load();
    if (current === mine) await module.mount(mine);
  } catch (error) {
    if (current !== mine || error.name === "AbortError") return;
    mine.failed(error);
  }
}

export class Page {
  constructor(entry, params, query) {
    Object.assign(this, { entry, params, query, turned: null });
    this.ends = [];
    this.aborter = new AbortController();
    this.heading = h("h1", { tabindex: "-1" });
    this.moment = h("p", { class: "moment" });
    this.tools = h("div", { class: "tools" });
    this.body = h("div", { class: "page-body" });
    this.node = h("article", { class: "page" },
      h("header", { class: "page-head" },
        h("div", {}, this.heading, this.moment), this.tools), this.body);
  }

  title(text) {
    say(this.heading, text);
    document.title = `${text} · Seawall`;
  }

  // The moment of which the numbers are, under the title.
  stamp({ time_ms, sequence }, more = "") {
    if (!time_ms) return void say(this.moment, more || "No venue has been opened yet.");
    say(this.moment, `As of ${when(time_ms)} · event ${count(sequence)}${more ? ` · ${more}` : ""}`);
  }

  // A channel of the stream; ends with the page.
  watch(channel, fn) {
    const stop = feed.watch(channel, (state, told) => {
      try {
        fn(state, told);
      } catch (error) {
        console.error(error);
        toast(error);
      }
    });
    this.ends.push(stop);
    return stop;
  }

  // Now and then every so many milliseconds, never two at once; not while the page is hidden.
  every(wait_ms, fn) {
    let ended = false;
    let timer = 0;
    const turn = async () => {
      try {
        if (!document.hidden) await fn();
      } catch (error) {
        if (error.name !== "AbortError" && !(error instanceof Problem)) throw error;
        if (error instanceof Problem && !isNotYet(error)) toast(error);
        if (isNotYet(error) && !this.moment.textContent) say(this.moment, error.message);
      } finally {
        if (!ended) timer = setTimeout(turn, wait_ms);
      }
    };
    turn();
    const stop = () => {
      ended = true;
      clearTimeout(timer);
    };
    this.ends.push(stop);
    return stop;
  }

  get(path) {
    return get(path, { signal: this.aborter.signal });
  }

  ask(path, body) {
    return ask(path, body, { signal: this.aborter.signal });
  }

  command(path, body) {
    return command(path, body, { signal: this.aborter.signal });
  }

  listen(target, type, fn) {
    target.addEventListener(type, fn, { signal: this.aborter.signal });
  }

  // Something with an `end()`: a chart, a picture.
  keep(thing) {
    this.ends.push(() => thing.end());
    return thing;
  }

  onleave(fn) {
    this.ends.push(fn);
  }

  // What the page shows stands in the address, so that it can be shared.
  setQuery(values) {
    const query = new URLSearchParams(
      Object.entries(values).filter(([, one]) => one !== null && one !== undefined && one !== ""));
    this.query = query;
    const path = [this.entry.way, ...this.params].map(encodeURIComponent).join("/");
    history.replaceState(null, "", `#/${path}${query.size ? `?${query}` : ""}`);
  }

  // What the page began ends. Where the venue is not so far yet it is asked again until it is.
  failed(error) {
    this.leave();
    const code = error instanceof Problem ? `${error.status} ${error.code}` : null;
    clear(this.body, empty(error.message, code), error.code === "not_started" && h("p", { class: "empty note" },
      "seawall serve --rules FILE opens a venue, and so does POST /v1/venue."));
    if (!code) console.error(error);
    if (!isNotYet(error)) return;
    const timer = setTimeout(again, AGAIN_MS);
    this.onleave(() => clearTimeout(timer));
  }

  leave() {
    this.aborter.abort();
    for (const end of this.ends.splice(0)) end();
  }
}
