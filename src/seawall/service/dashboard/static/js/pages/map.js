// What would be liquidated at which price of one coin, with the depth that would have to take it.

import { chart, colour, numberAxis, ramp, shade, timeAxis } from "../chart.js";
import { clear, h, say } from "../dom.js";
import * as feed from "../feed.js";
import { cells, follow, onMap, summed } from "../ladders.js";
import { empty, modelled, panel, segments, tile } from "../parts.js";
import { again, go, way } from "../router.js";
import { table } from "../table.js";
import { count, counted, float, price, short, span, words } from "../text.js";

const LEAST = 1000; // Of the numeraire, where a log scale begins.
const RANGES = [["0.05", "± 5 %"], ["0.1", "± 10 %"], ["0.2", "± 20 %"], ["0.4", "± 40 %"]];

export async function mount(page) {
  const coins = await mapped(page);
  const coin = page.params[0] || coins[0];
  if (!coin) {
    page.body.append(empty("No coin of this venue has contracts yet."));
    return;
  }
  page.title(`Liquidation map · ${coin}`);
  const look = {
    range: Number(page.query.get("range") || 0.2), sum: page.query.get("sum") === "1",
    log: page.query.get("log") === "1",
  };
  const kept = follow(coin);
  for (const one of coins.slice(0, 6)) follow(one);
  const [top, bars, heat, nearest] = [tiles(coin), map(page, look), history(page, look, kept), clusters()];
  const waiting = h("div", {});
  const change = () => {
    page.setQuery({ range: look.range === 0.2 ? null : look.range, sum: look.sum ? 1 : null,
      log: look.log ? 1 : null });
    draw();
  };
  page.tools.append(
    segments(coins.slice(0, 8), coin, (name) => go(way("map", name)), "Coin"),
    segments(RANGES, String(look.range), (text) => ((look.range = Number(text)), change()), "Range"),
    segments([["0", "At a price"], ["1", "Up to it"]], look.sum ? "1" : "0",
      (text) => ((look.sum = text === "1"), change()), "Sum"),
    segments([["0", "Linear"], ["1", "Log"]], look.log ? "1" : "0",
      (text) => ((look.log = text === "1"), change(), again()), "Scale"));
  page.body.append(waiting, top.node, h("div", { class: "grid" },
    h("div", { class: "span-8 stack" }, bars.node, heat.node),
    h("div", { class: "span-4 stack" }, nearest.node)));
  page.onleave(onMap((name) => name === coin && draw()));
  page.watch("systemic", (state) => top.system(state));
  draw();
  page.every(1000, stamp); // The venue goes on while its map stands still.

  function stamp() {
    if (!kept.now?.down) return;
    const behind_ms = feed.now() - kept.now.time_ms;
    page.stamp(kept.now, behind_ms > 60_000 ? `modelled · ${span(behind_ms)} behind the venue` : "modelled");
  }

  function draw() {
    const now = kept.now;
    const ready = Boolean(now?.down) && now.price !== null;
    for (const one of [top, bars, heat, nearest]) one.node.hidden = !ready;
    if (!ready) {
      const why = kept.error?.detail || now?.failure || "The monitor reads the whole book every few seconds.";
      clear(waiting, empty(kept.error ? "There is no map now." : "The first reading is on its way.", why));
      return;
    }
    clear(waiting);
    stamp();
    const list = cells(now);
    const told = { now, list, shown: look.sum ? summed(list) : list, look };
    for (const one of [top, bars, heat, nearest]) one.show(told);
  }
}

// Coins that a contract stands on, as the monitor names them.
async function mapped(page) {
  const [listed, venue] = await Promise.all([page.get("/v1/instruments"), page.get("/v1/venue")]);
  const based = new Set(listed.instruments.filter((one) => one.type !== "spot").map((one) => one.base));
  return venue.coins.filter((one) => based.has(one));
}

function tiles(coin) {
  const at = tile("Price");
  const fall = tile("Sold in a fall of 5 %", { modelled: true });
  const rise = tile("Bought in a rise of 5 %", { modelled: true });
  const cover = tile("Depth for that fall", { modelled: true });
  const spread = tile(`R0 of ${coin}`, { modelled: true });
  const cascade = tile("To a cascade", { modelled: true });
  const debt = tile("To bad debt", { modelled: true });
  const largest = tile("Largest cluster", { modelled: true });
  return {
    node: h("div", { class: "tiles" },
      [at, fall, rise, cover, spread, cascade, debt, largest].map((one) => one.node)),
    show({ now, list }) {
      const here = Number(now.price);
      at.show(price(now.price), { title: now.price, note: `${count(list.length)} steps of ${float(now.step * 100, 2)} %` });
      const within = (side) => list.filter((one) => one.side === side
        && Math.abs((one.low + one.high) / 2 / here - 1) <= 0.05);
      const sold = total(within("down"));
      const bought = total(within("up"));
      fall.show(big(sold.notional), { note: counted(sold.accounts, "account") });
      rise.show(big(bought.notional), { note: counted(bought.accounts, "account") });
      const part = sold.depth ? sold.notional / sold.depth : 0;
      cover.show(sold.depth ? big(sold.depth) : "–", {
        note: sold.depth ? `${float(part * 100, part < 0.1 ? 2 : 0)} % of it would be taken` : "",
        tone: part >= 1 ? "bad" : part >= 0.3 ? "warn" : "",
      });
      const top = [...list].sort((a, b) => b.notional - a.notional)[0];
      if (top?.notional) largest.show(big(top.notional), {
        note: `at ${price(String((top.low + top.high) / 2))}, ${away(top, here)}` });
    },
    system(state) {
      const told = state?.coins?.find((one) => one.coin === coin);
      if (!told) return;
      const r0 = Math.max(told.fall?.r0 ?? 0, told.rise?.r0 ?? 0);
      spread.show(float(r0, 2), { tone: r0 >= 1 ? "bad" : r0 >= 0.5 ? "warn" : "good",
        note: `at the price now, law ${words(state.law)}` });
      reach(cascade, told, "to_cascade", "with the fund");
      reach(debt, told, "to_bad_debt", "without a fund");
    },
  };
}

function reach(shown, told, name, note) {
  const moves = [told.fall?.[name], told.rise?.[name]].filter((one) => one !== null && one !== undefined);
  if (!moves.length) {
    shown.show("none", { tone: "good", note: "no move in reach" });
    return;
  }
  moves.sort((a, b) => Math.abs(a) - Math.abs(b));
  const size = Math.abs(moves[0]);
  shown.show(size < 0.001 ? "< 0.1 %" : `${moves[0] < 0 ? "−" : "+"}${float(size * 100, 1)} %`, {
    note, tone: size < 0.05 ? "bad" : size < 0.1 ? "warn" : "" });
}

const big = (number) => short(String(Math.round(number)));

function total(list) {
  return list.reduce((all, one) => ({
    notional: all.notional + one.notional, accounts: all.accounts + one.accounts,
    depth: all.depth + (one.depth ?? 0),
  }), { notional: 0, accounts: 0, depth: 0 });
}

function away(cell, here) {
  const move = ((cell.low + cell.high) / 2 / here - 1) * 100;
  return `${move < 0 ? "−" : "+"}${float(Math.abs(move), 1)} %`;
}

function map(page, look) {
  let told = null;
  const drawn = page.keep(chart({
    label: "Notional that would be liquidated against price, with the depth of the book",
    height: 330,
    series: [{}, { paths: () => null, points: { show: false } }, { paths: () => null, points: { show: false } }],
    scales: {
      x: { time: false, range: () => told ? ends(told) : [0, 1] },
      y: {
        distr: look.log ? 3 : 1,
        range: () => (look.log ? [LEAST, Math.max(told ? deepest(told) * 1.6 : 1, LEAST * 10)]
          : [0, told ? highest(told) * 1.06 || 1 : 1]),
      },
    },
    axes: [numberAxis({ size: 34, space: 80 }), look.log ? numberAxis({
      filter: (u, splits) => splits.map((one) => (Number.isInteger(Math.log10(one)) ? one : null)),
      values: (u, splits) => splits.map((one) => (one === null ? "" : short(String(Math.round(one))))),
    }) : numberAxis()],
    hooks: { draw: [(u) => told && paint(u, told)] },
    readout: (i, u) => {
      const one = told?.shown[i];
      const here = Number(told?.now.price);
      const at = u.data[0][i];
      if (!one) return null;
      return [
        [`${price(String(at))}  (${away(one, here)})`, ""],
        [one.side === "down" ? "sold" : "bought", big(one.notional), colour(one.side === "down" ? "long" : "short")],
        ["accounts", count(one.accounts)],
        ...(one.depth === null ? [] : [["depth", big(one.depth), colour("depth")]]),
      ];
    },
  }));
  const note = h("p", { class: "note" });
  const node = panel("Liquidated notional against price", {
    tools: [h("ul", { class: "legend" },
      h("li", {}, h("span", { class: "swatch long" }), "sold in a fall"),
      h("li", {}, h("span", { class: "swatch short" }), "bought in a rise"),
      h("li", {}, h("span", { class: "swatch line depth" }), "depth"), h("li", {}, modelled()))],
  }, drawn.node, note);
  return {
    node,
    show(given) {
      told = given;
      const { shown, now } = told;
      const deep = inside(told).filter((one) => one.depth !== null).map((one) => one.depth);
      const above = !look.log && deep.length && Math.min(...deep) > highest(told);
      say(note, (look.sum ? "Up to each price, from the price now outwards. " : "In each step of price. ")
        + (now.depth?.told ? "Depth is what the venue was told of, drawn on in a line."
          : "Nobody told this venue of its depth: the line is an assumption of the monitor.")
        + (above ? ` The book takes ${big(Math.min(...deep))} or more in each step, above this picture: see it on the log scale.` : ""));
      drawn.show([shown.map((one) => (one.low + one.high) / 2), shown.map((one) => one.notional),
        shown.map((one) => one.depth)]);
    },
  };
}

function ends({ now, look }) {
  const here = Number(now.price);
  return [here * (1 - look.range), here * (1 + look.range)];
}

function inside(told) {
  const [low, high] = ends(told);
  return told.shown.filter((one) => one.high > low && one.low < high);
}

function deepest(told) {
  return Math.max(...inside(told).flatMap((one) => [one.notional, one.depth ?? 0]), 0);
}

// Depth may pass the top: where it does, what is sold is small beside it.
function highest(told) {
  const seen = inside(told);
  const most = Math.max(...seen.map((one) => one.notional), 0);
  const deep = Math.max(...seen.map((one) => one.depth ?? 0), 0);
  return most && deep > most * 2.5 ? most : Math.max(most, deep);
}

function paint(u, told) {
  const pen = u.ctx;
  const { left, top, width, height } = u.bbox;
  const x = (one) => u.valToPos(one, "x", true);
  const floor = told.look.log ? LEAST : 0;
  const y = (one) => u.valToPos(Math.max(one, floor), "y", true);
  const ratio = window.devicePixelRatio || 1;
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  for (const one of inside(told)) {
    const [from, until] = [x(one.low), x(one.high)];
    const over = one.depth !== null && one.notional > one.depth;
    pen.fillStyle = shade(one.side === "down" ? "long" : "short", over ? 1 : 0.72);
    pen.fillRect(from + 0.5, y(one.notional), Math.max(1, until - from - 1), y(floor) - y(one.notional));
  }
  pen.strokeStyle = colour("depth");
  pen.lineWidth = 1.6 * ratio;
  for (const side of ["down", "up"]) {
    pen.beginPath();
    let begun = false;
    for (const one of told.shown.filter((cell) => cell.side === side && cell.depth !== null)) {
      const level = y(one.depth);
      if (!begun) pen.moveTo(x(one.low), level);
      else pen.lineTo(x(one.low), level);
      pen.lineTo(x(one.high), level);
      begun = true;
    }
    pen.stroke();
  }
  const here = x(Number(told.now.price));
  pen.strokeStyle = colour("price");
  pen.lineWidth = ratio;
  pen.setLineDash([4 * ratio, 3 * ratio]);
  pen.beginPath();
  pen.moveTo(here, top);
  pen.lineTo(here, top + height);
  pen.stroke();
  pen.restore();
}

function history(page, look, kept) {
  const drawn = page.keep(chart({
    label: "Liquidated notional by price over time, with the price",
    height: 300,
    series: [{}, { stroke: () => colour("price"), width: 1.6, points: { show: false } }],
    scales: { x: { range: (u, from, until) => [from, until > from ? until : from + 60] }, y: { range: () => {
      const last = kept.columns.map((one) => one.price);
      const [low, high] = [Math.min(...last), Math.max(...last)];
      return [low * (1 - look.range), high * (1 + look.range)];
    } } },
    axes: [timeAxis({ grid: { show: false } }), numberAxis({ grid: { show: false } })],
    hooks: { drawClear: [(u) => fill(u, kept.columns, look)] },
    readout: (i) => kept.columns[i] && [["price", price(String(kept.columns[i].price)), colour("price")],
      ["sold within reach", big(total(kept.columns[i].cells.filter((one) => one.side === "down")).notional), colour("long")],
      ["bought within reach", big(total(kept.columns[i].cells.filter((one) => one.side === "up")).notional), colour("short")]],
  }));
  const node = panel("The map over time", {
    note: "Since the service was started. The further up the scale, the more notional in a step of price; the line is the price.",
    tools: [h("span", { class: "heat-legend" }, "none", h("span", { class: "heat-ramp" }), "most"), modelled()],
  }, drawn.node);
  return {
    node,
    show() {
      const columns = kept.columns;
      if (columns.length) drawn.show([columns.map((one) => one.time_s), columns.map((one) => one.price)]);
    },
  };
}

const LEVELS = 32;

function fill(u, columns, look) {
  if (!columns.length) return;
  const pen = u.ctx;
  const { left, top, width, height } = u.bbox;
  const [low, high] = [u.scales.y.min, u.scales.y.max];
  const most = Math.sqrt(Math.max(...columns.flatMap((one) => one.cells.map((cell) => cell.notional)), 1));
  const tones = blended(ramp());
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  pen.fillStyle = tones[0];
  pen.fillRect(left, top, width, height);
  columns.forEach((column, i) => {
    const from = u.valToPos(column.time_s, "x", true);
    const next = columns[i + 1]?.time_s;
    const until = next === undefined ? left + width : u.valToPos(next, "x", true);
    for (const cell of column.cells) {
      if (!cell.notional || cell.high < low || cell.low > high) continue;
      const level = Math.round((Math.sqrt(cell.notional) / most) * (LEVELS - 1));
      if (!level) continue;
      pen.fillStyle = tones[level];
      const [y0, y1] = [u.valToPos(cell.high, "y", true), u.valToPos(cell.low, "y", true)];
      pen.fillRect(from, y0, Math.ceil(until - from) + 0.5, Math.max(1, y1 - y0));
    }
  });
  pen.restore();
}

// Five colours of the page as many steps between them.
function blended(stops) {
  const told = stops.map((one) => [1, 3, 5].map((at) => parseInt(one.slice(at, at + 2), 16)));
  return Array.from({ length: LEVELS }, (unused, i) => {
    const place = (i / (LEVELS - 1)) * (told.length - 1);
    const from = Math.min(Math.floor(place), told.length - 2);
    const part = place - from;
    const mixed = told[from].map((one, n) => Math.round(one + (told[from + 1][n] - one) * part));
    return `rgb(${mixed.join(",")})`;
  });
}

function clusters() {
  let here = 0;
  const list = table({
    label: "Largest clusters of liquidations", most: 700, blank: "Nobody would be liquidated in reach.",
    columns: [
      { label: "Price", number: true, width: "minmax(62px, 1fr)", cell: (one) => price(String((one.low + one.high) / 2)) },
      { label: "Away", number: true, width: "66px", cell: (one) => h("span", {
        class: one.side === "down" ? "falls" : "rises" }, away(one, here)) },
      { label: "Notional", number: true, width: "minmax(58px, 1fr)", cell: (one) => big(one.notional) },
      { label: "Accounts", number: true, width: "58px", cell: (one) => count(one.accounts) },
      { label: "÷ depth", number: true, width: "54px", title: "What is liquidated ÷ what the book takes there",
        cell: (one) => (one.depth ? h("span", { class: one.notional > one.depth ? "over" : "" },
          float(one.notional / one.depth, 2)) : "–") },
    ],
  });
  const node = panel("Largest clusters", { name: "flush tight", tools: [modelled()] }, list.node);
  return {
    node,
    show(told) {
      here = Number(told.now.price);
      const [low, high] = ends(told);
      list.show(told.list.filter((one) => one.notional > 0 && one.high > low && one.low < high)
        .sort((a, b) => b.notional - a.notional).slice(0, 40));
    },
  };
}
