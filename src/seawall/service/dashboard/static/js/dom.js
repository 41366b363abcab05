// Building nodes. Text is always set as text: nothing that the venue says is read as HTML.

const SVG = "http://www.w3.org/2000/svg";

// h("td", { class: "number", onclick: f, style: { width: "3em" } }, "text", node, null)
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  set(node, attributes);
  node.append(...real(children));
  return node;
}

function real(children) {
  return children.flat().filter((one) => one !== null && one !== undefined && one !== false);
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") {
      // Through the object model, which the page's policy allows; style attributes it does not.
      for (const [key, one] of Object.entries(value)) node.style.setProperty(key, one);
    } else if (name in node && typeof value === "boolean") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
}

// Write a text only where it changed, so that an idle page lays out nothing.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
  return node;
}

export function clear(node, ...children) {
  node.replaceChildren(...real(children));
  return node;
}

const ICONS = {
  overview: "M3 12h4l3-7 4 14 3-7h4",
  map: "M4 20V11M9 20V5M14 20v-6M19 20V8",
  accounts: "M4 6h16M4 12h16M4 18h10",
  account: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4 21c1.500-4 4.500-6 8-6s6.500 2 8 6",
  auctions: "M5 19l7-7M9 6l6 6M12 3l6 6M13 20h8",
  waterfall: "M4 5h5v5h5v5h6v5",
  rules: "M6 3h9l4 4v14H6zM9 11h7M9 15h7",
  incidents: "M12 4 2.500 20h19ZM12 10v4M12 17v.1",
  journal: "M5 4h12a2 2 0 0 1 2 2v14H7a2 2 0 0 1-2-2zM9 9h6M9 13h6",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM20 20l-4-4",
  help: "M9 9a3 3 0 1 1 4 2.800c-.8.400-1 .9-1 1.700M12 17v.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  key: "M14 10a4 4 0 1 0-3.800 4L12 16h2v2h2v2h4v-3l-6.300-5.700c.2-.4.3-.8.3-1.300Z",
  theme: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 3v18",
  close: "M6 6l12 12M18 6 6 18",
  stale: "M12 7v5l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  next: "M9 6l6 6-6 6",
  notices: "M6 17V11a6 6 0 1 1 12 0v6l1.500 2h-15ZM10 21h4",
};

export function icon(name, label = null) {
  const node = svg("svg", {
    viewBox: "0 0 24 24", class: "icon", fill: "none", stroke: "currentColor",
    "stroke-width": "1.8", "stroke-linecap": "round", "stroke-linejoin": "round",
  }, svg("path", { d: ICONS[name] || ICONS.next }));
  if (label) {
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", label);
  } else node.setAttribute("aria-hidden", "true");
  return node;
}
