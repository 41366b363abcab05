// Events and effects as lines that a person reads; their numbers are those that the service told.

import { h } from "./dom.js";
import { way } from "./router.js";
import { exact, when, words } from "./text.js";

export const ACCOUNTS = new Set(["account", "counterparty", "payer", "taker", "backstop", "lender", "buyer", "seller"]);
const TONES = {
  called: "call", call_reduced: "warn", call_withdrawn: "good", order_wanted: "warn",
  liquidated: "bad", state_changed: "warn", refused: "warn", breaker_changed: "bad",
  uncovered: "bad", deleveraged: "bad", loss_shared: "bad", fund_paid: "call", taken_over: "call",
  auction_started: "call", auction_ended: "quiet", exit_filled: "good", price_refused: "bad",
  overridden: "call", corrected: "call", reconciled: "call", rules_changed: "call",
  oracle_refused: "bad", oracle_back: "good",
};

export function tone(name) {
  return TONES[name] || "quiet";
}

export function badge(name) {
  return h("span", { class: "pill", "data-tone": tone(name) }, words(name));
}

// A value of an event or an effect as a node: accounts are links, numbers are grouped.
export function entry(name, value) {
  if (value === null || value === undefined) return "–";
  if (ACCOUNTS.has(name) && typeof value === "string") {
    return h("a", { href: way("account", value) }, value);
  }
  if (name.endsWith("_ms") && typeof value === "number" && value > 1e11) return when(value);
  if (/sequence$/.test(name) && typeof value === "number") {
    return h("a", { href: way("journal", value) }, exact(String(value)));
  }
  if (typeof value === "number" || (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value))) {
    return exact(String(value));
  }
  if (typeof value === "string") return /^[a-z_]+$/.test(value) ? words(value) : value;
  return h("code", {}, JSON.stringify(value));
}

// One line: what kind, and its fields.
export function effectLine(effect) {
  const fields = Object.entries(effect).filter(([name, value]) => name !== "effect" && value !== null && value !== "");
  return h("li", { class: "effect" }, badge(effect.effect), h("span", { class: "fields" },
    fields.map(([name, value]) => h("span", { class: "field" },
      h("small", {}, words(name.replace(/_ms$/, ""))), " ", entry(name, value)))));
}

// The fields of an event in one line of text, as far as there is room.
export function summary(event) {
  const told = Object.entries(event)
    .filter(([name]) => name !== "event" && name !== "time_ms")
    .map(([name, value]) => `${words(name)} ${brief(value)}`);
  return told.join(" · ");
}

function brief(value) {
  if (Array.isArray(value)) {
    const flat = value.length < 4 && value.every((one) => !Array.isArray(one));
    return flat ? value.join(", ") : `(${value.length})`;
  }
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

