// What happened to the account, the latest first.

import { clear, h } from "../../dom.js";
import { amount, button, empty, panel, pill } from "../../parts.js";
import { way } from "../../router.js";
import { count, decimal, money, percent, price, time, day, words } from "../../text.js";

const AGAIN_MS = 5000;
const LIMIT = 25;
const MARKS = {
  liquidated: "bad", order_wanted: "bad", called: "call", bankrupt: "bad", refused: "warn",
  deposited: "good", withdrawn: "quiet", traded: "quiet", deleveraged: "bad", fund_paid: "bad",
  taken_over: "bad", call_withdrawn: "good", call_reduced: "good", exit_filled: "bad",
};

export function timeline(page, path) {
  const list = h("ol", { class: "happened" });
  const foot = h("div", { class: "row-end" });
  const node = panel("What happened", {
    note: "Events that name the account, and what others did to it. A book that moved in at once has no rows.",
  }, list, foot);
  let first = [];
  let older = [];
  let next = null;
  page.every(AGAIN_MS, load);
  return { node, soon: () => load().catch(() => {}) };

  async function load() {
    const told = await page.get(`${path}/timeline?limit=${LIMIT}`);
    const newest = told.moments[0]?.sequence;
    if (first.length && newest === first[0].sequence) return;
    if (first.length && !older.length) next = told.next;
    else if (!first.length) next = told.next;
    if (older.length) {
      const known = told.moments.at(-1)?.sequence ?? 0;
      older = [...first.filter((one) => one.sequence < known), ...older];
    }
    first = told.moments;
    show();
  }

  async function more() {
    const told = await page.get(`${path}/timeline?limit=${LIMIT}&before=${next}`);
    older = [...older, ...told.moments];
    next = told.next;
    show();
  }

  function show() {
    const all = [...first, ...older];
    if (!all.length) {
      clear(list, h("li", { class: "nothing" }, empty("Nothing yet.")));
    } else clear(list, all.map(moment));
    clear(foot, next ? button("Earlier", more, { kind: "small" }) : null);
  }
}

function moment(told) {
  const marks = told.effects.map((one) => MARKS[one.effect]).filter(Boolean);
  const tone = ["bad", "call", "warn", "good"].find((one) => marks.includes(one)) || MARKS[told.event] || "quiet";
  return h("li", { "data-tone": tone },
    h("div", { class: "at" }, h("a", { href: way("journal", String(told.sequence)) }, `#${count(told.sequence)}`),
      h("time", { title: new Date(told.time_ms).toISOString() }, h("span", {}, day(told.time_ms)), " ", time(told.time_ms))),
    h("div", { class: "told" },
      h("p", {}, h("b", {}, words(told.event)), told.own ? own(told.own) : null),
      told.effects.map((one) => h("p", { class: "did" }, effect(one)))));
}

function own(told) {
  if (told.event === "traded") {
    return ` ${decimal(told.quantity, 4)} ${told.instrument} at ${price(told.price)}, ${told.buyer} from ${told.seller}`;
  }
  if (told.coin && told.atoms) return ` ${money(told.atoms)} ${told.coin}`;
  return "";
}

// One effect in a line; what has no line of its own is told by its fields.
function effect(told) {
  const name = told.effect;
  if (name === "state_changed") {
    return [pill(told.before), " → ", pill(told.after), h("span", { class: "note" },
      ` ${words(told.reason || "")} · margin equity ${money(told.margin_equity)}, maintenance ${money(told.maintenance)}`)];
  }
  if (name === "called") return ["called for ", amount(told.amount), ` until ${time(told.deadline_ms)}`];
  if (name === "order_wanted") return ["order ", decimal(told.quantity, 4), ` ${told.instrument}, limit ${price(told.limit)}`];
  if (name === "liquidated" || name === "exit_filled") {
    return ["closed ", decimal(told.quantity, 4), ` ${told.instrument} at ${price(told.price)}, fee ${money(told.fee)}`];
  }
  if (name === "deleveraged") {
    return ["deleveraged ", decimal(told.quantity, 4), ` ${told.instrument} at ${price(told.price)}: ${told.account} against ${told.counterparty}`];
  }
  if (name === "fund_paid") return ["the fund paid ", amount(told.atoms)];
  if (name === "loss_shared") return ["shared ", amount(told.atoms), ` among ${count(told.bearers)}`];
  if (name === "taken_over") return [`${told.backstop} took `, decimal(told.quantity, 4), ` ${told.instrument} at ${price(told.price)}`];
  if (name === "refused") return ["refused: ", words(told.reason)];
  if (name === "breaker_changed") return [words(told.mode), " ", words(told.cause || ""), told.ratio ? percent(told.ratio) : ""];
  return [words(name), h("span", { class: "note" }, ` ${rest(told)}`)];
}

function rest(told) {
  return Object.entries(told).filter(([key, one]) => key !== "effect" && key !== "account"
    && one !== null && one !== "" && one !== 0 && typeof one !== "object")
    .slice(0, 5).map(([key, one]) => `${words(key)} ${one}`).join(", ");
}
