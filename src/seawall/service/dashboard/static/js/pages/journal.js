// Every event in its order: a range, one event with what it did, and following as they come.

import { clear, h, say } from "../dom.js";
import { effectLine, summary, badge } from "../effects.js";
import { button, empty, facts, panel } from "../parts.js";
import { way } from "../router.js";
import { table } from "../table.js";
import { count, when } from "../text.js";

const SHOWN_MOST = 100_000; // Rows of the table: a browser can scroll no farther.
const RUN = 100;
const REBUILDING = "The venue before it is rebuilt from a checkpoint, to say what it did …";
const KEPT_MOST = 6000;

export async function mount(page) {
  const entries = new Map();
  const asked = new Set();
  const effects = new Map();
  const look = { top: 0, last: 0, follow: !page.params[0], chosen: 0 };

  const list = table({
    label: "Events, the latest first", most: 640, need, blank: "The journal is empty.",
    columns: [
      { label: "Event", number: true, width: "66px", cell: (row) => count(row.sequence) },
      { label: "Time", width: "152px", cell: (row) => when(row.time_ms).slice(0, 19) },
      { label: "Kind", width: "124px", cell: (row) => badge(row.event.event) },
      { label: "What", width: "minmax(160px, 1fr)", phone: false, cell: (row) => summary(row.event) },
      { label: "Effects", number: true, width: "56px", cell: (row) => {
        const told = effects.get(row.sequence);
        return told ? count(told.length) : "";
      }, title: "Known for events that came while this page was open" },
    ],
    open: (row) => jump(row.sequence),
  });
  const range = h("span", { class: "note" });
  const follow = button("Follow", () => setFollow(!look.follow), { title: "Show events as they come" });
  const field = h("input", { type: "text", inputmode: "numeric", placeholder: "Event number",
    "aria-label": "Jump to event", class: "jump" });
  const form = h("form", { class: "tools" }, field, button("Jump", null, { type: "submit" }), follow);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const number = Number(field.value.replace(/[,#\s]/g, ""));
    if (Number.isSafeInteger(number) && number >= 1) location.hash = way("journal", Math.min(number, look.last || number));
  });
  const detail = h("div", { class: "event-detail" }, empty("Choose an event.", "Its fields and its effects stand here."));
  page.tools.append(form);
  page.body.append(h("div", { class: "grid" },
    h("div", { class: "span-7" }, panel("Events", { name: "flush", tools: [range] }, list.node)),
    h("div", { class: "span-5" }, panel("Event", { name: "event" }, detail))));

  page.turned = (params) => {
    if (!params[0]) return false;
    page.params = params;
    show(Number(params[0]));
    return true;
  };

  const first = await page.get("/v1/journal?first=1&limit=1");
  look.top = look.last = first.last;
  setFollow(look.follow);
  draw();
  if (page.params[0]) show(Number(page.params[0]));
  page.watch("events", (state, { events, sequence, time_ms }) => {
    for (const one of [...(state?.events || []), ...events]) {
      effects.set(one.sequence, one.effects);
      look.last = Math.max(look.last, one.sequence);
    }
    trim(effects);
    page.stamp({ sequence: Math.max(sequence, look.last), time_ms });
    if (look.follow) look.top = look.last;
    draw();
  });

  function draw() {
    const total = Math.min(look.top, SHOWN_MOST);
    list.show({ total, row: (i) => entries.get(look.top - i) });
    say(range, `${count(Math.max(1, look.top - total + 1))} – ${count(look.top)} of ${count(look.last)}`);
  }

  function setFollow(is) {
    look.follow = is;
    follow.setAttribute("aria-pressed", String(is));
    if (is) {
      look.top = look.last;
      list.node.scrollTop = 0;
      draw();
    }
  }

  // Fetch the runs of what is seen; each only once.
  function need(from, until) {
    const [high, low] = [look.top - from, Math.max(1, look.top - until + 1)];
    for (let run = Math.floor((low - 1) / RUN); run <= Math.floor((high - 1) / RUN); run += 1) fetchRun(run, low, high);
  }

  async function fetchRun(run, low, high) {
    const start = run * RUN + 1;
    const missing = [];
    for (let n = Math.max(low, start); n <= Math.min(high, start + RUN - 1); n += 1) {
      if (!entries.has(n)) missing.push(n);
    }
    if (!missing.length || asked.has(run)) return;
    asked.add(run);
    try {
      const from = missing[0] > start + RUN / 2 ? missing[0] : start;
      const told = await page.get(`/v1/journal?first=${from}&limit=${start + RUN - from}`);
      for (const one of told.entries) entries.set(one.sequence, one);
      look.last = Math.max(look.last, told.last);
      trim(entries);
      list.soon();
    } catch (error) {
      if (error.name !== "AbortError") await new Promise((resolve) => setTimeout(resolve, 1000));
    } finally {
      asked.delete(run);
    }
  }

  function trim(kept) {
    while (kept.size > KEPT_MOST) kept.delete(kept.keys().next().value);
  }

  function jump(sequence) {
    setFollow(false);
    location.hash = way("journal", sequence);
  }

  async function show(sequence) {
    if (!Number.isSafeInteger(sequence) || sequence < 1) return;
    look.chosen = sequence;
    if (look.follow) setFollow(false);
    if (sequence > look.top || sequence <= look.top - SHOWN_MOST) look.top = Math.min(look.last, sequence + 50);
    draw();
    list.choose(look.top - sequence);
    const ready = entries.get(sequence);
    if (ready) write({ ...ready, effects: effects.get(sequence) || null, failed: REBUILDING });
    else clear(detail, empty("Reading …", REBUILDING));
    if (innerWidth <= 1180) detail.scrollIntoView({ block: "start" });
    if (ready && effects.has(sequence)) return;
    try {
      const told = await page.get(`/v1/journal/${sequence}`);
      if (look.chosen === sequence) write(told);
    } catch (error) {
      if (error.name === "AbortError" || look.chosen !== sequence) return;
      const known = entries.get(sequence);
      if (known) write({ ...known, effects: effects.get(sequence) || null, failed: error.message });
      else clear(detail, empty(error.message, error.code));
    }
  }

  function write(told) {
    const { event, time_ms, ...fields } = told.event;
    const step = (to, text) => h("a", { class: "button small", href: way("journal", to),
      "aria-disabled": to < 1 || to > look.last ? "true" : null }, text);
    clear(detail,
      h("div", { class: "event-head" }, h("h3", {}, `Event ${count(told.sequence)}`), badge(event),
        h("span", { class: "tools" }, step(told.sequence - 1, "Earlier"), step(told.sequence + 1, "Later"))),
      facts([["Time", when(told.time_ms)], ["Chain", h("code", { title: "The hash of this event, its effects and all before it" }, told.chain)]]),
      h("h3", {}, "As it is kept"),
      h("p", { class: "note" }, "Numbers are the engine's: accounts and contracts by number, amounts in atoms."),
      h("pre", { class: "kept", tabindex: "0" }, lines(fields)),
      h("h3", {}, told.effects ? `Effects (${count(told.effects.length)})` : "Effects"),
      told.effects === null ? h("p", { class: "note" }, told.failed)
        : told.effects.length ? h("ul", { class: "effects" }, told.effects.slice(0, 400).map(effectLine))
          : h("p", { class: "note" }, "It had none."),
      told.effects?.length > 400 && h("p", { class: "note" }, `The first 400 of ${count(told.effects.length)}.`));
  }
}


// Fields one under another, rows of a list on a line each.
function lines(fields) {
  return Object.entries(fields).map(([name, value]) => {
    if (!Array.isArray(value) || !value.some(Array.isArray)) return `${name}: ${cut(JSON.stringify(value))}`;
    const shown = value.slice(0, 200).map((one) => `  ${cut(JSON.stringify(one).replaceAll(",", ", "))}`);
    if (value.length > 200) shown.push(`  … ${value.length - 200} more`);
    return `${name}: ${value.length} rows\n${shown.join("\n")}`;
  }).join("\n");
}

// Columns of a book that moved in, and rulebooks, are megabytes of text.
function cut(text) {
  return text.length > 4000 ? `${text.slice(0, 400)} … ${count(text.length)} characters in all` : text;
}
