// Small things that every page is made of.

import { clear, h, icon, say } from "./dom.js";
import * as feed from "./feed.js";
import { exact, left, money, short, words } from "./text.js";

// A card with a heading; `note` says what is seen, `tools` stand at its right.
let cards = 0;
export function panel(title, { note = null, tools = [], wide = false, name = "" } = {}, ...children) {
  const id = `panel-${++cards}`;
  return h("section", { class: `panel ${wide ? "wide" : ""} ${name}`, "aria-labelledby": id },
    h("header", {},
      h("div", {}, h("h2", { id }, title), note && h("p", { class: "note" }, note)),
      h("div", { class: "tools" }, tools)),
    children);
}

// A number with its name: `tile("Accounts")` → { node, show(value, { unit, note, tone }) }.
export function tile(label, { modelled: isModelled = false, about = null } = {}) {
  const value = h("span", { class: "value" }, "–");
  const unit = h("span", { class: "unit" });
  const note = h("p", { class: "note" });
  const name = h("p", { class: "label", title: about }, label, isModelled && modelled());
  const node = h("div", { class: "tile" }, name, h("p", { class: "figure" }, value, unit), note);
  return {
    node,
    show(text, { unit: of = "", note: said = "", tone = "", title = "" } = {}) {
      say(value, text);
      say(unit, of);
      if (said instanceof Node) clear(note, said);
      else say(note, said);
      if (node.dataset.tone !== tone) node.dataset.tone = tone;
      if (value.title !== title) value.title = title;
    },
  };
}

// Stands beside every number that a model said.
export function modelled(why = "computed by a model from what the venue holds; not a quoted number") {
  return h("abbr", { class: "modelled", title: why }, "modelled");
}

// A word with a colour: healthy, warned, called, liquidating, closed, bankrupt, and states of parts.
const TONES = {
  healthy: "good", open: "good", ok: "good", live: "good", trading: "good", delivered: "good",
  warned: "warn", reduce_only: "warn", waiting: "warn", stale: "warn", degraded: "warn",
  called: "call", pending: "warn", liquidating: "bad", halted: "bad", refused: "bad", frozen: "bad",
  bankrupt: "bad", closed: "quiet", none: "quiet",
};
export function pill(name, text = null) {
  return h("span", { class: "pill", "data-tone": TONES[name] || "quiet" }, text || words(name));
}

// Money in a table cell: short where it is wide, every digit in its title.
export function amount(text, { unit = "", compact = false, tone = false } = {}) {
  const negative = String(text ?? "").startsWith("-");
  return h("span", {
    class: "amount" + (tone && negative ? " minus" : ""),
    title: text === null || text === undefined ? null : `${exact(text)} ${unit}`.trim(),
  }, compact ? short(text) : money(text), unit && h("span", { class: "unit" }, unit));
}

export function empty(text, detail = null) {
  return h("div", { class: "empty" }, h("p", {}, text), detail && h("p", { class: "note" }, detail));
}

// A button that shows that it works, and says what went wrong.
export function button(text, onclick, { kind = "", title = null, type = "button" } = {}) {
  const node = h("button", { type, class: `button ${kind}`, title }, text);
  if (onclick) {
    node.addEventListener("click", async () => {
      node.disabled = true;
      try {
        await onclick(node);
      } catch (error) {
        toast(error);
      } finally {
        node.disabled = false;
      }
    });
  }
  return node;
}

// One of several: segments(["BTC", "ETH"], "BTC", fn) → node with `choose(name)`.
export function segments(names, chosen, onchoose, label = "choose") {
  const node = h("div", { class: "segments", role: "radiogroup", "aria-label": label });
  const told = names.map((one) => (Array.isArray(one) ? one : [one, one]));
  const buttons = told.map(([name, text]) => h("button", {
    type: "button", role: "radio", "aria-checked": String(name === chosen), "data-name": name,
    tabindex: name === chosen ? "0" : "-1",
    onclick: () => (node.choose(name), onchoose(name)),
  }, text));
  node.append(...buttons);
  node.choose = (name) => {
    for (const one of buttons) {
      const is = one.dataset.name === name;
      one.setAttribute("aria-checked", String(is));
      one.tabIndex = is ? 0 : -1;
    }
  };
  node.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = buttons.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    const next = buttons[(at + step + buttons.length) % buttons.length];
    next.focus();
    next.click();
  });
  return node;
}

// What is left until a deadline of the venue's clock; every such node is kept by one timer.
const counting = new Set();
export function countdown(deadline_ms, { total_ms = 600_000 } = {}) {
  const node = h("time", { class: "countdown", datetime: new Date(deadline_ms).toISOString() });
  node.deadline = deadline_ms;
  node.total = total_ms;
  counting.add(node);
  countOne(node);
  return node;
}

function countOne(node) {
  const rest = node.deadline - feed.now();
  say(node, left(rest));
  const tone = rest <= 0 ? "over" : rest < node.total / 10 ? "bad" : rest < node.total / 3 ? "warn" : "";
  if (node.dataset.tone !== tone) node.dataset.tone = tone;
}

setInterval(() => {
  for (const node of counting) {
    if (node.isConnected) countOne(node);
    else if (node.seen) counting.delete(node);
    node.seen = node.isConnected || node.seen;
  }
}, 200);

// A list of names and what stands beside them.
export function facts(rows) {
  return h("dl", { class: "facts" }, rows.map(([name, ...value]) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

// A bar of parts: [[name, number, tone]].
export function shares(parts, label) {
  const all = parts.reduce((sum, [, number]) => sum + number, 0) || 1;
  return h("div", { class: "shares", role: "img", "aria-label": `${label}: ${
    parts.map(([name, number]) => `${words(name)} ${number}`).join(", ")}` },
  parts.filter(([, number]) => number).map(([name, number, tone]) => h("span", {
    "data-tone": tone || TONES[name] || "quiet", title: `${words(name)}: ${exact(String(number))}`,
    style: { "flex-grow": String(Math.max(number / all, 0.004)) },
  })));
}

// Something to read that goes by itself; problems of the service show their code.
let shelf = null;
export function toast(told, tone = null) {
  if (told?.name === "AbortError") return;
  if (!shelf) {
    shelf = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
    document.body.append(shelf);
  }
  const problem = told instanceof Error;
  const gone = () => node.remove();
  const node = h("div", { class: "toast", "data-tone": tone || (problem ? "bad" : "good") },
    h("div", {},
      h("p", {}, problem ? told.message : told),
      problem && told.code && h("p", { class: "note" }, `${told.status || ""} ${told.code}`.trim())),
    h("button", { type: "button", class: "ghost", "aria-label": "Dismiss", onclick: gone },
      icon("close")));
  for (const one of [...shelf.children]) if (one.textContent === node.textContent) one.remove();
  shelf.append(node);
  while (shelf.children.length > 4) shelf.firstChild.remove();
  setTimeout(gone, problem ? 12_000 : 5000);
}

