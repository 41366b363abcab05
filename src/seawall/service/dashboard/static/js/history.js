// How the venue stood: what the service remembers, and on from there what this tab has seen.

import { get } from "./api.js";
import * as feed from "./feed.js";

const MOST = 2400;

export const seen = {
  time_s: [], near: [], calls: [], liquidating: [], worth: [], prices: new Map(),
};
const listeners = new Set();

// Bands whose far edge is at most so many per cent: what a fall of that size would call.
export const NEAR_PERCENT = 5;

export function onSeen(fn) {
  listeners.add(fn);
  return () => listeners.delete(fn);
}

export async function start() {
  try {
    const { points } = await get("/v1/overview/history");
    const first = seen.time_s[0] ?? Infinity;
    const older = points.filter((one) => one.time_ms / 1000 < first);
    seen.time_s.unshift(...older.map((one) => one.time_ms / 1000));
    seen.near.unshift(...older.map((one) => Number(one.near)));
    seen.calls.unshift(...older.map((one) => one.calls));
    seen.liquidating.unshift(...older.map((one) => one.liquidating));
  } catch {
    // Without a key, or before the venue is there: lines begin now.
  }
  follow();
}

let following = false;

function follow() {
  if (following) return;
  following = true;
  feed.watch("overview", (state) => {
    if (!state?.by_distance || state.time_ms / 1000 <= (seen.time_s.at(-1) ?? 0)) return;
    const near = state.by_distance.filter((one) => one.to !== null && Number(one.to) <= NEAR_PERCENT);
    add(state.time_ms / 1000, near.reduce((all, one) => all + Number(one.notional), 0), state);
    for (const fn of listeners) fn();
  });
}

function add(time_s, near, state) {
  seen.time_s.push(time_s);
  seen.near.push(near);
  seen.calls.push(state.calls_total);
  seen.liquidating.push(state.liquidations);
  for (const one of state.oracles) {
    if (!one.price) continue;
    const prices = seen.prices.get(one.coin) || [];
    prices.push(Number(one.price));
    if (prices.length > 240) prices.shift();
    seen.prices.set(one.coin, prices);
  }
  if (seen.time_s.length > MOST) thin();
}

// Every second point of the older half goes, so that a long day still fits.
function thin() {
  const kept = (list) => list.filter((one, i) => i >= MOST / 2 || i % 2 === 0);
  for (const name of ["time_s", "near", "calls", "liquidating"]) seen[name] = kept(seen[name]);
}
