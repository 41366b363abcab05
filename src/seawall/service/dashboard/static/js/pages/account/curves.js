// Equity and margins over the price of a coin: now, later, and after what is supposed.

import { chart, colour, numberAxis, shade } from "../../chart.js";
import { clear, h, say } from "../../dom.js";
import { panel, segments } from "../../parts.js";
import { axisTexts, price } from "../../text.js";
import { body } from "./supposition.js";

const WAIT_MS = 180;
const AGAIN_MS = 8000;
const HORIZONS = [["0", "now"], ["86400", "1 day"], ["604800", "7 days"], ["2592000", "30 days"]];
const WIDTHS = [["20", "± 20 %"], ["50", "± 50 %"], ["90", "± 90 %"]];
// Name of a line, its part, its colour, whether it is dashed.
const LINES = {
  now: [["margin equity", "margin_equity", "accent"], ["maintenance", "maintenance", "bad"],
    ["initial", "initial", "warn"]],
  later: [["margin equity, later", "margin_equity", "accent", [7, 5]],
    ["maintenance, later", "maintenance", "bad", [7, 5]]],
  changed: [["margin equity, if", "margin_equity", "depth"], ["maintenance, if", "maintenance", "call"]],
  changed_later: [["margin equity, if, later", "margin_equity", "depth", [7, 5]],
    ["maintenance, if, later", "maintenance", "call", [7, 5]]],
};

// The worth itself, where haircuts make it another line than what counts.
const PAYOFF = {
  now: ["equity", "equity", "fund"], later: ["equity, later", "equity", "fund", [7, 5]],
  changed: ["equity, if", "equity", "short"], changed_later: ["equity, if, later", "equity", "short", [7, 5]],
};

function linesOf(name, curve) {
  const cut = curve[name].equity.some((one, i) => one !== curve[name].margin_equity[i]);
  return cut ? [...LINES[name], PAYOFF[name]] : LINES[name];
}

export function curves(page, path, supposed) {
  const place = h("div", {});
  const legend = h("ul", { class: "legend" });
  const coins = h("div", {});
  let told = null;
  let chosen = null;
  let after_s = "0";
  let width = "50";
  let drawn = null;
  let shape = "";
  let timer = 0;
  let asked = 0;
  const horizon = segments(HORIZONS, after_s, (name) => { after_s = name; soon(); }, "Horizon");
  const widths = segments(WIDTHS, width, (name) => { width = name; soon(); }, "Range of prices");
  const unit = h("span", { class: "note" });
  const node = panel("Margin against price", {
    note: "Only this coin's price moves. Where margin equity falls under maintenance, the account is called.",
    tools: [unit, coins, widths, horizon],
  }, place, legend);
  page.onleave(() => { clearTimeout(timer); drawn?.end(); });
  page.every(AGAIN_MS, fetchCurves);
  return { node, soon };

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(() => fetchCurves().catch(() => {}), WAIT_MS);
  }

  async function fetchCurves() {
    const mine = ++asked;
    const part = Number(width);
    const answer = await page.ask(`${path}/curves`, {
      change: body(supposed).change, after_s: Number(after_s) || supposed.after_s,
      low_percent: 100 - part, high_percent: 100 + part, points: 41,
    });
    if (mine !== asked) return;
    told = answer;
    show();
  }

  function show() {
    node.hidden = !told.curves.length;
    if (node.hidden) return;
    if (!told.curves.some((one) => one.coin === chosen)) chosen = told.curves[0].coin;
    const names = told.curves.map((one) => one.coin).join();
    if (coins.dataset.names !== names) {
      coins.dataset.names = names;
      clear(coins, told.curves.length > 1 ? segments(told.curves.map((one) => one.coin), chosen, (name) => {
        chosen = name;
        show();
      }, "Coin") : null);
    }
    say(unit, told.numeraire);
    const curve = told.curves.find((one) => one.coin === chosen);
    const lines = told.series.flatMap((name) => linesOf(name, curve).map((one) => [name, ...one]));
    const wanted = `${lines.map(([, name]) => name).join()} ${chosen}`;
    if (wanted !== shape) make(wanted, lines.map(([, ...one]) => one));
    drawn.now = Number(curve.price);
    drawn.show([curve.prices.map(Number), ...lines.map(([name, , part]) => curve[name][part].map(Number))]);
  }

  function make(wanted, lines) {
    shape = wanted;
    drawn?.end();
    drawn = chart({
      label: `Margin equity and margins of the account against the price of ${chosen}`, height: 280,
      scales: { x: { time: false } },
      series: [{}, ...lines.map(([, part, tone, dash]) => ({
        stroke: () => colour(tone), width: part === "margin_equity" ? 2.25 : 1.5, dash,
        points: { show: false },
      }))],
      axes: [numberAxis({ size: 34, space: 80 }), numberAxis()],
      hooks: { drawClear: [(u) => shadeCalled(u, lines)], draw: [markNow] },
      readout: (i, u) => [[`${chosen} at`, price(String(u.data[0][i]))],
        ...lines.map(([name, , tone], at) => [name, axisTexts([u.data[at + 1][i], 1])[0], colour(tone)])],
    });
    clear(place, drawn.node);
    clear(legend, lines.map(([name, , tone, dash]) => h("li", {},
      h("span", { class: `swatch line ${dash ? "dashed" : ""}`, style: { "--of": `var(--${tone})` } }), name)));
  }

  // Prices at which margin equity is under maintenance lie on a shade.
  function shadeCalled(u, lines) {
    const [wanted, line] = told.series.includes("changed")
      ? ["margin equity, if", "maintenance, if"] : ["margin equity", "maintenance"];
    const [equity, need] = [wanted, line].map((name) => u.data[1 + lines.findIndex(([one]) => one === name)]);
    if (!equity || !need) return;
    const { left, top, width: wide, height } = u.bbox;
    u.ctx.save();
    u.ctx.beginPath();
    u.ctx.rect(left, top, wide, height);
    u.ctx.clip();
    u.ctx.fillStyle = shade("bad", 0.1);
    const prices = u.data[0];
    for (let i = 0; i < prices.length - 1; i += 1) {
      const [was, next] = [equity[i] - need[i], equity[i + 1] - need[i + 1]];
      if (was >= 0 && next >= 0) continue;
      const cross = was === next ? prices[i]
        : prices[i] + ((prices[i + 1] - prices[i]) * was) / (was - next);
      const from = was < 0 ? prices[i] : cross;
      const to = next < 0 ? prices[i + 1] : cross;
      const x = u.valToPos(from, "x", true);
      u.ctx.fillRect(x, top, u.valToPos(to, "x", true) - x, height);
    }
    u.ctx.restore();
  }

  function markNow(u) {
    const x = u.valToPos(drawn.now, "x", true);
    const zero = u.valToPos(0, "y", true);
    const { left, top, width: wide, height } = u.bbox;
    u.ctx.save();
    u.ctx.lineWidth = devicePixelRatio;
    u.ctx.strokeStyle = colour("faint");
    if (zero > top && zero < top + height) {
      u.ctx.beginPath();
      u.ctx.moveTo(left, zero);
      u.ctx.lineTo(left + wide, zero);
      u.ctx.stroke();
    }
    u.ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    u.ctx.strokeStyle = colour("price");
    u.ctx.beginPath();
    u.ctx.moveTo(x, top);
    u.ctx.lineTo(x, top + height);
    u.ctx.stroke();
    u.ctx.fillStyle = colour("soft");
    u.ctx.font = `${11 * devicePixelRatio}px system-ui`;
    const right = x > left + wide * 0.8;
    u.ctx.textAlign = right ? "right" : "left";
    u.ctx.fillText("now", x + (right ? -5 : 5) * devicePixelRatio, top + 12 * devicePixelRatio);
    u.ctx.restore();
  }
}
