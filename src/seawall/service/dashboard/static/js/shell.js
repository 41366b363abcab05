// What stands around every page: the bar, the way to the pages, the banner of a stale feed, the
// theme, the key of this tab.

import { get, key, onKeyChanged, onKeyWanted, useKey } from "./api.js";
import { themeChanged } from "./chart.js";
import { h, icon, say } from "./dom.js";
import * as feed from "./feed.js";
import * as history from "./history.js";
import { help, keys } from "./keys.js";
import { button, toast } from "./parts.js";
import { PAGES } from "./pages.js";
import { again, onRoute, start as route } from "./router.js";
import { search } from "./search.js";
import { count, day, span, time } from "./text.js";

const THEMES = ["auto", "dark", "light"];

export function start() {
  const main = h("main", { id: "page", tabindex: "-1" });
  const banner = staleBanner();
  document.body.append(bar(), banner, navigation(), main);
  onKeyWanted(() => askKey());
  onKeyChanged(() => {
    feed.connectNow();
    again();
  });
  feed.start();
  history.start();
  route(main);
  keys({ theme: turnTheme });
  venueName();
}

function bar() {
  const sequence = h("b", {}, "–");
  const clock = h("time", {});
  const date = h("span", { class: "date" });
  const speed = h("span", { class: "speed", hidden: true, title: "Venue time runs faster than the wall clock: a replay" });
  const state = h("span", { class: "state", role: "status", "aria-live": "polite" });
  const dot = h("span", { class: "dot", "aria-hidden": "true" });
  feed.onStatus((status) => {
    say(sequence, count(status.sequence));
    const named = { live: "Live", stale: "Stale", connecting: "Connecting", locked: "Key wanted" };
    say(state, named[status.state]);
    const fast = status.state === "live" && status.speed > 1.8;
    speed.hidden = !fast;
    if (fast) say(speed, `× ${count(Math.round(status.speed))}`);
  });
  setInterval(() => {
    const now = feed.now();
    if (!now) return;
    say(date, day(now));
    say(clock, `${time(now)} UTC`);
  }, 100);
  const theme = h("button", { type: "button", class: "ghost", id: "theme", onclick: turnTheme },
    icon("theme"));
  nameTheme(theme);
  const mark = h("a", { class: "brand", href: "#/overview", "aria-label": "Seawall, overview" },
    h("img", { src: "/static/mark.svg", alt: "", width: "26", height: "26" }),
    h("span", {}, "Seawall"));
  return h("header", { class: "bar" }, mark,
    h("div", { class: "venue", id: "venue" }),
    h("div", { class: "now" },
      h("span", { class: "event", title: "The last event that is durable" }, "event ", sequence),
      h("span", { class: "clock", title: "The venue's time" }, date, clock), speed),
    h("div", { class: "connection" }, dot, state),
    h("div", { class: "buttons" },
      h("button", { type: "button", class: "ghost", "aria-label": "Search", title: "Search  /",
        onclick: () => search() }, icon("search")),
      h("button", { type: "button", class: "ghost", "aria-label": "API key", title: "API key",
        onclick: () => askKey(true) }, icon("key")),
      theme,
      h("button", { type: "button", class: "ghost", "aria-label": "Help", title: "Keys  ?",
        onclick: () => help() }, icon("help"))));
}

function navigation() {
  const links = PAGES.filter((one) => one.nav !== false).map((one) => {
    const node = h("a", { href: `#/${one.way}`, title: `g ${one.key}` },
      icon(one.icon || one.way), h("span", {}, one.title), h("kbd", {}, `g ${one.key}`));
    node.entry = one;
    return node;
  });
  onRoute((entry) => {
    for (const one of links) {
      const here = entry && (one.entry === entry || one.entry.way === entry.under);
      if (here) {
        one.setAttribute("aria-current", "page");
        one.scrollIntoView({ block: "nearest", inline: "center" });
      } else one.removeAttribute("aria-current");
    }
  });
  return h("nav", { class: "ways", "aria-label": "Pages" }, links);
}

function staleBanner() {
  const words = h("p", {});
  const node = h("div", { class: "banner", role: "alert", hidden: true }, icon("stale"), words,
    button("Connect now", () => feed.connectNow(), { kind: "small" }));
  let shown = "";
  feed.onStatus((status) => {
    const stale = status.state === "stale" || status.state === "locked";
    if (node.hidden === stale) node.hidden = !stale;
    if (!stale) return;
    const ago = span(Math.floor((Date.now() - status.since) / 1000) * 1000);
    const again = status.tries ? ` · attempt ${status.tries}` : "";
    const since = time(status.since);
    const text = status.state === "locked"
      ? "Locked: this venue wants an API key with the scope read."
      : `Stale since ${since} UTC (${ago}): ${status.reason}${again}. Nothing below is current.`;
    if (text !== shown) say(words, (shown = text));
  });
  return node;
}

function turnTheme() {
  const root = document.documentElement;
  const next = THEMES[(THEMES.indexOf(root.dataset.theme || "auto") + 1) % THEMES.length];
  if (next === "auto") delete root.dataset.theme;
  else root.dataset.theme = next;
  localStorage.setItem("seawall-theme", next);
  nameTheme(document.getElementById("theme"));
  themeChanged();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => themeChanged());

function nameTheme(node) {
  const name = document.documentElement.dataset.theme || "auto";
  node.setAttribute("aria-label", `Theme: ${name}`);
  node.title = `Theme: ${name}  t`;
}

async function venueName() {
  try {
    const asked_ms = Date.now();
    feed.useClock(await get("/v1/me"), asked_ms);
    const venue = await get("/v1/venue");
    const node = document.getElementById("venue");
    if (!venue.started) {
      say(node, "no venue yet");
      setTimeout(venueName, 3000);
      return;
    }
    node.replaceChildren(h("b", {}, venue.name),
      h("span", { title: `Rulebook ${venue.fingerprint}` }, venue.version));
  } catch (error) {
    if (error.status !== 401) setTimeout(venueName, 2000); // With a key it is asked again.
  }
}

// The key of this tab: kept until the tab is closed, sent in a header, never in an address.
function askKey(chosen = false) {
  const old = document.querySelector("dialog.key[open]");
  if (old) return;
  const field = h("input", {
    type: "password", name: "key", id: "key-field", autocomplete: "off", spellcheck: "false",
    placeholder: "sw_…", required: !key(), "aria-describedby": "key-note",
  });
  const dialog = h("dialog", { class: "key", "aria-labelledby": "key-title" },
    h("form", { method: "dialog" },
      h("h2", { id: "key-title" }, "API key"),
      h("p", { id: "key-note", class: "note" }, "Kept for this tab until it is closed. It is sent in a header and never stands in an address."),
      key() && !chosen && h("p", { class: "wrong", role: "alert" },
        "The service does not take this key: it is wrong, has ended, or may not read."),
      key() && h("p", { class: "note" }, `In use: ${key().split("_").slice(0, 2).join("_")}_…`),
      h("label", { for: "key-field" }, "Key with the scope read, or more"), field,
      h("div", { class: "row-end" },
        key() && button("Forget it", () => (dialog.close(), useKey("")), { kind: "quiet" }),
        button("Cancel", () => dialog.close(), { kind: "quiet" }),
        button("Use this key", null, { kind: "primary", type: "submit" }))));
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const told = field.value.trim();
    if (!told) return;
    dialog.close();
    useKey(told);
    venueName();
    if (chosen) toast("Another key is in use");
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  field.focus();
}
