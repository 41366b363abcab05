// The health of the venue on one page: who is near, what was called, and whether its eyes are open.

import { chart, colour, numberAxis, shade, spark, timeAxis } from "../chart.js";
import { clear, h, say } from "../dom.js";
import { badge } from "../effects.js";
import { NEAR_PERCENT, onSeen, seen } from "../history.js";
import { amount, countdown, empty, panel, pill, shares, tile } from "../parts.js";
import { go, way } from "../router.js";
import { table } from "../table.js";
import {
  axisTexts, count, counted, exact, float, percent, price, short, span, sum, time, when, words,
} from "../text.js";

const STATUSES = ["healthy", "warned", "called", "liquidating", "bankrupt", "closed"];
const BAND_TONES = ["bad", "bad", "call", "warn", "near", "far", "far", "far", "none"];

export function mount(page) {
  const parts = [tiles(), bands(), nearLine(page), calls(), standing(), prices(), funds(), breakers()];
  const [top, bars, line, called, stand, oracle, fund, shut] = parts;
  const [taken, last] = [liquidations(page), latest(page)];
  page.body.append(top.node,
    h("div", { class: "grid" },
      h("div", { class: "span-8 stack" }, bars.node, line.node, called.node, taken.node),
      h("div", { class: "span-4 stack" }, stand.node, oracle.node, last.node, shut.node, fund.node)));
  page.watch("overview", (state, { error }) => {
    if (!state?.started) {
      page.stamp(state || {}, error?.detail);
      return;
    }
    page.stamp(state, state.priced ? "" : "before the first price");
    for (const part of parts) part.show?.(state);
  });
}

function tiles() {
  const notional = tile("Open notional");
  const near = tile(`Within ${NEAR_PERCENT} %`, { about:
    `Notional of accounts that a fall of everything by ${NEAR_PERCENT} % would call` });
  const called = tile("Margin calls");
  const taken = tile("In liquidation");
  const cover = tile("Equity", { about: "Of all accounts, with what they must hold" });
  const fund = tile("Insurance funds");
  const spread = tile("System R0", { modelled: true, about:
    "Liquidations that one liquidation causes, at the present price; from 1 on they feed themselves" });
  const cascade = tile("To a cascade", { modelled: true, about:
    "The smallest fall or rise of one coin after which liquidations feed themselves" });
  const all = [notional, near, called, taken, cover, fund, spread, cascade];
  return {
    node: h("div", { class: "tiles" }, all.map((one) => one.node)),
    show(state) {
      const unit = state.numeraire;
      if (state.priced) showMargin(state, unit);
      const next = state.calls[0]?.deadline_ms;
      called.show(count(state.calls_total), {
        tone: state.calls_total ? "call" : "", note: next ? `next until ${time(next)}` : "none stand",
      });
      taken.show(count(state.liquidations), {
        tone: state.liquidations ? "bad" : "",
        note: `${counted(state.orders, "order")} · ${counted(state.auctions, "auction")}`,
      });
      const worth = sum(state.funds.map((one) => one.worth));
      fund.show(short(worth), { unit, note: `${state.funds.length} in order`, title: worth,
        tone: worth.startsWith("-") || worth === "0" ? "bad" : "" });
      showSystem(state.systemic);
    },
  };

  function showMargin(state, unit) {
    notional.show(short(state.totals.notional), {
      unit, title: state.totals.notional, note: counted(state.accounts, "account"),
    });
    const told = state.by_distance.filter((one) => one.to !== null && Number(one.to) <= NEAR_PERCENT);
    const close = sum(told.map((one) => one.notional));
    const who = told.reduce((all, one) => all + one.accounts, 0);
    near.show(short(close), { unit, title: close, note: counted(who, "account") });
    cover.show(short(state.totals.equity), {
      unit, title: state.totals.equity, note: `maintenance ${short(state.totals.maintenance)}`,
    });
  }

  function showSystem(told) {
    const live = told?.system;
    if (!live) {
      spread.show("–", { note: told?.state === "failed" ? "the monitor failed" : "not read yet" });
      cascade.show("–", { note: "" });
      return;
    }
    const [fall, rise] = [live.fall?.r0 ?? 0, live.rise?.r0 ?? 0];
    const most = Math.max(fall, rise);
    spread.show(float(most, 2), {
      tone: most >= 1 ? "bad" : most >= 0.5 ? "warn" : "good",
      note: `${fall >= rise ? "in a fall" : "in a rise"}, law ${words(told.law)}`,
    });
    const moves = told.coins.flatMap((one) => [one.fall, one.rise].map((side) => [one.coin, side?.to_cascade]))
      .filter(([, move]) => move !== null && move !== undefined)
      .sort(([, a], [, b]) => Math.abs(a) - Math.abs(b));
    if (!moves.length) cascade.show("none", { tone: "good", note: "no move in reach" });
    else {
      const [coin, move] = moves[0];
      cascade.show(`${move > 0 ? "+" : "−"}${float(Math.abs(move) * 100, 1)} %`, {
        note: `of ${coin}`, tone: Math.abs(move) < 0.05 ? "bad" : Math.abs(move) < 0.1 ? "warn" : "",
      });
    }
  }
}

function bands() {
  const rows = h("div", { class: "bands", role: "table", "aria-label": "Accounts by distance" });
  const node = panel("Distance to a margin call", {
    note: "Headroom as a share of an account's notional: a fall of everything by less calls nobody in the band.",
    name: "distance",
  }, rows);
  let shown = [];
  return { node, show };

  function show({ by_distance: told, numeraire }) {
    if (!told) return;
    if (shown.length !== told.length) make(told, numeraire);
    const most = Math.max(...told.map((one) => Number(one.notional)), 1);
    const people = Math.max(...told.map((one) => (idle(one) ? 0 : one.accounts)), 1);
    const all = told.reduce((sum, one) => sum + Number(one.notional), 0) || 1;
    told.forEach((one, i) => {
      const row = shown[i];
      row.money.style.width = `${(Number(one.notional) / most) * 100}%`;
      row.people.style.width = idle(one) ? "0" : `${(one.accounts / people) * 100}%`;
      say(row.notional, short(one.notional));
      row.notional.title = `${one.notional} ${numeraire}`;
      say(row.share, `${float((Number(one.notional) / all) * 100, 1)} %`);
      say(row.accounts, count(one.accounts));
      row.node.classList.toggle("none", one.accounts === 0 || idle(one));
    });
  }

  function make(told, unit) {
    const head = h("div", { class: "band head", role: "row" },
      h("span", { role: "columnheader" }, "Distance"),
      h("span", { role: "columnheader", class: "wide" }, `Notional, ${unit}`),
      h("span", { role: "columnheader", class: "number" }, ""),
      h("span", { role: "columnheader", class: "number share" }, "Share"),
      h("span", { role: "columnheader", class: "wide" }, "Accounts"),
      h("span", { role: "columnheader", class: "number" }, ""));
    shown = told.map((one, i) => {
      const cell = (name = "number") => h("span", { role: "cell", class: name });
      const bar = (name) => h("i", { class: name });
      const row = {
        money: bar("money"), people: bar("people"), notional: cell(), share: cell("number share"),
        accounts: cell(),
      };
      row.node = h("div", { class: "band", role: "row", "data-band": BAND_TONES[i] || "far" },
        h("span", { role: "rowheader" }, named(one)),
        h("span", { class: "wide", "aria-hidden": "true" }, row.money), row.notional, row.share,
        h("span", { class: "wide", "aria-hidden": "true" }, row.people), row.accounts);
      return row;
    });
    clear(rows, head, shown.map((one) => one.node));
  }

  function idle({ from, to }) {
    return from === null && to === null;
  }

  function named({ from, to }) {
    if (from === null && to === null) return "no position";
    if (from === null) return "below the line";
    if (to === null) return `over ${from} %`;
    return `${from} – ${to} %`;
  }
}

function nearLine(page) {
  const drawn = page.keep(chart({
    label: `Notional within ${NEAR_PERCENT} per cent of a call over time, and accounts in liquidation`,
    height: 210,
    series: [{},
      { stroke: () => colour("accent"), width: 2, fill: () => shade("accent", 0.12), points: { show: false } },
      { scale: "n", stroke: () => colour("bad"), width: 1.5, points: { show: false },
        paths: window.uPlot?.paths.stepped({ align: 1 }) },
    ],
    scales: { y: { range: (u, low, high) => [0, high > 0 ? high * 1.08 : 1] },
      n: { range: (u, low, high) => [0, Math.max(4, high * 1.15)] } },
    axes: [timeAxis(), numberAxis(), numberAxis({ scale: "n", side: 1, size: 44, grid: { show: false },
      incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000] })],
    readout: (i) => [
      [when(seen.time_s[i] * 1000), ""],
      [`within ${NEAR_PERCENT} %`, axisTexts([seen.near[i]])[0], colour("accent")],
      ["in liquidation", count(seen.liquidating[i]), colour("bad")],
      ["calls", count(seen.calls[i])],
    ],
  }));
  const draw = () => seen.time_s.length > 1
    && drawn.show([seen.time_s, seen.near, seen.liquidating].map((one) => [...one]));
  page.onleave(onSeen(draw));
  draw();
  const node = panel(`Notional within ${NEAR_PERCENT} % of a call`, {
    note: "Since the service was started.",
    tools: [h("ul", { class: "legend" },
      h("li", {}, h("span", { class: "swatch line accent" }), "notional"),
      h("li", {}, h("span", { class: "swatch line bad" }), "accounts in liquidation"))],
  }, drawn.node);
  return { node };
}

function calls() {
  const list = table({
    label: "Margin calls", most: 400, blank: "No margin call stands.",
    columns: [
      { label: "Account", width: "minmax(120px, 1.4fr)", cell: (row) => row.account.name },
      { label: "Until", number: true, width: "78px", cell: (row) => row.node ??= countdown(row.deadline_ms) },
      { label: "Restores", number: true, width: "minmax(96px, 1fr)", cell: (row) => amount(row.amount),
        title: "What restores the initial margin" },
      { label: "Health", number: true, width: "74px", cell: (row) => percent(row.account.verdict?.health, 1),
        title: "Margin equity ÷ maintenance" },
      { label: "Notional", number: true, width: "minmax(90px, 1fr)", phone: false,
        cell: (row) => amount(row.account.notional) },
      { label: "Method", width: "90px", phone: false, cell: (row) => words(row.account.method) },
    ],
    open: (row) => go(way("account", row.account.name)),
  });
  const note = h("span", {});
  const node = panel("Margin calls", { name: "flush", tools: [note] }, list.node);
  return {
    node,
    show(state) {
      say(note, state.calls_total > state.calls.length
        ? `the first ${state.calls.length} of ${count(state.calls_total)}` : state.numeraire);
      list.show(state.calls);
    },
  };
}

function liquidations(page) {
  const list = table({
    label: "Accounts in liquidation", most: 400, blank: "Nobody is being liquidated.",
    columns: [
      { label: "Account", width: "minmax(120px, 1.4fr)", cell: (row) => row.account.name },
      { label: "Health", number: true, width: "74px", cell: (row) => percent(row.account.verdict?.health, 1) },
      { label: "Equity", number: true, width: "minmax(90px, 1fr)", cell: (row) => amount(row.account.verdict?.equity, { tone: true }) },
      { label: "Notional", number: true, width: "minmax(90px, 1fr)", cell: (row) => amount(row.account.notional) },
      { label: "Asked for", width: "minmax(110px, 1fr)", phone: false, cell: (row) => asked(row) },
    ],
    open: (row) => go(way("account", row.account.name)),
  });
  const note = h("span", {});
  page.watch("liquidations", (state, { total }) => {
    const rows = Object.values(state || {});
    say(note, total > rows.length ? `the first ${rows.length} of ${count(total)}` : count(total));
    list.show(rows);
  });
  return { node: panel("In liquidation", { name: "flush", tools: [note] }, list.node) };
}

function asked({ orders, auctions }) {
  if (auctions.length) return `auction ${auctions.join(", ")}`;
  if (!orders.length) return "waits";
  return orders.length > 1 ? `${orders.length} orders` : `${exact(orders[0].quantity)} ${orders[0].instrument}`;
}

// What happened last, of all that a person would want to hear of.
const LOUD = new Set(["called", "call_withdrawn", "liquidated", "deleveraged", "fund_paid", "loss_shared",
  "uncovered", "taken_over", "breaker_changed", "auction_started", "auction_ended", "exit_filled",
  "price_refused", "refused"]);
const WORSE = new Set(["liquidating", "bankrupt", "closed"]);
const LATEST_MOST = 14;

function isLoud(effect) {
  return LOUD.has(effect.effect) || (effect.effect === "state_changed" && WORSE.has(effect.after));
}

function latest(page) {
  const list = h("ol", { class: "latest" });
  let rows = [];
  let begun = false;
  page.watch("events", (state, { events }) => {
    const fresh = begun ? events : [...(state?.events || []), ...events];
    begun = true;
    const told = fresh.slice(-200).flatMap((event) => event.effects.filter(isLoud)
      .map((effect) => ({ effect, event })));
    if (!told.length && rows.length) return;
    rows = [...told.reverse(), ...rows].slice(0, LATEST_MOST);
    clear(list, rows.length ? rows.map(line) : h("li", { class: "none" }, "Nothing of note yet."));
  });
  return { node: panel("Latest", { note: "Amounts in the numeraire of the venue.", tools: [h("a", { href: "#/journal" }, "Journal")] }, list) };

  function line({ effect, event }) {
    const moved = effect.effect === "state_changed";
    const { quantity, instrument, amount: worth, notional } = effect;
    const rest = notional ? short(notional) : quantity ? `${exact(quantity)} ${(instrument || "").split(/[/-]/)[0]}` : worth ? short(worth) : "";
    return h("li", {},
      h("a", { class: "note", href: way("journal", event.sequence), title: `event ${event.sequence}` }, time(event.time_ms)),
      moved ? pill(effect.after) : badge(effect.effect),
      effect.account ? h("a", { href: way("account", effect.account) }, effect.account) : h("span", {}),
      h("span", { class: "number", title: instrument ? `${exact(quantity)} ${instrument}` : null }, rest));
  }
}

function standing() {
  const bar = h("div", {});
  const rows = h("dl", { class: "facts tight" });
  let shown = "";
  return {
    node: panel("Where accounts stand", {}, bar, rows),
    show({ by_status: told, accounts }) {
      const text = JSON.stringify(told);
      if (text === shown) return;
      shown = text;
      const known = STATUSES.filter((one) => one in told);
      clear(bar, shares(known.map((one) => [one, told[one]]), "Accounts by state"));
      clear(rows, known.map((one) => h("div", {}, h("dt", {}, pill(one)),
        h("dd", {}, count(told[one]), h("span", { class: "unit" },
          ` ${float((told[one] / (accounts || 1)) * 100, 1)} %`)))));
    },
  };
}

const ORACLE = { fresh: "good", stale: "warn", refused: "bad", unpriced: "quiet" };

function prices() {
  const rows = h("div", { class: "oracles" });
  const kept = new Map();
  return {
    node: panel("Prices and oracles", { note: "Age is of the venue's clock." }, rows),
    show({ oracles, numeraire }) {
      for (const one of oracles) row(one, numeraire);
      rows.hidden = !oracles.length;
    },
  };

  function row(one, unit) {
    let mine = kept.get(one.coin);
    if (!mine) {
      mine = {
        line: spark(`${one.coin} since this page was opened`), price: h("span", { class: "number" }),
        age: h("span", { class: "number unit" }), state: h("span", { class: "oracle-state" }),
      };
      mine.node = h("a", { class: "oracle", href: way("map", one.coin), title: `Liquidation map of ${one.coin}` },
        h("b", {}, one.coin), mine.line.node, mine.price, mine.age, mine.state);
      kept.set(one.coin, mine);
      rows.append(mine.node);
    }
    say(mine.price, one.price === null ? "–" : price(one.price));
    mine.price.title = one.price === null ? "" : `${one.price} ${unit}`;
    say(mine.age, one.age_ms === null ? "" : span(one.age_ms));
    if (mine.told !== one.state) {
      mine.told = one.state;
      const node = pill(one.state, one.source === "direct" && one.state === "fresh" ? "direct" : one.state);
      node.dataset.tone = ORACLE[one.state] || "quiet";
      node.title = one.source === "direct" ? "Told directly: this coin has no oracle rule" : `Oracle: ${one.state}`;
      clear(mine.state, node);
    }
    mine.line.show(seen.prices.get(one.coin) || []);
  }
}

function breakers() {
  const rows = h("div", { class: "breakers" });
  let shown = null;
  return {
    node: panel("Breakers", { tools: [h("a", { href: "#/incidents" }, "Incidents")] }, rows),
    show({ breakers: told }) {
      const text = JSON.stringify(told);
      if (text === shown) return;
      shown = text;
      if (!told.length) clear(rows, h("p", { class: "calm" }, pill("open", "all open"), " Nothing is shut or reduced."));
      else {
        clear(rows, told.map((one) => h("div", { class: "breaker" }, pill(one.mode),
          h("b", {}, one.subject || words(one.scope)),
          h("span", { class: "note" }, one.by_operators ? "by operators" : words(one.breaker)),
          one.until_ms ? countdown(one.until_ms) : h("span", { class: "note" }, "until released"))));
      }
    },
  };
}

function funds() {
  const rows = h("div", {});
  let shown = null;
  return {
    node: panel("Insurance funds", { note: "In the order in which they pay." }, rows),
    show({ funds: told, numeraire }) {
      const text = JSON.stringify(told);
      if (text === shown) return;
      shown = text;
      clear(rows, told.length ? told.map((one) => h("div", { class: "fund" },
        h("div", { class: "fund-head" }, h("b", {}, words(one.fund)), amount(one.worth, { unit: numeraire })),
        h("ul", { class: "note holds" }, Object.entries(one.holds).map(([coin, held]) =>
          h("li", {}, h("span", {}, coin), amount(held)))))) : empty("This venue has no insurance fund."));
    },
  };
}
