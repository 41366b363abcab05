// A number of a verdict as text.

import { money } from "../../text.js";

export function figure(name, verdict) {
  const told = verdict?.[name];
  if (told === null || told === undefined) return "–";
  if (name !== "health") return money(told);
  return Number(told) >= 1000 ? "> 1,000 ×" : `${Number(told).toFixed(2)} ×`;
}
