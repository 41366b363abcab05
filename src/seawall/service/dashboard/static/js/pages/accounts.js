// Every account, the nearest to a margin call first: pages come as they are scrolled to.

import { clear, h, say } from "../dom.js";
import { amount, panel, pill, segments } from "../parts.js";
import { go, way } from "../router.js";
import { table } from "../table.js";
import { count, percent, words } from "../text.js";
import { aged } from "./account/age.js";

const PAGE = 100; // Accounts in one request.
const REFRESH_MS = 2000;
const STATES = ["", "healthy", "warned", "called", "liquidating", "bankrupt", "closed"];
const DOWN = { notional: false, equity: false }; // The API puts the largest first.

export async function mount(page) {
  const chosen = {
    search: page.query.get("search") || "",
    status: page.query.get("status") || "",
    order: page.query.get("order") || "distance",
    reverse: page.query.get("reverse") === "1",
  };
  const pages = new Map(); // Number of a page → its rows, or "asked".
  let total = 0;
  let seen = [0, 1];
  let turn = 0;

  const list = table({
    label: "Accounts", most: Math.max(360, window.innerHeight - 250), height: 38, columns: columns(),
    order: { name: chosen.order, down: chosen.order in DOWN ? !chosen.reverse : chosen.reverse },
    onorder: ({ name, down }) => {
      chosen.order = name;
      chosen.reverse = name in DOWN ? !down : down;
      anew();
    },
    need: (first, last) => {
      seen = [Math.floor(first / PAGE), Math.floor((last - 1) / PAGE)];
      for (let at = seen[0]; at <= seen[1]; at += 1) if (!pages.has(at)) fetchPage(at);
    },
    open: (row) => go(way("account", row.name)),
    blank: "No account is like that.",
  });
  const unit = h("span", { class: "note" });
  const found = h("span", { class: "note", role: "status" });
  const field = h("input", {
    type: "search", class: "account-search", placeholder: "Part of a name", value: chosen.search,
    "aria-label": "Search accounts", autocomplete: "off", spellcheck: "false",
  });
  let typed = 0;
  field.addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(() => {
      chosen.search = field.value.trim();
      anew();
    }, 150);
  });
  const states = segments(STATES.map((one) => [one, one ? words(one) : "all"]), chosen.status, (name) => {
    chosen.status = name;
    anew();
  }, "State");
  page.tools.append(field);
  page.body.append(panel("Accounts", { name: "flush accounts", tools: [unit, states] }, list.node,
    h("p", { class: "note table-foot" }, found, h("span", {},
      "Distance: a fall of everything by less calls nobody. Age is of the oldest price behind the account."))));

  page.watch("overview", (state) => {
    say(unit, state?.numeraire ? `amounts in ${state.numeraire}` : "");
    const told = state?.by_status;
    if (!told) return;
    for (const one of states.querySelectorAll("button")) {
      const name = one.dataset.name;
      const many = name ? told[name] || 0 : state.accounts;
      clear(one, words(name || "all"), many ? h("small", {}, ` ${count(many)}`) : null);
      one.hidden = Boolean(name) && !many && name !== chosen.status && ["bankrupt", "closed"].includes(name);
    }
  });
  show();
  await Promise.all([fetchPage(0), page.every(REFRESH_MS, refresh)]);

  function ask(at) {
    const query = new URLSearchParams({
      order: chosen.order, offset: String(at * PAGE), limit: String(PAGE),
    });
    if (chosen.reverse) query.set("reverse", "true");
    if (chosen.search) query.set("search", chosen.search);
    if (chosen.status) query.set("status", chosen.status);
    return page.get(`/v1/accounts?${query}`);
  }

  async function fetchPage(at) {
    pages.set(at, "asked");
    const mine = turn;
    try {
      const told = await ask(at);
      if (mine !== turn) return;
      take(at, told);
    } catch (error) {
      if (mine === turn) pages.delete(at);
      if (error.name !== "AbortError") throw error;
    }
  }

  function take(at, told) {
    pages.set(at, told.accounts.map((row) => ({ ...row, now_ms: told.now_ms })));
    total = told.total;
    page.stamp(told);
    say(found, `${count(total)} ${total === 1 ? "account" : "accounts"}`);
    show();
  }

  // What is seen is asked for again; what was seen before is forgotten, for its order has changed.
  async function refresh() {
    const mine = turn;
    for (let at = seen[0]; at <= seen[1]; at += 1) {
      const told = await ask(at);
      if (mine !== turn) return;
      for (const one of [...pages.keys()]) if (one < seen[0] || one > seen[1]) pages.delete(one);
      take(at, told);
    }
  }

  function anew() {
    turn += 1;
    pages.clear();
    page.setQuery({ ...chosen, order: chosen.order === "distance" ? "" : chosen.order,
      reverse: chosen.reverse ? "1" : "" });
    list.view.scrollTop = 0;
    seen = [0, 0];
    fetchPage(0);
  }

  function show() {
    list.show({
      total,
      row: (i) => {
        const rows = pages.get(Math.floor(i / PAGE));
        return Array.isArray(rows) ? rows[i % PAGE] : undefined;
      },
    });
  }
}

function columns() {
  return [
    { name: "name", label: "Account", ordered: true, width: "minmax(150px, 1.6fr)",
      narrow: "minmax(84px, 1fr)", cell: (row) => h("a", { href: way("account", row.name) }, row.name) },
    { name: "status", label: "State", width: "112px", phone: false, cell: (row) => pill(row.status) },
    { name: "method", label: "Method", width: "88px", phone: false, cell: (row) => words(row.method) },
    { name: "distance", label: "Distance", ordered: true, width: "minmax(128px, 1.2fr)",
      narrow: "66px", cell: (row) => distance(row) },
    { name: "health", label: "Health", ordered: true, width: "84px", phone: false,
      title: "Margin equity ÷ maintenance", cell: (row) => health(row.verdict?.health) },
    { name: "equity", label: "Equity", number: true, ordered: true, width: "minmax(96px, 1fr)",
      narrow: "74px", cell: (row) => amount(row.verdict?.equity, { tone: true }) },
    { name: "maintenance", label: "Maintenance", number: true, width: "minmax(96px, 1fr)", phone: false,
      cell: (row) => amount(row.verdict?.maintenance) },
    { name: "notional", label: "Notional", number: true, ordered: true, width: "minmax(104px, 1fr)",
      phone: false, cell: (row) => amount(row.notional) },
    { name: "age", label: "Age", number: true, width: "76px", phone: false, cell: (row) => aged(row.oldest_ms, row.now_ms) },
  ];
}

// A bar as long as the root of the distance, up to a half, and the number.
function distance(row) {
  const told = row.distance;
  if (told === null) return h("span", { class: "note" }, "no position");
  const part = Math.sqrt(Math.max(0, Math.min(1, Number(told) / 0.5)));
  return h("span", { class: "meter", "data-tone": tone(Number(told)) },
    h("i", { "aria-hidden": "true" }, h("i", { style: { width: `${part * 100}%` } })),
    h("span", {}, percent(told)));
}

function tone(part) {
  if (part < 0.01) return "bad";
  if (part < 0.02) return "call";
  return part < 0.05 ? "warn" : "good";
}

function health(told) {
  if (told === null || told === undefined) return "–";
  return Number(told) >= 100 ? "> 100 ×" : `${Number(told).toFixed(2)} ×`;
}
