// Liquidation maps: for each coin the last one, and columns of time, first those that the service
// remembers and then those that this tab has seen.

import { get } from "./api.js";
import * as feed from "./feed.js";

const COLUMNS_MOST = 320;

export const maps = new Map();
const listeners = new Set();

export function onMap(fn) {
  listeners.add(fn);
  return () => listeners.delete(fn);
}

// From here on this coin's map is followed until the tab is closed, so that time adds up.
export function follow(coin) {
  if (maps.has(coin)) return maps.get(coin);
  const kept = { coin, now: null, error: null, columns: [], every: 1, skipped: 0 };
  maps.set(coin, kept);
  earlier(kept);
  feed.watch(`map/${coin}`, (state, { error }) => {
    kept.error = error;
    if (state && state.time_ms !== kept.now?.time_ms) take(kept, state);
    else if (state) kept.now = state;
    for (const fn of listeners) fn(coin);
  });
  return kept;
}

async function earlier(kept) {
  try {
    const { columns } = await get(`/v1/systemic/map/${encodeURIComponent(kept.coin)}/history`);
    const first = kept.columns[0]?.time_s ?? Infinity;
    const cell = (side) => ([near, far, notional]) => ({
      side, low: Math.min(near, far), high: Math.max(near, far), notional });
    kept.columns.unshift(...columns.filter((one) => one.time_ms / 1000 < first).map((one) => ({
      time_s: one.time_ms / 1000, price: Number(one.price),
      cells: [...one.down.map(cell("down")), ...one.up.map(cell("up"))],
    })));
    for (const fn of listeners) fn(kept.coin);
  } catch {
    // Then the picture begins now.
  }
}

function take(kept, state) {
  kept.now = state;
  const time_s = state.time_ms / 1000;
  if (state.price === null || !state.down || time_s <= (kept.columns.at(-1)?.time_s ?? 0)) return;
  kept.skipped += 1;
  if (kept.skipped < kept.every) return;
  kept.skipped = 0;
  kept.columns.push({ time_s, price: Number(state.price), cells: cells(state) });
  if (kept.columns.length < COLUMNS_MOST) return;
  // Twice as long from now on: every second column stays.
  kept.columns = kept.columns.filter((one, i) => i % 2 === 0);
  kept.every *= 2;
}

// A map as cells in the order of price: { low, high, notional, accounts, depth, side }.
export function cells(state) {
  const here = Number(state.price);
  const walk = (side, list, depth) => {
    let near = here;
    return list.map((one, i) => {
      const far = Number(one.price);
      const cell = {
        side, low: Math.min(near, far), high: Math.max(near, far), notional: one.notional,
        accounts: one.accounts, depth: depth?.[i]?.notional ?? null,
      };
      near = far;
      return cell;
    });
  };
  return [...walk("down", state.down, state.depth?.down).reverse(),
    ...walk("up", state.up, state.depth?.up)];
}

// Cells that stand for all that is nearer to the price than their far edge.
export function summed(list) {
  const sums = (part) => {
    let [notional, accounts, depth] = [0, 0, 0];
    return part.map((one) => {
      notional += one.notional;
      accounts += one.accounts;
      depth += one.depth ?? 0;
      return { ...one, notional, accounts, depth: one.depth === null ? null : depth };
    });
  };
  return [...sums(list.filter((one) => one.side === "down").reverse()).reverse(),
    ...sums(list.filter((one) => one.side === "up"))];
}
