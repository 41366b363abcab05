// One field for everything: an account by the beginning of its name, a coin, a page, an event.

import { get } from "./api.js";
import { clear, h, icon } from "./dom.js";
import { PAGES } from "./pages.js";
import { go, way } from "./router.js";
import { count, words } from "./text.js";

let coins = null;

export function search() {
  if (document.querySelector("dialog.search[open]")) return;
  const list = h("ul", { class: "found", role: "listbox", id: "found" });
  const field = h("input", {
    type: "text", placeholder: "Account, coin, page, or # and an event", "aria-label": "Search",
    role: "combobox", "aria-controls": "found", "aria-expanded": "true", autocomplete: "off",
    spellcheck: "false",
  });
  const dialog = h("dialog", { class: "search", "aria-label": "Search" },
    h("div", { class: "field" }, icon("search"), field, h("kbd", {}, "esc")), list);
  let found = [];
  let at = 0;
  let asked = 0;

  function show(rows) {
    found = rows;
    at = Math.min(at, Math.max(0, rows.length - 1));
    clear(list, rows.map((row, i) => h("li", {
      role: "option", id: `found-${i}`, "aria-selected": String(i === at),
      onclick: () => open(row), onpointermove: () => at !== i && choose(i),
    }, icon(row.icon), h("span", {}, row.text), h("small", {}, row.note || ""))));
    if (rows.length) field.setAttribute("aria-activedescendant", `found-${at}`);
    else field.removeAttribute("aria-activedescendant");
  }

  function choose(i) {
    at = (i + found.length) % (found.length || 1);
    [...list.children].forEach((one, place) => {
      one.setAttribute("aria-selected", String(place === at));
      if (place === at) one.scrollIntoView({ block: "nearest" });
    });
    field.setAttribute("aria-activedescendant", `found-${at}`);
  }

  function open(row) {
    dialog.close();
    go(row.way);
  }

  async function look() {
    const mine = ++asked;
    const told = field.value.trim();
    const near = await here(told);
    if (mine !== asked) return;
    show(near);
    if (!told || told.startsWith("#")) return;
    try {
      const page = await get(`/v1/accounts?limit=8&prefix=${encodeURIComponent(told)}`);
      if (mine !== asked) return;
      show([...near, ...page.accounts.map((one) => ({
        icon: "account", text: one.name, note: words(`${one.method} · ${one.status}`),
        way: way("account", one.name),
      }))]);
    } catch {
      // The list without accounts stands.
    }
  }

  field.addEventListener("input", look);
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) choose(at + step);
    else if (event.key === "Enter" && found[at]) open(found[at]);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  field.focus();
  look();
}

// What is known without asking for accounts.
async function here(told) {
  const number = told.replace(/^#/, "").replaceAll(",", "");
  if (/^\d+$/.test(number)) {
    return [{ icon: "journal", text: `Event ${count(number)}`, note: "journal",
      way: way("journal", number) }];
  }
  const like = told.toLowerCase();
  const pages = PAGES.filter((one) => one.nav !== false && one.title.toLowerCase().includes(like))
    .map((one) => ({ icon: one.icon || one.way, text: one.title, note: `g ${one.key}`, way: one.way }));
  if (!told) return pages;
  coins ??= get("/v1/venue").then((venue) => venue.coins || []).catch(() => (coins = null, []));
  const named = (await coins).filter((one) => one.toLowerCase().startsWith(like)).slice(0, 5)
    .map((one) => ({ icon: "map", text: one, note: "liquidation map", way: way("map", one) }));
  return [...named, ...pages];
}
