// What is on offer, how its price moved while this page looked, and a form to take it.

import { chart, colour, numberAxis, timeAxis } from "../chart.js";
import { clear, h, say } from "../dom.js";
import { effectLine } from "../effects.js";
import { button, countdown, empty, facts, panel, pill, toast } from "../parts.js";
import { go, way } from "../router.js";
import * as sealed from "../sealed.js";
import { table } from "../table.js";
import { count, exact, percent, price, when, words } from "../text.js";

const RISING = new Set(["english", "batch"]);
const TOLD = new Set(["auction_started", "auction_turned", "auction_ended", "exit_filled", "bid_stands",
  "bid_void", "share_sold", "flash_taken"]);
const POINTS_MOST = 1500;
const CURVES_MOST = 200;
const curves = new Map(); // By auction: { time_s, price, mark }; kept while the tab is open.
const happened = [];

export async function mount(page) {
  const me = await page.get("/v1/me");
  const mayTrade = me.scopes.includes("trade");
  let marks = {};
  let rows = [];
  let chosen = Number(page.params[0]) || null;

  const list = table({
    label: "Auctions", most: 420, blank: "Nothing is on offer now.",
    columns: [
      { name: "auction", label: "No.", number: true, width: "34px", cell: (row) => count(row.auction) },
      { label: "On offer", width: "minmax(118px, 1.3fr)", cell: (row) => row.instrument || `account ${row.account}` },
      { label: "Kind", width: "96px", phone: false, cell: (row) => words(row.kind || `whole · ${row.phase}`) },
      { label: "Left", number: true, width: "minmax(56px, 1fr)", cell: (row) => (row.phase ? percent(row.left, 2) : exact(row.quantity)) },
      { label: "Price now", number: true, width: "minmax(76px, 1fr)", cell: (row) => (row.price_now ? price(row.price_now) : "–") },
      { label: "Of mark", number: true, width: "72px", phone: false, cell: (row) => ofMark(row) },
      { label: "Ends", number: true, width: "58px", cell: (row) => countdown(row.ends_ms, { total_ms: 3_600_000 }) },
    ],
    open: (row) => go(way("auctions", row.auction)),
  });
  const told = h("ul", { class: "effects" });
  const detail = one(page, mayTrade, me);
  page.body.append(h("div", { class: "grid on-offer" },
    h("div", { class: "span-7" }, panel("On offer", { name: "flush" }, list.node)),
    h("div", { class: "span-5 tall" }, detail.node),
    h("div", { class: "span-7" }, panel("What happened", {
      note: "Auctions, bids and fills that this tab has seen, the latest first." }, told))));

  page.turned = (params) => {
    page.params = params;
    chosen = Number(params[0]) || null;
    draw();
    return true;
  };
  page.watch("prices", (state) => {
    marks = state || {};
  });
  page.watch("auctions", (state, { sequence, time_ms, total }) => {
    rows = Object.values(state || {}).sort((a, b) => a.auction - b.auction);
    for (const row of rows) remember(row, time_ms / 1000);
    page.stamp({ sequence, time_ms }, total > rows.length ? `the first ${rows.length} of ${total}` : "");
    draw();
  });
  page.watch("events", (state, { events }) => {
    const fresh = events.length || happened.length ? events : state?.events || [];
    for (const event of fresh) {
      for (const effect of event.effects) {
        if (TOLD.has(effect.effect)) happened.unshift({ ...effect, event_sequence: event.sequence });
      }
    }
    happened.splice(60);
    clear(told, happened.length ? happened.map(effectLine) : h("p", { class: "note" }, "Nothing yet."));
  });
  draw();

  function draw() {
    list.show(rows);
    const row = rows.find((each) => each.auction === chosen) || (chosen ? null : rows[0]);
    detail.show(row, chosen, marks[row?.instrument]);
  }

  function ofMark(row) {
    const mark = Number(marks[row.instrument]?.mark);
    return mark && row.price_now ? `${((Number(row.price_now) / mark) * 100).toFixed(2)} %` : "–";
  }

  function remember(row, time_s) {
    if (!row.price_now) return;
    const curve = curves.get(row.auction) || { time_s: [], price: [], mark: [] };
    if (time_s > (curve.time_s.at(-1) ?? 0)) {
      curve.time_s.push(time_s);
      curve.price.push(Number(row.price_now));
      curve.mark.push(Number(marks[row.instrument]?.mark) || null);
    }
    if (curve.time_s.length > POINTS_MOST) for (const each of Object.values(curve)) each.shift();
    curves.set(row.auction, curve);
    if (curves.size > CURVES_MOST) curves.delete(curves.keys().next().value);
  }
}

// One auction: facts, its curve, its form. The form stands while numbers beside it change.
function one(page, mayTrade, me) {
  let row = null;
  let shown = null;
  const drawn = page.keep(chart({
    label: "Price of the auction over time, beside the mark", height: 220,
    series: [{}, { stroke: () => colour("accent"), width: 2, points: { show: false } },
      { stroke: () => colour("faint"), width: 1.3, dash: [5, 4], points: { show: false }, spanGaps: true }],
    axes: [timeAxis(), numberAxis({ size: 70 })],
    readout: (i, u) => [[when(u.data[0][i] * 1000), ""], ["price", price(String(u.data[1][i])), colour("accent")],
      ["mark", u.data[2][i] === null ? "–" : price(String(u.data[2][i])), colour("faint")]],
  }));
  const list = h("div", {});
  const form = h("div", {});
  const title = h("h2", {}, "Auction");
  const curve = h("div", {}, h("ul", { class: "legend" },
    h("li", {}, h("span", { class: "swatch line accent" }), "price now"),
    h("li", {}, h("span", { class: "swatch line" }), "mark")), drawn.node);
  const node = h("section", { class: "panel auction" }, h("header", {}, title), list, curve, form);
  return { node, show };

  function show(given, chosen, mark) {
    row = given;
    if (!row) {
      say(title, chosen ? `Auction ${count(chosen)}` : "Auction");
      clear(list, empty(chosen ? "This auction is not on offer any more." : "Choose an auction."));
      clear(form);
      curve.hidden = true;
      shown = null;
      return;
    }
    say(title, `Auction ${count(row.auction)}`);
    clear(list, facts(row.phase ? whole(row) : lots(row, mark)));
    const points = curves.get(row.auction);
    curve.hidden = !points || points.time_s.length < 2;
    if (!curve.hidden) drawn.show([points.time_s, points.price, points.mark].map((each) => [...each]));
    if (shown === row.auction) return;
    shown = row.auction;
    clear(form, mayTrade ? bidForm(page, () => row) : h("p", { class: "note" },
      `The key in use (${me.id}) has not the scope trade, so it cannot bid.`));
  }

  function lots(told, mark) {
    return [
      ["On offer", h("a", { href: way("account", told.account) }, told.account), ` ${told.side}s`],
      ["Left", `${exact(told.quantity)} (${count(told.lots)} lots)`],
      ["Price now", price(told.price_now)],
      ["Mark", mark?.mark ? price(mark.mark) : "–"],
      ["Ends", countdown(told.ends_ms, { total_ms: 3_600_000 }), ` at ${when(told.ends_ms)}`],
      ["Kind", pill("open", words(told.kind)), told.restarts ? ` tried ${told.restarts} times before` : ""],
      ...(Number(told.deposit) ? [["Deposit of a bidder", exact(told.deposit)]] : []),
    ];
  }

  function whole(told) {
    return [
      ["On offer", "all that ", h("a", { href: way("account", told.account) }, told.account), " holds, in shares"],
      ["Phase", words(told.phase)], ["Left", percent(told.left, 4)],
      ["Ends", countdown(told.ends_ms, { total_ms: 3_600_000 }), ` at ${when(told.ends_ms)}`],
    ];
  }
}

const field = (name, label, more = {}) => h("div", {}, h("label", { for: `bid-${name}` }, label),
  h("input", { id: `bid-${name}`, name, autocomplete: "off", required: true, ...more }));
const digits = { inputmode: "decimal" };

// What is asked depends on the kind: take now, bid for later, seal, or take a share.
function bidForm(page, now) {
  const row = now();
  if (row.kind === "sealed") return sealedForm(page, row);
  const verb = row.phase ? "Take a share" : RISING.has(row.kind) ? "Bid" : "Take";
  const node = h("form", { class: "form bid" }, h("h3", {}, verb),
    h("div", { class: "fields" }, field("account", "For the account"),
      row.phase ? [field("share", "Share of what is left, 0 to 1", digits), field("limit", "Most that is paid", { inputmode: "text" })]
        : RISING.has(row.kind) ? [field("price", "Price", { ...digits, value: row.price_now }),
          row.kind === "batch" && field("lots", "Lots", { ...digits, value: row.lots })]
          : [field("lots", "Lots at most", { ...digits, value: row.lots }),
            field("limit", "Worst price", { ...digits, value: row.price_now })]),
    h("div", { class: "row-end" }, button(verb, null, { kind: "primary", type: "submit" })));
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    const told = Object.fromEntries(new FormData(node));
    if (told.lots !== undefined) told.lots = Number(told.lots);
    const path = row.phase ? "take-share" : RISING.has(row.kind) ? "bids" : "take";
    sent(page, `/v1/auctions/${row.auction}/${path}`, told);
  });
  return node;
}

async function sent(page, path, told) {
  try {
    const done = await page.command(path, told);
    const what = done.effects.map((one) => words(one.effect)).join(", ");
    toast(`Event ${count(done.sequence)}: ${what || "kept"}`);
    return true;
  } catch (error) {
    toast(error);
    return false;
  }
}

function sealedForm(page, row) {
  const place = h("div", { class: "stack" });
  const draw = () => clear(place, commitment(), ...sealed.kept(row.auction).map(opening));
  draw();
  return place;

  function commitment() {
    const node = h("form", { class: "form bid" }, h("h3", {}, "Seal a bid"),
      h("p", { class: "note" }, "Only its hash is sent. The bid and its salt stay in this tab: open it here when the reveals begin."),
      h("div", { class: "fields" }, field("account", "For the account"), field("lots", "Lots", { ...digits, value: row.lots }),
        field("price", "Price", { ...digits, value: row.price_now })),
      h("div", { class: "row-end" }, button("Seal and lodge", null, { kind: "primary", type: "submit" })));
    node.addEventListener("submit", async (event) => {
      event.preventDefault();
      const { account, lots, price: asked } = Object.fromEntries(new FormData(node));
      try {
        const [bidder, rules] = await Promise.all([
          page.get(`/v1/accounts/${encodeURIComponent(account)}`), page.get("/v1/rulebook")]);
        const salt = crypto.getRandomValues(new Uint8Array(32));
        const told = { lots: Number(lots), price: asked.trim(), salt: sealed.hex(salt) };
        const hash = await sealed.digest(row.auction, bidder.account.number, told.lots,
          sealed.atoms(asked, rules.rules.numeraire.decimals), salt);
        sealed.keep(row.auction, account, told); // Before it is sent: a bid without its salt is lost.
        const path = `/v1/auctions/${row.auction}/commitments`;
        if (!await sent(page, path, { account, digest: hash })) sealed.forget(row.auction, account);
        draw();
      } catch (error) {
        toast(error);
      }
    });
    return node;
  }

  function opening(bid) {
    return h("div", { class: "sealed" },
      h("span", {}, `Sealed for ${bid.account}: ${count(bid.lots)} lots at ${price(bid.price)}`),
      button("Open it", async () => {
        const { account, ...told } = bid;
        if (await sent(page, `/v1/auctions/${row.auction}/revelations`, { account, ...told })) {
          sealed.forget(row.auction, account);
          draw();
        }
      }, { kind: "small" }));
  }
}

