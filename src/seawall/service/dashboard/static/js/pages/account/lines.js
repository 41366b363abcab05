// How far the account is from its lines, and where it stands in the deleveraging queues.

import { clear, h } from "../../dom.js";
import * as feed from "../../feed.js";
import { empty, panel, pill } from "../../parts.js";
import { way } from "../../router.js";
import { count, exact, float, percent, price, span } from "../../text.js";

const AGAIN_MS = 15_000;
const LINES = ["initial", "called", "liquidated"];
const TONES = { initial: "warned", called: "called", liquidated: "liquidating" };

export function lines(page, path) {
  const place = h("div", {});
  const node = panel("Liquidation prices", {
    name: "flush", note: "The whole account is judged at each price; the others stand still.",
  }, place);
  page.every(AGAIN_MS, async () => {
    const [told, prices] = await Promise.all([page.get(`${path}/liquidation-prices`), page.get("/v1/prices")]);
    show(told, new Map(prices.coins.map((one) => [one.coin, one.price])));
  });
  return { node };

  function show(told, now) {
    const found = told.crossings.filter((one) => one.at !== null);
    if (!found.length) {
      clear(place, empty("No line is in reach.", told.notes.join(" ") || null));
      return;
    }
    const groups = new Map();
    for (const one of found) {
      const key = `${one.measure} ${one.of} ${one.direction}`;
      if (!groups.has(key)) groups.set(key, { first: one, at: {} });
      groups.get(key).at[one.line] = one;
    }
    clear(place, h("div", { class: "scroll" }, h("table", { class: "lines" },
      h("thead", {}, h("tr", {}, h("th", {}, ""),
        LINES.map((line) => h("th", { class: "number", scope: "col" }, pill(TONES[line],
          line === "initial" ? "no more" : line))))),
      h("tbody", {}, [...groups.values()].map(({ first, at }) => h("tr", {},
        h("th", { scope: "row" }, named(first)),
        LINES.map((line) => h("td", { class: "number" }, at[line] ? value(at[line], now) : "–"))))))),
    told.notes.length ? h("p", { class: "note table-foot" }, told.notes.join(" ")) : null);
  }
}

function named(one) {
  const arrow = one.direction === "down" ? "↓" : "↑";
  if (one.measure === "price") return `${one.of} ${arrow}`;
  if (one.measure === "sigma") return `all, sigmas ${arrow}`;
  if (one.measure === "volatility") return `volatility ${arrow}`;
  return "time alone";
}

function value(one, now) {
  if (one.measure === "price") {
    const today = Number(now.get(one.of));
    const move = today ? Number(one.at) / today - 1 : null;
    return h("span", { title: exact(one.at) }, price(one.at),
      move === null ? null : h("small", { class: "note" }, `${move > 0 ? "+" : "−"}${float(Math.abs(move) * 100, 1)} %`));
  }
  if (one.measure === "sigma") return `${float(one.at, 2)} σ`;
  if (one.measure === "volatility") return `× ${float(one.at, 2)}`;
  return h("span", { title: one.at }, `in ${span(Number(one.at) - feed.now())}`);
}

export function places(page, path) {
  const place = h("div", {});
  const node = panel("Deleveraging queue", {
    name: "flush", note: "Place 1 is asked first to give a position up.",
  }, place);
  page.every(AGAIN_MS, async () => {
    const told = await page.get(`${path}/deleveraging`);
    node.hidden = !told.positions.length;
    clear(place, h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", {}, "Contract"), h("th", {}, "Side"),
        h("th", { class: "number" }, "Place"))),
      h("tbody", {}, told.positions.map((one) => h("tr", {},
        h("th", { scope: "row", class: "term" }, h("a", { href: `${way("waterfall")}?queue=${
          encodeURIComponent(one.instrument)}` }, one.instrument)),
        h("td", {}, one.side),
        h("td", { class: "number", title: one.place ? percent(String(one.place / one.of), 1) : null },
          one.place === null ? "–" : `${count(one.place)} of ${count(one.of)}`)))))));
  });
  return { node };
}
