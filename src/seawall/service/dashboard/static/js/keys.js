// The keyboard: g and a letter goes to a page, / searches, ? shows the keys.

import { h } from "./dom.js";
import { PAGES } from "./pages.js";
import { go } from "./router.js";
import { search } from "./search.js";

let pending = 0;
let more = {};

export function keys({ theme }) {
  more = { theme };
  document.addEventListener("keydown", pressed);
}

// A slider or a box to tick takes no letters, so the keys of the page go on there.
function typing(node) {
  return node instanceof Element && node.matches("textarea, select, [contenteditable], "
    + "input:not([type=range], [type=checkbox], [type=radio])");
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  if (performance.now() - pending < 1200) {
    pending = 0;
    const page = PAGES.find((one) => one.key === event.key && one.nav !== false);
    if (page) {
      event.preventDefault();
      go(page.way);
      return;
    }
  }
  if (event.key === "g") pending = performance.now();
  else if (event.key === "/") (event.preventDefault(), search());
  else if (event.key === "?") help();
  else if (event.key === "t") more.theme();
}

export function help() {
  if (document.querySelector("dialog.help[open]")) return;
  const rows = [
    ...PAGES.filter((one) => one.nav !== false).map((one) => [`g ${one.key}`, one.title]),
    ["/", "Search accounts, coins, pages and events"],
    ["↑ ↓", "Move in a table; Page Up, Page Down, Home and End too"],
    ["Enter", "Open the row"],
    ["← →", "Choose among tabs"],
    ["t", "Theme: automatic, dark, light"],
    ["?", "This list"],
    ["Esc", "Close what is open"],
  ];
  const dialog = h("dialog", { class: "help", "aria-labelledby": "help-title" },
    h("h2", { id: "help-title" }, "Keys"),
    h("dl", {}, rows.map(([key, text]) => h("div", {},
      h("dt", {}, key.split(" ").map((one) => h("kbd", {}, one))), h("dd", {}, text)))),
    h("form", { method: "dialog" }, h("button", { class: "button" }, "Close")));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
