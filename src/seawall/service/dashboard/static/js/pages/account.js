// One account: what it has and must have, why, how far it is, what happened, and what if.

import { clear, h, icon } from "../dom.js";
import { countdown, empty, panel, pill, tile } from "../parts.js";
import { exact, words } from "../text.js";
import { isOld } from "./account/age.js";
import { curves } from "./account/curves.js";
import { figure } from "./account/figure.js";
import { heat } from "./account/heat.js";
import { lines, places } from "./account/lines.js";
import { rows, sensitivities, terms } from "./account/rows.js";
import * as supposition from "./account/supposition.js";
import { timeline } from "./account/timeline.js";
import { whatIf } from "./account/whatif.js";

const REFRESH_MS = 1500;

export async function mount(page) {
  const name = page.params[0];
  if (!name) {
    page.body.append(empty("No account is chosen.", "Search for one with /, or open it from the list."));
    return;
  }
  page.title(name);
  const path = `/v1/accounts/${encodeURIComponent(name)}`;
  const supposed = supposition.read(page.query);
  const top = headline();
  const doubts = leftOut();
  const parts = [rows(), terms(), heat(), sensitivities()];
  const [held, why, matrix, greeks] = parts;
  const picture = single(async () => {
    const told = await page.ask(`${path}/picture`, supposition.body(supposed));
    page.stamp(told);
    top.show(told);
    doubts.show(told);
    controls.show(told);
    for (const part of parts) part.show(told);
  });
  const drawn = curves(page, path, supposed);
  const distances = lines(page, path);
  const controls = whatIf(page, supposed, () => {
    page.setQuery(supposition.written(supposed));
    picture().catch(controls.failed);
    drawn.soon();
  });
  const past = timeline(page, path);
  page.tools.append(top.state);
  page.body.append(top.node,
    h("div", { class: "grid account" },
      h("div", { class: "span-8 stack" }, held.node, drawn.node, matrix.node, why.node,
        past.node),
      h("div", { class: "span-4 stack" }, controls.node, distances.node, doubts.node, greeks.node,
        places(page, path).node)));
  let status = null;
  page.watch(`accounts/${name}`, (state) => {
    const seen = state?.account?.status;
    if (!seen || seen === status) return;
    if (status !== null) picture().then(past.soon, () => {});
    status = seen;
  });
  await picture();
  drawn.soon();
  page.every(REFRESH_MS, picture);
}

// At most one call at a time; who asks meanwhile is answered by the next one.
function single(fn) {
  let running = null;
  let next = null;
  return function run() {
    if (running) {
      next ??= running.catch(() => {}).then(() => {
        next = null;
        return run();
      });
      return next;
    }
    running = fn().finally(() => { running = null; });
    return running;
  };
}

const FIGURES = [
  ["equity", "Equity", "What everything it holds is worth"],
  ["margin_equity", "Margin equity", "What counts after haircuts"],
  ["initial", "Initial margin", "Below it nothing may be added"],
  ["maintenance", "Maintenance", "Below it the account is called"],
  ["headroom", "Headroom", "Margin equity − maintenance"],
  ["health", "Health", "Margin equity ÷ maintenance"],
];

function headline() {
  const tiles = FIGURES.map(([name, label, about]) => [name, tile(label, { about })]);
  const state = h("div", { class: "standing" });
  let shown = "";
  return {
    node: h("div", { class: "tiles six" }, tiles.map(([, one]) => one.node)),
    state,
    show(told) {
      const [was, now] = [told.before.verdict, told.after?.verdict];
      for (const [name, one] of tiles) {
        const low = name === "headroom" && String(was[name]).startsWith("-");
        const health = name === "health" && was.health !== null && Number(was.health);
        one.show(figure(name, was), {
          unit: name === "health" ? "" : told.numeraire,
          title: name === "health" ? was[name] || "" : exact(was[name]),
          tone: low || (health !== false && health < 1) ? "bad" : health && health < 1.2 ? "warn" : "",
          note: now ? h("span", { class: "then" }, icon("next"), figure(name, now)) : note(name, told),
        });
      }
      const old = told.before.rows.some((row) => rests(told, row));
      const mark = `${told.status} ${told.method} ${told.deadline_ms} ${old}`;
      if (mark === shown) return;
      shown = mark;
      clear(state, old ? h("span", { class: "old", title: "The margin rests on a price that is too old" },
        icon("stale"), "out of date") : null, pill(told.status), h("span", { class: "note" }, words(told.method)),
        told.deadline_ms ? h("span", { class: "until" }, "restore within ", countdown(told.deadline_ms)) : null);
    },
  };
}

function note(name, told) {
  const need = told.before.verdict;
  if (name === "initial") {
    return Number(need.margin_equity) < Number(need.initial) ? "not covered" : "covered";
  }
  if (name === "maintenance" || name === "headroom") return "";
  if (name === "equity") return `${told.before.rows.length} rows`;
  if (name === "health") return need.health === null ? "nothing is held" : told.before.state;
  return "after haircuts";
}

// Whether a row rests on a price that is too old.
function rests(told, row) {
  return row.is_stale || isOld(row.oldest_ms, told.now_ms, told.stale_after_ms);
}

// What the numbers leave out, and what they rest on that is old or unsure.
function leftOut() {
  const list = h("div", { class: "left-out" });
  const node = panel("Left out and in doubt", {}, list);
  let shown = null;
  return {
    node,
    show(told) {
      const out = told.before.left_out;
      const doubtful = told.before.rows.filter((row) => row.is_unsure || rests(told, row));
      const text = JSON.stringify([out, doubtful.map((row) => [row.asset, row.is_unsure])]);
      if (text === shown) return;
      shown = text;
      node.classList.toggle("raised", out.length + doubtful.length > 0);
      if (!out.length && !doubtful.length) {
        clear(list, h("p", { class: "calm" },
          "Every position is margined, at prices younger than a minute."));
        return;
      }
      clear(list,
        out.map((asset) => h("p", {}, pill("refused", "not margined"), " ", asset,
          h("span", { class: "note" }, " charged in full"))),
        doubtful.map((row) => h("p", {}, pill("stale", row.is_unsure ? "unsure price" : "old price"), " ",
          row.asset)));
    },
  };
}
