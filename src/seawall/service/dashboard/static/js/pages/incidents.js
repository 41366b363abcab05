// What is shut, who may open it, and everything out of the ordinary that happened.

import { clear, h } from "../dom.js";
import { badge, entry } from "../effects.js";
import { button, countdown, empty, panel, pill, toast } from "../parts.js";
import { way } from "../router.js";
import { count, when, words } from "../text.js";

const PAGE = 100;
const WATCHED = new Set(["overridden", "corrected", "reconciled", "rules_changed", "breaker_changed",
  "price_refused", "price_published"]);

export async function mount(page) {
  const me = await page.get("/v1/me");
  const parts = { standing: standing(), rules: rules(), proposals: proposals(page, me), history: happened(page) };
  page.body.append(h("div", { class: "grid" },
    h("div", { class: "span-7 stack" }, parts.standing.node, parts.history.node),
    h("div", { class: "span-5 stack" }, parts.proposals.node, parts.rules.node)));
  const load = async () => {
    const told = await page.get("/v1/breakers");
    page.stamp(told);
    parts.standing.show(told.standing);
    parts.rules.show(told);
    parts.proposals.venue(told);
  };
  await load();
  await Promise.all([parts.proposals.load(), parts.history.load()]);
  let waiting = 0;
  page.watch("events", (state, { events }) => {
    const mine = events.some((one) => WATCHED.has(one.event) || one.effects.some((each) => WATCHED.has(each.effect)));
    if (!mine || waiting) return;
    waiting = setTimeout(() => {
      waiting = 0;
      Promise.all([load(), parts.proposals.load(), parts.history.fresh()])
        .catch((error) => toast(error));
    }, 400);
  });
  page.onleave(() => clearTimeout(waiting));
  page.every(15_000, () => parts.proposals.load());
}

function standing() {
  const rows = h("div", { class: "breakers" });
  return {
    node: panel("What is shut or reduced now", {}, rows),
    show(told) {
      clear(rows, told.length ? told.map((one) => h("div", { class: "breaker" }, pill(one.mode),
        h("b", {}, one.subject || words(one.scope)), h("span", { class: "note" },
          `${words(one.scope)} · ${one.by_operators ? "by operators" : `breaker ${words(one.breaker)}`}`),
        one.until_ms ? countdown(one.until_ms) : h("span", {}, "until released")))
        : h("p", { class: "calm" }, pill("open", "all open"), " Every market takes every order."));
    },
  };
}

function rules() {
  const body = h("div", {});
  return {
    node: panel("Rules of the breakers", { note: "As the rulebook has them." }, body),
    show({ rules: told }) {
      const names = Object.entries(told || {});
      clear(body, names.length ? names.map(([name, rule]) => h("div", { class: "rule" }, h("h3", {}, words(name)),
        h("p", { class: "fields" }, Object.entries(rule).map(([key, value]) =>
          h("span", { class: "field" }, h("small", {}, words(key)), " ", entry(key, value))))))
        : h("p", { class: "note" }, "This rulebook has no breakers."));
    },
  };
}

function proposals(page, me) {
  const list = h("ul", { class: "proposals" });
  const place = h("div", {});
  let operators = [];
  const mayOperate = me.scopes.includes("operate") && me.operator;
  const node = panel("Overrides", {
    note: "Two operators sign, each with a key of their own. The first proposes, the second lets it happen within an hour.",
  }, place, list);
  return { node, venue, load };

  function venue(told) {
    if (operators.length === told.operators.length && place.childNodes.length) return;
    operators = told.operators;
    clear(place, mayOperate ? form() : h("p", { class: "note" }, operators.length
      ? `Operators of this rulebook: ${operators.join(", ")}. ${me.open
        ? "While there are no API keys nobody can sign as one of them."
        : "The key in use is none of theirs, so nothing can be signed here."}`
      : "This rulebook names no operators, so nothing can be overridden."));
  }

  async function load() {
    let after = 0;
    let rows = [];
    for (let turn = 0; turn < 20; turn += 1) {
      const told = (await page.get(`/v1/overrides?after=${after}`)).proposals;
      rows = rows.concat(told).slice(-50);
      if (told.length < 100) break;
      after = told.at(-1).proposal;
    }
    clear(list, rows.reverse().map(one), rows.length ? null : empty("Nothing was proposed yet."));
  }

  function one(row) {
    const { override: told } = row;
    const open = row.sequence === null && row.second === null && Date.now() < row.expires_ms;
    return h("li", {},
      h("div", {}, pill(told.mode), h("b", {}, told.subject || words(told.scope)),
        row.sequence ? h("a", { href: way("journal", row.sequence) }, `event ${count(row.sequence)}`)
          : h("span", { class: "note" }, open ? "waits for the second operator" : row.second ? "signed" : "expired")),
      h("p", {}, told.reason),
      h("p", { class: "note" }, `${when(row.time_ms)} · ${row.first}${row.second ? ` and ${row.second}` : ""}`),
      open && mayOperate && me.operator !== row.first && button("Sign as the second", async () => {
        const done = await page.command(`/v1/overrides/${row.proposal}/signature`);
        toast(`Done: event ${count(done.sequence)}`);
        await load();
      }, { kind: "primary small" }));
  }

  function form() {
    const pick = (name, label, values) => {
      const field = h("select", { id: `override-${name}`, name }, values.map((value) => h("option", { value }, words(value))));
      return h("div", {}, h("label", { for: `override-${name}` }, label), field);
    };
    const text = (name, label, more) => h("div", {}, h("label", { for: `override-${name}` }, label),
      h("input", { id: `override-${name}`, name, autocomplete: "off", ...more }));
    const node = h("form", { class: "form" },
      h("div", { class: "fields" }, pick("scope", "Scope", ["market", "account", "venue", "all"]),
        text("subject", "Coin or account", {}), pick("mode", "From now on", ["halted", "reduce_only", "open"])),
      text("reason", "Reason", { required: true, maxlength: "500" }),
      h("div", { class: "row-end" }, button("Propose", null, { kind: "primary", type: "submit" })));
    node.addEventListener("submit", async (event) => {
      event.preventDefault();
      const told = Object.fromEntries(new FormData(node));
      try {
        const done = await page.command("/v1/overrides", told);
        toast(`Proposal ${done.proposal}: another operator signs it`);
        node.reset();
        await load();
      } catch (error) {
        toast(error);
      }
    });
    return node;
  }
}

function happened(page) {
  const list = h("ol", { class: "timeline" });
  const more = button("Earlier", () => load(), { kind: "small" });
  let rows = [];
  const node = panel("What happened", {
    note: "Breakers, overrides, corrections, reconciliations, rules and oracles, the latest first.",
  }, list, h("p", { class: "more" }, more));
  return { node, load, fresh };

  async function load() {
    const before = rows.length ? `&before=${rows.at(-1).sequence}` : "";
    const told = (await page.get(`/v1/incidents?limit=${PAGE}${before}`)).incidents;
    rows = rows.concat(told);
    more.hidden = told.length < PAGE;
    draw();
  }

  async function fresh() {
    const told = (await page.get(`/v1/incidents?limit=${PAGE}`)).incidents;
    const first = told.at(-1)?.sequence ?? 0;
    rows = told.concat(rows.filter((one) => one.sequence < first));
    draw();
  }

  function draw() {
    clear(list, rows.map(one), rows.length ? null
      : empty("Nothing out of the ordinary happened.", "Corrections and reconciliations are made with seawall journal; they appear here."));
  }

  function one(row) {
    const hidden = new Set(["effect", "reason", "signed", "used", "rejected", "dropped"]);
    if (row.told.cause === "operators") hidden.add("observed").add("limit");
    const fields = Object.entries(row.told).filter(([name, value]) => !hidden.has(name) && value !== null && value !== "");
    return h("li", {},
      h("div", { class: "event-head" }, badge(row.kind), h("time", {}, when(row.time_ms)),
        h("a", { href: way("journal", row.sequence) }, `event ${count(row.sequence)}`)),
      h("p", { class: "fields" }, fields.map(([name, value]) => h("span", { class: "field" },
        h("small", {}, words(name)), " ", entry(name, value)))),
      row.told.reason && h("p", {}, entry("reason", row.told.reason)),
      row.told.signed && h("p", { class: "note" }, `Signed by ${row.told.signed.join(" and ")}`));
  }
}

