// A table that lays out only the rows that are seen, so that 10,000 rows cost what 40 do.
//
//   const list = table({ label: "Accounts", columns, open: (row) => go(...) });
//   list.show(rows)                       an array of rows, or
//   list.show({ total, row: (i) => … })   where a row that is not there yet is undefined, and
//                                         `need(first, last)` is called for what is seen
//
// A column: { name, label, width, narrow, number, phone, title, cell(row, i) → text or node,
// sort(row) → comparable }; `phone: false` leaves it out where there is no room. Arrow keys, Home, End, Page keys move; Enter opens.

import { clear, h } from "./dom.js";

const SPARE = 6;

export function table(options) {
  return new Table(options);
}

// What the columns need at least; where there is less room the table scrolls sideways.
function least(columns) {
  const widths = columns.map((one) => Number(/\d+(?=px)/.exec(one.width || "")?.[0] ?? 60));
  return widths.reduce((sum, one) => sum + one, 0) + 12 * (columns.length - 1) + 28;
}

class Table {
  constructor({ label, columns, open = null, need = null, height = 36, most = 520, name = null,
    order = null, onorder = null, blank = "Nothing here now." }) {
    Object.assign(this, { columns, open, need, height, most, order, onorder, blank });
    this.key = name || ((row) => row);
    this.source = { total: 0, row: () => undefined };
    this.at = -1;
    this.pool = new Map();
    this.body = h("div", { class: "rows", role: "rowgroup" });
    this.head = h("div", { class: "head", role: "row" }, columns.map((one) => this.heading(one)));
    this.none = h("p", { class: "empty", hidden: true }, blank);
    this.view = h("div", {
      class: "table", role: "grid", "aria-label": label, tabindex: "0",
      style: {
        "--columns": columns.map((one) => one.width || "1fr").join(" "),
        "--columns-phone": columns.filter((one) => one.phone !== false)
          .map((one) => one.narrow || one.width || "1fr").join(" "),
        "--least": `${least(columns)}px`,
        "--least-phone": `${least(columns.filter((one) => one.phone !== false)
          .map((one) => ({ width: one.narrow || one.width })))}px`,
      },
    }, this.head, this.body, this.none);
    this.node = this.view;
    this.view.addEventListener("scroll", () => this.soon(), { passive: true });
    this.view.addEventListener("keydown", (event) => this.pressed(event));
    this.body.addEventListener("click", (event) => this.clicked(event));
    new ResizeObserver(() => this.soon()).observe(this.view);
  }

  heading(column) {
    const node = h("div", {
      role: "columnheader", class: this.classes(column), title: column.title || null,
    });
    if (!column.sort && !column.ordered) {
      node.append(column.label);
      return node;
    }
    node.append(h("button", { type: "button", class: "ghost", onclick: () => this.sortBy(column) },
      column.label));
    column.node = node;
    return node;
  }

  classes(column) {
    return (column.number ? "number" : "") + (column.phone === false ? " roomy" : "");
  }

  sortBy(column) {
    const down = this.order?.name === column.name ? !this.order.down : Boolean(column.number);
    this.order = { name: column.name, down };
    if (this.onorder) this.onorder(this.order);
    else this.show(this.given);
  }

  // Rows that stand in order; with `sort` of a chosen column, sorted here.
  show(rows) {
    this.given = rows;
    if (Array.isArray(rows)) {
      const list = this.sorted(rows);
      this.source = { total: list.length, row: (i) => list[i] };
    } else this.source = rows;
    for (const one of this.columns) {
      const mine = this.order && one.name === this.order.name;
      one.node?.setAttribute("aria-sort",
        mine ? (this.order.down ? "descending" : "ascending") : "none");
    }
    this.view.setAttribute("aria-rowcount", String(this.source.total + 1));
    this.none.hidden = this.source.total > 0;
    this.head.hidden = this.source.total === 0;
    this.body.style.height = `${this.source.total * this.height}px`;
    const full = (this.source.total + 1) * this.height + 4;
    this.view.style.maxHeight = this.most ? `${this.most}px` : "none";
    this.view.style.height = this.source.total ? `${Math.min(full + 12, this.most || full)}px` : "";
    this.draw(true);
  }

  sorted(rows) {
    const column = this.order && this.columns.find((one) => one.name === this.order.name);
    if (!column?.sort || this.onorder) return rows;
    const sign = this.order.down ? -1 : 1;
    return [...rows].sort((a, b) => {
      const [x, y] = [column.sort(a), column.sort(b)];
      return (x < y ? -1 : x > y ? 1 : 0) * sign;
    });
  }

  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw(false);
    });
  }

  draw(anew) {
    const seen = this.view.clientHeight || this.most || 400;
    const first = Math.max(0, Math.floor(this.view.scrollTop / this.height) - SPARE);
    const last = Math.min(this.source.total, first + Math.ceil(seen / this.height) + 2 * SPARE);
    for (const [i, node] of this.pool) {
      if (i >= first && i < last) continue;
      node.remove();
      this.pool.delete(i);
    }
    for (let i = first; i < last; i += 1) this.row(i, anew);
    if (this.need && last > first) this.need(first, last);
  }

  row(i, anew) {
    const row = this.source.row(i);
    let node = this.pool.get(i);
    if (node && !anew && node.row === row) return;
    if (!node) {
      node = h("div", {
        role: "row", class: "row", "aria-rowindex": String(i + 2),
        style: { transform: `translateY(${i * this.height}px)` },
      }, this.columns.map((one) => h("div", { role: "gridcell", class: this.classes(one) })));
      node.index = i;
      this.pool.set(i, node);
      this.body.append(node);
    }
    node.row = row;
    node.classList.toggle("at", i === this.at);
    node.classList.toggle("opens", Boolean(this.open));
    this.columns.forEach((column, place) => {
      const cell = node.children[place];
      const shown = row === undefined ? "·" : column.cell(row, i);
      if (shown instanceof Node) clear(cell, shown);
      else if (cell.textContent !== String(shown ?? "–")) cell.textContent = String(shown ?? "–");
    });
    if (this.mark && row !== undefined) this.mark(node, row);
  }

  clicked(event) {
    const node = event.target.closest(".row");
    if (!node || event.target.closest("a, button, input")) return;
    this.choose(node.index);
    if (this.open && node.row !== undefined) this.open(node.row, node.index);
  }

  choose(i) {
    this.at = Math.max(0, Math.min(this.source.total - 1, i));
    const top = this.at * this.height;
    const room = this.view.clientHeight - 2 * this.height;
    if (top < this.view.scrollTop) this.view.scrollTop = top;
    else if (top > this.view.scrollTop + room) this.view.scrollTop = top - room;
    this.draw(true);
  }

  pressed(event) {
    const page = Math.max(1, Math.floor(this.view.clientHeight / this.height) - 2);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page }[event.key];
    if (event.target !== this.view) return;
    if (step) this.choose(this.at + step);
    else if (event.key === "Home") this.choose(0);
    else if (event.key === "End") this.choose(this.source.total - 1);
    else if (event.key === "Enter" && this.at >= 0 && this.open) {
      const row = this.source.row(this.at);
      if (row !== undefined) this.open(row, this.at);
    } else return;
    event.preventDefault();
  }
}
