// The rules that hold, and what another rulebook would do to the live book before it does.

import { clear, h, say } from "../dom.js";
import { amount, button, empty, facts, panel, pill, tile, toast } from "../parts.js";
import { go, way } from "../router.js";
import { table } from "../table.js";
import { count, exact, money, percent, short, sum, words } from "../text.js";
import { toml } from "./rules/toml.js";

export async function mount(page) {
  const present = held(page);
  const trial = candidate(page, () => present.load());
  page.body.append(h("div", { class: "grid" },
    h("div", { class: "span-7 stack" }, trial.node), h("div", { class: "span-5 stack" }, present.node)),
  trial.result);
  await present.load();
}

// The rules of now, key by key.
function held(page) {
  const head = h("div", {});
  const list = h("div", { class: "keys" });
  const field = h("input", { type: "search", placeholder: "Part of a key", "aria-label": "Search the rules",
    autocomplete: "off", spellcheck: "false" });
  const node = panel("The rules that hold", { tools: [field] }, head, list);
  let told = null;
  field.addEventListener("input", show);
  return { node, load, get told() { return told; } };

  async function load() {
    told = await page.get("/v1/rulebook");
    page.stamp(told);
    page.rules = told;
    clear(head, facts([["Name", told.name], ["Version", told.version],
      ["Fingerprint", h("code", {}, told.fingerprint)]]));
    show();
  }

  function show() {
    const wanted = field.value.trim().toLowerCase();
    const keys = flat(told.rules).filter(([key, one]) => `${key} ${one}`.toLowerCase().includes(wanted));
    const rooms = new Map();
    for (const [key, one] of keys) {
      const room = key.split(/[.[]/)[0];
      rooms.set(room, [...(rooms.get(room) || []), [key, one]]);
    }
    clear(list, keys.length ? [...rooms].map(([room, rows]) => h("details", { open: Boolean(wanted) },
      h("summary", {}, words(room), h("span", { class: "note" }, ` ${count(rows.length)}`)),
      h("dl", { class: "facts" }, rows.map(([key, one]) =>
        h("div", {}, h("dt", {}, key.slice(room.length).replace(/^\./, "") || key), h("dd", {}, one))))))
      : empty("No key is like that."));
  }
}

// Every leaf of a tree with its key path.
function flat(tree, path = "") {
  if (tree === null || typeof tree !== "object") return [[path, String(tree)]];
  if (Array.isArray(tree)) {
    if (tree.every((one) => typeof one !== "object")) return [[path, tree.join(", ")]];
    return tree.flatMap((one, i) => flat(one, `${path}[${i}]`));
  }
  return Object.entries(tree).filter(([, one]) => one !== null)
    .flatMap(([key, one]) => flat(one, path ? `${path}.${key}` : key));
}

// Another rulebook: its text, what it would change, and whom it would touch.
function candidate(page, activated) {
  const text = h("textarea", { rows: "24", spellcheck: "false", "aria-label": "Rulebook in TOML", class: "toml",
    placeholder: "A rulebook in TOML. Begin from the rules that hold, or open a file." });
  const file = h("input", { type: "file", accept: ".toml,text/plain", class: "unseen", "aria-label": "Rulebook file",
    tabindex: "-1" });
  const said = h("p", { class: "note wrong", role: "status", hidden: true });
  const result = h("div", { class: "effect-of-rules", "aria-live": "polite" });
  const activate = button("Activate…", confirm, { kind: "", title: "Needs a key with the scope admin" });
  activate.disabled = true;
  let tried = null;
  file.addEventListener("change", async () => {
    if (!file.files[0]) return;
    text.value = await file.files[0].text();
    changed();
    file.value = "";
  });
  text.addEventListener("input", changed);
  const node = panel("Another rulebook", {
    note: "It is tried on a copy of the live book. Nothing changes before it is activated.",
    tools: [
      button("From the rules that hold", async () => {
        const told = page.rules || await page.get("/v1/rulebook");
        text.value = toml(told.rules);
        changed();
      }, { kind: "small quiet" }),
      button("Open a file", () => file.click(), { kind: "small quiet" }), file],
  }, text, said, h("div", { class: "row-end" }, button("Show the effect", attempt, { kind: "primary" }), activate));
  return { node, result };

  function changed() {
    activate.disabled = true;
    tried = null;
    said.hidden = true;
  }

  async function attempt() {
    said.hidden = true;
    const asked = text.value;
    if (!asked.trim()) {
      say(said, "There is no rulebook to try yet.");
      said.hidden = false;
      return;
    }
    try {
      const told = await page.ask("/v1/rulebook/effect", { toml: asked });
      show(told);
      tried = told.fits && told.changes.length ? asked : null;
      activate.disabled = tried === null;
    } catch (error) {
      if (!error.code) throw error;
      clear(result);
      say(said, `${error.message} (${error.code})`);
      said.hidden = false;
    }
  }

  async function confirm() {
    const asked = tried;
    if (!asked || !(await sure())) return;
    const answer = await page.command("/v1/rulebook/activations", { toml: asked });
    toast(`The rules hold from event ${count(answer.sequence)} on.`);
    activate.disabled = true;
    await activated();
  }

  function show(told) {
    if (!told.fits) {
      clear(result, panel("It does not fit", {}, empty("This rulebook has other coins or lacks a method in use.",
        "The venue would refuse it: rules_do_not_fit")));
      return;
    }
    clear(result, verdict(told), h("div", { class: "grid" },
      h("div", { class: "span-7 stack" }, touched(told)),
      h("div", { class: "span-5 stack" }, differences(told), methods(told))));
  }
}

function sure() {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-labelledby": "sure" },
      h("h2", { id: "sure" }, "Activate these rules?"),
      h("p", {}, "Everybody is judged under them at once. Who falls under a line is called or liquidated in the same event, and that is not taken back."),
      h("form", { method: "dialog", class: "row-end" }, h("button", { class: "button", value: "no" }, "Leave it"),
        h("button", { class: "button primary", value: "yes" }, "Activate")));
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// The effect in six numbers.
function verdict(told) {
  const { before, after } = told.totals;
  const tiles = [
    ["Would be liquidated", count(told.liquidated), "at once", told.liquidated ? "bad" : ""],
    ["Would be called", count(told.called), !told.called ? "" : `for ${short(told.call_amount)} in all`,
      told.called ? "call" : ""],
    ["Would be warned", count(told.warned), "", told.warned ? "warn" : ""],
    ["Change their state", count(told.changed), `of ${count(told.accounts)} accounts`, ""],
    ["Initial margin", short(after.initial), step(before.initial, after.initial), ""],
    ["Maintenance", short(after.maintenance), step(before.maintenance, after.maintenance), ""],
  ];
  return h("div", {}, h("p", { class: "note effect-note" },
    `Tried on the book as of event ${count(told.sequence)}. What liquidations then do to prices, funds and others is not in it.`),
  h("div", { class: "tiles six" }, tiles.map(([label, value, note, tone]) => {
    const one = tile(label);
    one.show(value, { note, tone, unit: label.includes("argin") || label === "Maintenance" ? told.numeraire : "" });
    return one.node;
  })));
}

function step(was, now) {
  if (was === null || now === null) return "";
  const gap = sum([now, was.startsWith("-") ? was.slice(1) : `-${was}`]);
  const part = Number(was) ? ` · ${Number(gap) > 0 ? "+" : ""}${percent(String((Number(gap) / Number(was)).toFixed(6)), 1)}` : "";
  return Number(gap) ? `${Number(gap) > 0 ? "+" : ""}${short(gap)}${part}` : "unchanged";
}

function touched(told) {
  const list = accounts("Accounts whose state would change", "Nobody would change state.", told.affected);
  const top = accounts("Accounts whose initial margin changes most", "Nobody's initial margin would change.", told.top);
  const moves = h("ul", { class: "moves" }, told.moves.map((one) => h("li", {},
    pill(one.before), " → ", pill(one.after), h("b", {}, ` ${count(one.accounts)}`))));
  return [
    panel("Who would change state", { name: "flush",
      note: told.changed > told.affected.length
        ? `The first ${told.affected.length} of ${count(told.changed)}, the largest shortfall first.`
        : "The largest shortfall first." }, told.moves.length ? moves : null, list.node),
    panel("Whose margin changes most", { name: "flush" }, top.node),
  ];
}

function accounts(label, blank, rows) {
  const list = table({
    label, most: 340, blank,
    columns: [
      { label: "Account", width: "minmax(112px, 1.5fr)", narrow: "minmax(100px, 1fr)",
        cell: (row) => h("a", { href: way("account", row.account) }, row.account) },
      { label: "Then", width: "100px", cell: (row) => pill(row.after.status) },
      { label: "Health", number: true, width: "104px", phone: false,
        cell: (row) => `${times(row.before.verdict.health)} → ${times(row.after.verdict.health)}` },
      { label: "Initial", number: true, width: "minmax(74px, 1fr)", phone: false, cell: (row) => added(row.initial_added) },
      { label: "Maintenance", number: true, width: "minmax(82px, 1fr)", phone: false,
        cell: (row) => added(row.maintenance_added) },
      { label: "Call", number: true, width: "minmax(60px, 1fr)", narrow: "84px", cell: (row) => amount(row.call) },
    ],
    open: (row) => go(way("account", row.account)),
  });
  requestAnimationFrame(() => list.show(rows));
  return list;
}

function times(health) {
  return health === null ? "–" : `${Number(health) >= 100 ? "> 99" : Number(health).toFixed(2)}`;
}

function added(text) {
  return h("span", { title: exact(text), class: text.startsWith("-") ? "less" : "" },
    text === "0" ? "0" : `${text.startsWith("-") ? "" : "+"}${money(text)}`);
}

function differences(told) {
  return panel("What differs", { note: `${count(told.changes.length)} keys`, name: "flush" },
    told.changes.length ? h("div", { class: "scroll diff" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", {}, "Key"), h("th", { class: "number" }, "Now"), h("th", { class: "number" }, "Then"))),
      h("tbody", {}, told.changes.map((one) => h("tr", {},
        h("th", { scope: "row" }, h("code", {}, one.key.replace(/^\$\./, ""))),
        h("td", { class: "number was" }, written(one.old)), h("td", { class: "number then" }, written(one.new)))))))
      : empty("These are the rules that hold."));
}

function written(one) {
  return one === null || one === undefined ? "–" : typeof one === "object" ? JSON.stringify(one) : String(one);
}

function methods(told) {
  return panel("By method", { name: "flush", note: "Sums of the float screen, within their error bounds." },
    h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", {}, "Method"), ["Accounts", "Initial", "Maintenance"].map((one) =>
        h("th", { class: "number", scope: "col" }, one)))),
      h("tbody", {}, told.methods.map((one) => h("tr", {}, h("th", { scope: "row" }, words(one.method)),
        h("td", { class: "number" }, count(one.accounts)),
        h("td", { class: "number" }, short(one.initial[1]), h("small", { class: "note below" }, step(...one.initial))),
        h("td", { class: "number" }, short(one.maintenance[1]), h("small", { class: "note below" }, step(...one.maintenance)))))))));
}
