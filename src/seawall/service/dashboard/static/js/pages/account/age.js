// How old a price is by the venue's clock, and whether that is too old.

import { h, icon } from "../../dom.js";
import { span } from "../../text.js";

const STALE_MS = 60_000;

export function isOld(oldest_ms, now_ms, limit_ms = STALE_MS) {
  return Boolean(oldest_ms) && now_ms - oldest_ms > limit_ms;
}

export function aged(oldest_ms, now_ms, limit_ms = STALE_MS) {
  if (!oldest_ms) return "–";
  const text = span(Math.max(0, now_ms - oldest_ms));
  if (!isOld(oldest_ms, now_ms, limit_ms)) return text;
  return h("span", { class: "old", title: "A price behind this is too old" }, icon("stale", "old price"), text);
}
