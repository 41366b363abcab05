// Who paid what an account could not, stage after stage; and who would be asked next.

import { chart, colour, numberAxis, picture, rows, shade, timeAxis, tooltip } from "../chart.js";
import { clear, h } from "../dom.js";
import { amount, empty, modelled, panel, tile } from "../parts.js";
import { way } from "../router.js";
import { table } from "../table.js";
import { axisTexts, count, decimal, exact, money, short, sum, time, when } from "../text.js";

const REFRESH_MS = 3000;
// Name of a stage of notional, what it is called, its colour.
const CLOSED = [["book", "order book and exits", "short"], ["backstop", "backstop", "depth"],
  ["deleveraged", "deleveraging", "bad"]];
const PAID = [["funds", "insurance funds", "fund"], ["counterparties", "deleveraged counterparties", "depth"],
  ["shared", "shared by winners", "warn"], ["uncovered", "nobody: uncovered", "bad"]];

export function mount(page) {
  const parts = [tiles(), notional(page), money_(page), latest()];
  const [top, flow, fall, list] = parts;
  const funds = history(page);
  const waiting = queues(page);
  page.body.append(top.node, h("div", { class: "grid" },
    h("div", { class: "span-6 stack" }, flow.node), h("div", { class: "span-6 stack" }, fall.node),
    h("div", { class: "span-5 stack" }, funds.node), h("div", { class: "span-7 stack" }, list.node),
    h("div", { class: "span-12" }, waiting.node)));
  page.every(REFRESH_MS, async () => {
    const [told, kept] = await Promise.all([
      page.get("/v1/losses?limit=200"), page.get("/v1/insurance-funds/history")]);
    page.stamp(told);
    for (const part of parts) part.show(told);
    funds.show(kept);
  });
}

function tiles() {
  const names = [["liquidations", "Liquidations"], ["bankruptcies", "Bankrupt accounts"],
    ["fees", "Liquidation fees"], ["funds", "Paid by funds"], ["counterparties", "By counterparties"],
    ["shared", "Shared"], ["uncovered", "Uncovered"]];
  const all = names.map(([name, label]) => [name, tile(label)]);
  return {
    node: h("div", { class: "tiles seven" }, all.map(([, one]) => one.node)),
    show({ stages, numeraire }) {
      for (const [name, one] of all) {
        const told = stages[name];
        const counted = typeof told === "number";
        const none = counted ? told === 0 : told === "0";
        one.show(counted ? count(told) : told === "0" ? "0" : short(told), {
          title: counted ? "" : exact(told), unit: counted ? "" : numeraire,
          tone: none ? "" : name === "uncovered" ? "bad" : ["funds", "counterparties", "shared"].includes(name) ? "warn" : "",
        });
      }
    },
  };
}

// Where the positions of liquidated accounts went.
function notional(page) {
  const drawn = page.keep(picture({
    label: "Flow of liquidated notional to the order book, the backstop and deleveraging", height: 260,
    make: (stages) => {
      const links = CLOSED.filter(([name]) => Number(stages[name]) > 0);
      return {
        tooltip: tooltip((at) => rows([[at.dataType === "edge" ? at.data.target : at.name, size(at.value),
          colour(CLOSED.find(([, name]) => name === (at.data.target || at.name))?.[2] || "long")]])),
        series: [{
          type: "sankey", left: 8, right: 150, top: 14, bottom: 14, nodeWidth: 16, nodeGap: 18, draggable: false,
          emphasis: { focus: "adjacency" }, lineStyle: { color: "target", opacity: 0.35, curveness: 0.5 },
          label: { color: colour("ink"), fontSize: 12.5, lineHeight: 18, formatter: (at) => `${at.name}\n${size(at.value)}` },
          data: [{ name: "closed", itemStyle: { color: colour("long") } },
            ...links.map(([, name, tone]) => ({ name, itemStyle: { color: colour(tone) } }))],
          links: links.map(([name, target]) => ({ source: "closed", target, value: Number(stages[name]) })),
        }],
      };
    },
  }));
  const place = h("div", {});
  const note = h("p", { class: "note" });
  const node = panel("Where positions went", { note: "Notional of liquidated positions, by who took them." }, place, note);
  let shown = "";
  return {
    node,
    show({ stages }) {
      const text = CLOSED.map(([name]) => stages[name]).join();
      if (text === shown) return;
      shown = text;
      const all = sum(CLOSED.map(([name]) => stages[name]));
      if (all === "0") return void clear(place, empty("Nothing was liquidated yet."));
      if (!drawn.node.isConnected) clear(place, drawn.node);
      drawn.show(stages);
      note.textContent = `${short(all)} closed in all; fees of ${short(stages.fees)} on it.`;
    },
  };
}

// The debt of bankrupt accounts, and how each stage took it down.
function money_(page) {
  const drawn = page.keep(picture({
    label: "What accounts could not pay, and how much of it each stage of the waterfall bore", height: 260,
    make: (stages) => fallOption(stages),
  }));
  const place = h("div", {});
  const node = panel("Who paid the rest", { note: "Losses beyond all that the accounts had, taken down stage by stage." }, place);
  let shown = "";
  return {
    node,
    show({ stages }) {
      const text = PAID.map(([name]) => stages[name]).join();
      if (text === shown) return;
      shown = text;
      if (sum(PAID.map(([name]) => stages[name])) === "0") {
        return void clear(place, empty("No account owed more than it had.", "Nobody else has paid anything."));
      }
      if (!drawn.node.isConnected) clear(place, drawn.node);
      drawn.show(stages);
    },
  };
}

function fallOption(stages) {
  const gave = PAID.map(([name]) => Number(stages[name]));
  const all = gave.reduce((total, one) => total + one, 0);
  let left = all;
  const under = [0, ...gave.map((one) => { left -= one; return Math.max(left, 0); })];
  const names = ["beyond the accounts", ...PAID.map(([, name]) => name)];
  const bars = [all, ...gave];
  const tones = ["long", ...PAID.map(([, , tone]) => tone)];
  return {
    grid: { left: 182, right: 70, top: 8, bottom: 26 },
    tooltip: tooltip(([at]) => rows([[names[at.dataIndex], size(bars[at.dataIndex]), colour(tones[at.dataIndex])]]),
      { trigger: "axis", axisPointer: { type: "shadow", shadowStyle: { color: shade("faint", 0.1) } } }),
    xAxis: { type: "value", min: 0, axisLabel: { color: colour("faint"), formatter: (one) => axisTexts([one, one + all / 4])[0] },
      splitNumber: 4, splitLine: { lineStyle: { color: colour("grid") } } },
    yAxis: { type: "category", inverse: true, data: names, axisTick: { show: false },
      axisLine: { lineStyle: { color: colour("line") } }, axisLabel: { color: colour("soft") } },
    series: [
      { type: "bar", stack: "fall", itemStyle: { color: "transparent" }, tooltip: { show: false }, silent: true, data: under },
      { type: "bar", stack: "fall", barWidth: "56%",
        label: { show: true, position: "right", color: colour("ink"), formatter: (at) => size(at.value) },
        data: bars.map((value, i) => ({ value, itemStyle: { color: colour(tones[i]), borderRadius: 3 } })) },
    ],
  };
}

function quantity(text) {
  return decimal(text, Math.min(4, (text.split(".")[1] || "").length));
}

// A number of a drawing with its letter.
function size(number) {
  return number ? short(Number(number).toFixed(2)) : "0";
}

function history(page) {
  const drawn = page.keep(chart({
    label: "Worth of the insurance fund over time", height: 250,
    series: [{}, { stroke: () => colour("fund"), width: 2, fill: () => shade("fund", 0.14), points: { show: false },
      paths: window.uPlot?.paths.stepped({ align: 1 }) }],
    axes: [timeAxis(), numberAxis()],
    readout: (i, u) => [[when(u.data[0][i] * 1000), ""], ["worth", size(u.data[1][i]), colour("fund")]],
  }));
  const place = h("div", {});
  const node = panel("Insurance fund", { note: "Its worth whenever what it holds had changed." }, place);
  return {
    node,
    show({ funds }) {
      const points = funds[0]?.points || [];
      if (points.length < 2) return void clear(place, empty("The fund has not moved yet."));
      if (!drawn.node.isConnected) clear(place, drawn.node);
      drawn.show([points.map((one) => one.time_ms / 1000), points.map((one) => Number(one.worth))]);
    },
  };
}

// The latest losses that others bore, an account and event each.
function latest() {
  const list = table({
    label: "Latest losses that others bore", most: 290, blank: "Nobody has borne a loss for another account.",
    columns: [
      { label: "Time", width: "76px", cell: (row) => h("a", { href: way("journal", String(row.sequence)) }, time(row.time_ms)) },
      { label: "Account", width: "minmax(120px, 1.4fr)", narrow: "minmax(100px, 1fr)",
        cell: (row) => h("a", { href: way("account", row.account) }, row.account) },
      { label: "Funds", number: true, width: "minmax(70px, 1fr)", narrow: "74px", cell: (row) => amount(row.gave.fund_paid) },
      { label: "Counterparties", number: true, width: "minmax(100px, 1fr)", phone: false,
        cell: (row) => (row.gave.deleveraged ? `${count(row.gave.deleveraged)} closed` : "–") },
      { label: "Shared", number: true, width: "minmax(70px, 1fr)", phone: false, cell: (row) => amount(row.gave.loss_shared) },
      { label: "Uncovered", number: true, width: "minmax(74px, 1fr)", phone: false, cell: (row) => row.gave.uncovered || "–" },
    ],
  });
  const node = panel("Latest losses", { name: "flush", note: "What others bore for an account, event by event." }, list.node);
  return { node, show: ({ losses }) => list.show(losses.map((one) => ({ ...one, gave: given(one) }))) };
}

function given(moment) {
  const of = (name) => moment.effects.filter((one) => one.effect === name && one.account === moment.account);
  const all = (name) => (of(name).length ? sum(of(name).map((one) => one.atoms)) : null);
  const open = of("uncovered");
  return {
    fund_paid: all("fund_paid"), loss_shared: all("loss_shared"), deleveraged: of("deleveraged").length,
    uncovered: open.length ? open.map((one) => `${money(one.atoms)} ${one.coin}`).join(", ") : null,
  };
}

// Both sides of one contract, by profit × leverage: who is asked first.
function queues(page) {
  let chosen = page.query.get("queue") || "";
  let names = "";
  const place = h("div", { class: "queues" });
  const choice = h("select", { "aria-label": "Contract", onchange: () => {
    chosen = choice.value;
    page.setQuery({ queue: chosen });
    fetchQueues();
  } });
  const node = panel("Deleveraging queue", {
    name: "flush", note: "Who would be asked first to give up a position, by side; ranked by a float screen.",
    tools: [modelled("A screen in floating point; the few that are reached are ranked exactly"), choice],
  }, place);
  page.every(REFRESH_MS * 2, fetchQueues);
  return { node };

  async function fetchQueues() {
    const query = chosen ? `?limit=25&instrument=${encodeURIComponent(chosen)}` : "?limit=1";
    const told = await page.get(`/v1/deleveraging${query}`);
    if (!chosen) {
      await contracts(told);
      if (chosen) return fetchQueues();
    } else if (!names) await contracts(told);
    show(told);
  }

  async function contracts(told) {
    const answer = await page.get("/v1/instruments");
    const listed = answer.instruments.filter((one) => one.type !== "spot").map((one) => one.id);
    const held = told.queues.map((one) => one.instrument);
    listed.sort((a, b) => held.includes(b) - held.includes(a) || (a < b ? -1 : 1));
    names = listed.join();
    chosen ||= held[0] || listed[0] || "";
    clear(choice, listed.map((id) => h("option", { value: id, selected: id === chosen }, id)));
  }

  function show(told) {
    if (!told.queues.length) return void clear(place, empty("Nobody holds this contract."));
    clear(place, told.queues.map((one) => h("div", {},
      h("h3", {}, `${one.side === "long" ? "Longs" : "Shorts"} of ${one.instrument}`,
        h("span", { class: "note" }, ` the first ${count(one.accounts.length)} of ${count(one.of)}`)),
      h("div", { class: "scroll" }, h("table", {},
        h("thead", {}, h("tr", {}, h("th", { class: "place" }, "#"), h("th", {}, "Account"),
          ["Quantity", "Notional", "Equity", "Health"].map((name) => h("th", {
            title: name === "Notional" || name === "Equity" ? told.numeraire : null,
            class: `number ${name === "Equity" || name === "Notional" ? "roomy" : ""}`, scope: "col" }, name)))),
        h("tbody", {}, one.accounts.map((row) => h("tr", {},
          h("td", { class: "place" }, String(row.place)),
          h("th", { scope: "row" }, h("a", { href: way("account", row.account) }, row.account)),
          h("td", { class: "number" }, quantity(row.quantity)),
          h("td", { class: "number roomy" }, amount(row.notional)),
          h("td", { class: "number roomy" }, amount(row.verdict.equity)),
          h("td", { class: "number" }, row.verdict.health ? `${decimal(row.verdict.health, 2)} ×` : "–")))))))));
  }
}
