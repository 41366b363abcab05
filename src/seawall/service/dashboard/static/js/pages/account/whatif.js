// Suppose a market, a time and trades, and see before and after in columns.

import { clear, h, icon, say } from "../../dom.js";
import { button, panel, toast } from "../../parts.js";
import { exact, percent, sum, words } from "../../text.js";
import { figure } from "./figure.js";
import * as supposition from "./supposition.js";

const ROWS = [
  ["equity", "Equity"], ["margin_equity", "Margin equity"], ["initial", "Initial"],
  ["maintenance", "Maintenance"], ["headroom", "Headroom"], ["health", "Health"],
];
// Steps of the slider of time, in seconds.
const TIMES = [0, 3600, 14_400, 43_200, 86_400, 172_800, 259_200, 432_000, 604_800, 1_209_600, 1_814_400, 2_592_000];
const SPOKEN = ["now", "in 1 hour", "in 4 hours", "in 12 hours", "in 1 day", "in 2 days", "in 3 days", "in 5 days",
  "in 7 days", "in 14 days", "in 21 days", "in 30 days"];

export function whatIf(page, supposed, onchange) {
  const sliders = h("div", { class: "sliders" });
  const trades = h("div", { class: "trades" });
  const result = h("table", { class: "compare" });
  const said = h("p", { class: "note wrong", role: "status", hidden: true });
  const names = h("datalist", { id: "instruments" });
  const controls = new Map();
  const node = panel("What if", {
    note: "Nothing of it is done.",
    tools: [button("Copy link", copyLink, { kind: "small quiet", title: "The supposition stands in the address" }),
      button("Reset", reset, { kind: "small quiet" })],
    name: "what-if",
  }, sliders, trades, said, h("div", { class: "scroll" }, result), names);
  let listed = null;
  let told = null;
  drawTrades();
  return { node, show, failed };

  function show(picture) {
    told = picture;
    said.hidden = true;
    const coins = [...new Set([...picture.coins.map((one) => one.coin), ...Object.keys(supposed.price)])];
    if (coins.join() !== sliders.dataset.coins) drawSliders(coins);
    for (const one of picture.coins) controls.get(`price ${one.coin}`)?.base(one.price);
    compare();
  }

  function failed(error) {
    if (error.name === "AbortError") return;
    say(said, `${error.message}${error.code ? ` (${error.code})` : ""}`);
    said.hidden = false;
  }

  function drawSliders(coins) {
    sliders.dataset.coins = coins.join();
    controls.clear();
    clear(sliders,
      coins.map((coin) => slider(`price ${coin}`, `${coin} price`, -60, 60, supposed.price[coin] || 0, (part) => {
        supposed.price[coin] = part;
      }, signed)),
      slider("vol", "Volatility", -60, 150, supposed.vol, (part) => { supposed.vol = part; }, signed),
      slider("after", "Time", 0, TIMES.length - 1, nearest(supposed.after_s), (step) => {
        supposed.after_s = TIMES[step];
      }, (step) => SPOKEN[step]));
  }

  function slider(name, label, low, high, at, set, text) {
    const shown = h("output", {}, text(at));
    const note = h("small", { class: "note" });
    const field = h("input", { type: "range", min: String(low), max: String(high), step: "1",
      value: String(at), "aria-label": label, "aria-valuetext": text(at) });
    let base = null;
    const draw = () => {
      const part = Number(field.value);
      say(shown, text(part));
      field.setAttribute("aria-valuetext", text(part));
      say(note, base === null || !part ? "" : `to ${exact(moved(base, part))}`);
    };
    field.addEventListener("input", () => {
      draw();
      set(Number(field.value));
      onchange();
    });
    field.addEventListener("dblclick", () => {
      field.value = "0";
      field.dispatchEvent(new Event("input"));
    });
    controls.set(name, { base: (price) => { base = price; draw(); } });
    return h("label", { class: "slider" }, h("span", {}, label, " ", note), shown, field);
  }

  function drawTrades() {
    const rows = supposed.trades.map((one, at) => trade(one, at));
    const [coin, amount] = Object.entries(supposed.add)[0] || ["", ""];
    clear(trades,
      rows.length ? h("div", { class: "trade head" }, h("span", {}, "Contract"), h("span", {}, "Quantity"),
        h("span", {}, "Price"), h("span", {})) : null,
      rows,
      h("div", { class: "trade-tools" },
        button("Add a trade", async () => {
          await instruments();
          supposed.trades.push({ instrument: guess(), quantity: "", price: "" });
          drawTrades();
          trades.querySelector(".trade:last-of-type input.quantity")?.focus();
        }, { kind: "small" }),
        deposit(coin, amount)));
  }

  function trade(one, at) {
    const field = (name, label, more = {}) => h("input", {
      value: one[name], "aria-label": label, class: name, autocomplete: "off", spellcheck: "false", ...more,
      onfocus: name === "instrument" ? () => instruments().catch(() => {}) : null,
      oninput: (event) => {
        one[name] = event.target.value.trim().replace("−", "-");
        onchange();
      },
    });
    return h("div", { class: "trade" },
      field("instrument", "Contract", { list: "instruments" }),
      field("quantity", "Quantity; negative sells", { inputmode: "decimal", placeholder: "−0.5" }),
      field("price", "Price; without it the mark", { inputmode: "decimal", placeholder: "mark" }),
      h("button", { type: "button", class: "ghost", "aria-label": "Remove this trade", onclick: () => {
        supposed.trades.splice(at, 1);
        drawTrades();
        onchange();
      } }, icon("close")));
  }

  function deposit(coin, amount) {
    let [name, much] = [coin || "USDC", amount];
    const write = () => {
      supposed.add = much ? { [name]: much.replace("−", "-") } : {};
      onchange();
    };
    return h("label", { class: "deposit" }, "Deposit",
      h("input", { class: "quantity", value: much, "aria-label": "Deposit; negative withdraws", inputmode: "decimal",
        placeholder: "0", autocomplete: "off", oninput: (event) => { much = event.target.value.trim(); write(); } }),
      h("input", { class: "coin", value: name, "aria-label": "Coin", autocomplete: "off",
        oninput: (event) => { name = event.target.value.trim().toUpperCase(); if (much) write(); } }));
  }

  async function instruments() {
    if (listed) return;
    const answer = await page.get("/v1/instruments");
    listed = answer.instruments.filter((one) => one.type !== "spot").map((one) => one.id);
    clear(names, listed.map((id) => h("option", { value: id })));
  }

  function guess() {
    const held = told?.before.rows.find((row) => row.instrument && row.kind !== "quote");
    return held?.instrument || listed?.find((id) => !/-\d/.test(id)) || listed?.[0] || "";
  }

  function compare() {
    const [was, now] = [told.before, told.after];
    result.hidden = !now;
    if (!now) return;
    clear(result,
      h("thead", {}, h("tr", {}, h("th", { class: "note" }, told.numeraire), ["Before", "After", "Change"].map((one) =>
        h("th", { class: "number", scope: "col" }, one)))),
      h("tbody", {}, ROWS.map(([name, label]) => h("tr", {}, h("th", { scope: "row" }, label),
        h("td", { class: "number" }, figure(name, was.verdict)),
        h("td", { class: "number strong" }, figure(name, now.verdict)),
        h("td", { class: "number" }, difference(name, was.verdict, now.verdict)))),
      h("tr", { class: `outcome ${now.state === "healthy" ? "good" : now.state === "below initial" ? "warn" : "bad"}` },
        h("th", { scope: "row" }, "State"), h("td", { class: "number" }, words(was.state)),
        h("td", { class: "number strong" }, words(now.state)), h("td", {})),
      h("tr", { class: "binds-row" }, h("th", { scope: "row" }, "Binding"),
        h("td", { colspan: "3", class: "wrap" }, now.binding))),
      now.left_out.length ? h("tfoot", {}, h("tr", {}, h("td", { colspan: "4", class: "wrap bad" },
        `Not margined: ${now.left_out.join(", ")}`))) : null);
  }

  function reset() {
    Object.assign(supposed, supposition.nothing());
    sliders.dataset.coins = "";
    if (told) drawSliders(told.coins.map((one) => one.coin));
    drawTrades();
    onchange();
  }

  async function copyLink() {
    try {
      await navigator.clipboard.writeText(location.href);
      toast("The link is copied; it names the account and what is supposed, and no key.");
    } catch {
      toast("The link stands in the address.", "warn");
    }
  }
}

function difference(name, was, now) {
  if (was[name] === null || now[name] === null) return "–";
  const gap = name === "health" ? (Number(now[name]) - Number(was[name])).toFixed(2)
    : sum([now[name], was[name].startsWith("-") ? was[name].slice(1) : `-${was[name]}`]);
  if (Number(gap) === 0) return h("span", { class: "note" }, "0");
  const shown = name === "health" ? gap.replace("-", "−") : figure("equity", { equity: gap });
  return h("span", { class: Number(gap) < 0 ? "minus" : "" }, Number(gap) > 0 ? `+${shown}` : shown);
}

function moved(base, part) {
  const now = Number(base) * (1 + part / 100);
  return now.toFixed(now > 1000 ? 0 : now > 1 ? 2 : 6);
}

function signed(part) {
  return part ? `${part > 0 ? "+" : "−"}${percent(String(Math.abs(part) / 100), 0)}` : "0 %";
}

function nearest(seconds) {
  let best = 0;
  TIMES.forEach((one, i) => { if (Math.abs(one - seconds) < Math.abs(TIMES[best] - seconds)) best = i; });
  return best;
}
