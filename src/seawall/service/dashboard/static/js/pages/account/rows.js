// What an account holds, with a sum that must be the headline; why it must hold what it must.

import { clear, h, icon, say } from "../../dom.js";
import { amount, modelled, panel } from "../../parts.js";
import { day, decimal, exact, float, money, price, sum } from "../../text.js";
import { aged } from "./age.js";

const KINDS = { currency: "coin", quote: "cash leg", linear: "contract", inverse: "inverse", option: "option" };

export function rows() {
  const head = h("tr", {});
  const lines = h("tbody", {});
  const foot = h("tfoot", {});
  const table = h("table", { class: "holdings" }, h("thead", {}, head), lines, foot);
  const unit = h("span", { class: "note" });
  const node = panel("Holdings", {
    name: "flush", note: "Every row is quantity × value; the rows add up to the equity.", tools: [unit],
  }, h("div", { class: "scroll" }, table));
  let compared = null; // Whether something is supposed.
  return { node, show };

  function show(told) {
    if (compared !== Boolean(told.after)) {
      compared = Boolean(told.after);
      clear(head, h("th", {}, "Asset"), number(compared ? "Quantity, then" : "Quantity"),
        number("Price", "roomy"), number(compared ? "Value, then" : "Value"), number("Age", "roomy"));
    }
    say(unit, `values in ${told.numeraire}`);
    clear(lines, joined(told).map(([was, then]) => line(told, was, then)));
    clear(foot, total(told));
  }

  function line(told, was, then) {
    const row = was || then;
    const flags = [
      row.is_left_out && h("span", { class: "old", title: "Not margined: charged in full" }, icon("incidents", "left out")),
    ];
    return h("tr", { class: was ? "" : "new" },
      h("th", { scope: "row" }, h("span", { class: "asset" }, row.instrument || row.asset), " ",
        h("span", { class: "note" }, KINDS[row.kind]), flags),
      cell([was ? quantity(was) : null, thenLine(was, then, "quantity", quantity)]),
      h("td", { class: "number roomy" }, priced(row)),
      cell([was ? amount(was.value, { tone: true }) : null,
        thenLine(was, then, "value", (one) => amount(one.value))]),
      h("td", { class: "number roomy" }, was ? aged(was.oldest_ms, told.now_ms, told.stale_after_ms) : "–"));
  }

  function total(told) {
    const [was, then] = [told.before, told.after];
    const ok = sum(was.rows.map((row) => row.value)) === sum([was.verdict.equity]) && was.sums_to_equity;
    return h("tr", {},
      h("th", { scope: "row" }, "Sum ", h("span", { class: `sum-check ${ok ? "good" : "bad"}` },
        ok ? "✓ is the equity" : "✗ is not the equity")),
      cell(""), h("td", { class: "number roomy" }),
      cell([amount(was.sum, { tone: true }), then && then.sum !== was.sum
        ? h("span", { class: "then-line" }, amount(then.sum)) : null]),
      h("td", { class: "number roomy" }));
  }
}

// Rows of before and after side by side, by asset.
function joined(told) {
  const then = new Map((told.after?.rows || []).map((row) => [row.asset, row]));
  const both = told.before.rows.map((row) => [row, then.get(row.asset)]);
  const known = new Set(told.before.rows.map((row) => row.asset));
  return [...both, ...[...then.values()].filter((row) => !known.has(row.asset)).map((row) => [null, row])];
}

function number(label, more = "") {
  return h("th", { class: `number ${more}`, scope: "col" }, label);
}

function cell(content, more = "") {
  return h("td", { class: `number ${more}` }, content ?? "–");
}

// Where it would be another one, what it would be.
function thenLine(was, then, name, write) {
  if (!then || was?.[name] === then[name]) return null;
  return h("span", { class: "then-line" }, write(then));
}

function quantity(row) {
  const [whole, part = ""] = row.quantity.split(".");
  const isLarge = whole.replace("-", "").length > 4;
  return h("span", { title: exact(row.quantity), class: row.quantity.startsWith("-") ? "minus" : "" },
    isLarge ? money(row.quantity) : decimal(row.quantity, Math.min(6, part.length)));
}

function priced(row) {
  return h("span", { class: "priced" }, row.is_modelled ? modelled("No mark was given: priced by the model") : null,
    h("span", { title: exact(row.price) }, row.price === "0" ? "0" : price(row.price)));
}

export function terms() {
  const lines = h("tbody", {});
  const binding = h("p", { class: "binding" });
  const node = panel("Why", { name: "flush", note: "Terms of the margin method; they add up." },
    binding, h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", {}, "Term"), number("Margin equity"), number("Maintenance"))), lines)));
  return {
    node,
    show(told) {
      const side = told.after || told.before;
      say(binding, `Binding: ${side.binding}${told.after ? " (after)" : ""}`);
      clear(lines, side.terms.map((term) => h("tr", {},
        h("th", { scope: "row", class: "term wide", title: term.label }, term.label),
        cell(amount(term.margin_equity, { tone: true })), cell(amount(term.maintenance)))));
    },
  };
}

const GREEKS = [
  ["delta", "coins for one of the coin"], ["gamma", "coins for 1 % of the price"],
  ["vega", "dollars for one point of volatility"], ["theta", "dollars a day"],
];

// Four digits of a float.
function greek(number) {
  const size = Math.abs(number);
  return float(number, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4);
}

export function sensitivities() {
  const lines = h("tbody", {});
  const node = panel("Sensitivities", { name: "flush", tools: [modelled("Black-76 at the published marks")] },
    h("div", { class: "scroll" }, h("table", { class: "greeks" },
      h("thead", {}, h("tr", {}, h("th", {}, "Coin"),
        GREEKS.map(([name, about]) => h("th", { class: "number", scope: "col", title: about }, name)))), lines)));
  return {
    node,
    show(told) {
      const shown = (told.after || told.before).sensitivities;
      node.hidden = !shown.length;
      clear(lines, shown.map((one) => h("tr", {},
        h("th", { scope: "row" }, one.coin, one.expires_ms
          ? h("span", { class: "note" }, ` ${day(one.expires_ms).slice(5)}`) : null),
        GREEKS.map(([name]) => cell(greek(one[name]), one[name] < 0 ? "minus" : "")))));
    },
  };
}
