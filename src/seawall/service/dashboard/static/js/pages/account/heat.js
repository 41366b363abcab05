// The scenario matrix: moves of the price across, volatility down, and the cell that binds.

import { clear, h } from "../../dom.js";
import { panel, segments } from "../../parts.js";
import { exact, percent, short } from "../../text.js";

const LISTED = 16;

export function heat() {
  const place = h("div", { class: "heat-place" });
  const tools = h("div", {});
  const note = h("p", { class: "note heat-note" });
  const node = panel("Scenarios", {
    note: "Gain or loss of the whole account in each scenario of its margin method; the outlined cell binds.",
    tools: [tools],
  }, place, note);
  let coin = -1;
  let coins = null;
  let told = null;
  return { node, show };

  function show(picture) {
    told = picture;
    const grid = (told.after || told.before).scenarios;
    node.hidden = !grid;
    if (!grid) return;
    const names = grid.coins.join();
    if (names !== coins) {
      coins = names;
      coin = -1;
      clear(tools, grid.coins.length > 1
        ? segments([["-1", "together"], ...grid.coins.map((one, i) => [String(i), one])], "-1", (chosen) => {
          coin = Number(chosen);
          show(told);
        }, "Coin") : null);
    }
    draw(grid);
  }

  function draw(grid) {
    const worst = coin < 0 ? grid.binding : grid.binding_of[coin];
    const cells = grid.cells.map((cell, i) => ({
      ...cell, i, gain: coin < 0 ? cell.total : cell.profit[coin],
      across: [cell.move, cell.weight, cell.tilt].join("|"), down: cell.volatility,
    }));
    const most = Math.max(...cells.map((cell) => Math.abs(Number(cell.gain))), 1e-9);
    const across = unique(cells, "across", (cell) => Number(cell.move));
    const down = unique(cells, "down", (cell) => -Number(cell.volatility));
    const at = new Map(cells.map((cell) => [`${cell.across} ${cell.down}`, cell]));
    const isGrid = at.size === cells.length && across.length > 1 && across.length <= 24;
    clear(place, isGrid ? matrix(across, down, at, worst, most) : bars(cells, worst, most));
    const bound = cells[worst];
    note.textContent = bound
      ? `Binding: price ${signed(bound.move)}, volatility ${signed(bound.volatility)}${
        weightOf(bound)}: ${short(bound.gain)} ${told.numeraire}${told.after ? " after what is supposed" : ""}.`
      : "No scenario loses anything.";
  }

  function matrix(across, down, at, worst, most) {
    return h("div", { class: "scroll" }, h("table", { class: "heat" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "corner" }, "vol"),
        across.map((cell) => h("th", { scope: "col" }, tight(signed(cell.move)),
          cell.weight !== "1" ? h("small", {}, `× ${cell.weight}`) : null)))),
      h("tbody", {}, down.map((row) => h("tr", {},
        h("th", { scope: "row" }, tight(signed(row.volatility))),
        across.map((column) => {
          const cell = at.get(`${column.across} ${row.down}`);
          return cell ? h("td", shaded(cell, worst, most), tight(short(cell.gain))) : h("td", { class: "none" });
        }))))));
  }

  // Scenarios that are no grid, such as a history's: the worst of them.
  function bars(cells, worst, most) {
    const sorted = [...cells].sort((a, b) => Number(a.gain) - Number(b.gain)).slice(0, LISTED);
    return h("ol", { class: "worst" }, sorted.map((cell) => h("li", {
      class: cell.i === worst ? "binds" : "", title: titled(cell),
    }, h("span", {}, `#${cell.i + 1} ${movesOf(cell)}`),
    h("i", {}, h("i", { style: { width: `${(Math.abs(Number(cell.gain)) / most) * 100}%` } })),
    h("b", {}, short(cell.gain)))));
  }

  function shaded(cell, worst, most) {
    const gain = Number(cell.gain);
    return {
      class: `${gain < 0 ? "loss" : "gain"}${cell.i === worst ? " binds" : ""}`, title: titled(cell),
      style: { "--part": `${Math.round((Math.abs(gain) / most) ** 0.7 * 74)}%` },
      "aria-label": `${titled(cell)}${cell.i === worst ? ", binding" : ""}`,
    };
  }

  function movesOf(cell) {
    const grid = (told.after || told.before).scenarios;
    return grid.coins.map((name, i) => `${name} ${signed(cell.moves[i] ?? cell.move)}`).join(", ");
  }

  function titled(cell) {
    const tilt = cell.tilt ? `, smile tilted (${cell.tilt})` : "";
    return `${movesOf(cell)}, volatility ${signed(cell.volatility)}${weightOf(cell)}${tilt}: ${exact(cell.gain)}`;
  }
}

function weightOf(cell) {
  return cell.weight === "1" ? "" : `, weight ${cell.weight}`;
}

// Without its space, where there is little room.
function tight(text) {
  return text.replace(" ", "");
}

function signed(part) {
  const text = percent(part, 2).replace(/\.?0+ %$/, " %");
  return Number(part) > 0 ? `+${text}` : text;
}

function unique(cells, name, order) {
  const found = new Map();
  for (const cell of cells) if (!found.has(cell[name])) found.set(cell[name], cell);
  return [...found.values()].sort((a, b) => order(a) - order(b));
}
