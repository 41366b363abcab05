// Charts in the colours of the page: uPlot for lines and bars, ECharts for what uPlot has not.

import { h } from "./dom.js";
import { axisTexts } from "./text.js";

const FONT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const redraws = new Set();

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// A colour of the page made thinner: shade("long", 0.2).
export function shade(name, part) {
  const hex = colour(name).slice(1);
  const [red, green, blue] = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${red}, ${green}, ${blue}, ${part})`;
}

// Called once when the theme changes; every chart of a page draws itself anew.
export function themeChanged() {
  for (const fn of redraws) fn();
}

export function onTheme(fn) {
  redraws.add(fn);
  return () => redraws.delete(fn);
}

export const UTC = (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC");

export function timeAxis(more = {}) {
  return {
    stroke: () => colour("faint"), size: 38, font: FONT, space: 70,
    grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false },
    values: [
      [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
      [60, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
      [1, "{HH}:{mm}:{ss}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
    ],
    ...more,
  };
}

export function numberAxis(more = {}) {
  return {
    stroke: () => colour("faint"), size: 62, gap: 6, font: FONT,
    grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false },
    values: (u, splits) => axisTexts(splits),
    ...more,
  };
}

// A uPlot that fills its place: chart({ label, height, series, axes, scales, … }) →
// { node, show(data), plot }. `readout(index, plot)` gives [[label, text, colour]] for the tooltip.
export function chart({ label, height = 240, readout = null, ...options }) {
  const tip = h("div", { class: "tip", hidden: true });
  const place = h("div", { class: "plot", role: "img", "aria-label": label }, tip);
  place.style.height = `${height}px`;
  let plot = null;
  let given = null;

  function make() {
    plot?.destroy();
    plot = new uPlot({
      width: Math.max(240, place.clientWidth), height, padding: [10, 14, 0, 0],
      legend: { show: false }, tzDate: UTC,
      ...options,
      cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false }, ...options.cursor },
      hooks: { ...options.hooks, setCursor: [...(options.hooks?.setCursor || []), hover] },
    }, given, place);
  }

  function hover(u) {
    const at = u.cursor.idx;
    const rows = readout && at !== null && at !== undefined ? readout(at, u) : null;
    tip.hidden = !rows;
    if (!rows) return;
    tip.replaceChildren(...rows.map(([name, text, tone]) => h("div", {},
      h("span", { class: "swatch", style: tone ? { background: tone } : {} }),
      h("span", {}, name), h("b", {}, text))));
    const x = u.cursor.left + u.bbox.left / devicePixelRatio;
    const right = x > place.clientWidth / 2;
    tip.style.left = right ? "" : `${x + 14}px`;
    tip.style.right = right ? `${place.clientWidth - x + 14}px` : "";
  }

  const size = new ResizeObserver(() => {
    if (plot && place.clientWidth) plot.setSize({ width: Math.max(240, place.clientWidth), height });
  });
  size.observe(place);
  const forget = onTheme(() => given && place.isConnected && make());
  return {
    node: place,
    get plot() { return plot; },
    show(data) {
      given = data;
      if (plot) plot.setData(data);
      else if (place.isConnected) make();
      else requestAnimationFrame(() => place.isConnected && !plot && make());
    },
    end() {
      forget();
      size.disconnect();
      plot?.destroy();
      plot = null;
    },
  };
}

// A line through what the page has seen, without axes: spark() → { node, show(numbers) }.
export function spark(label, { width = 92, height = 24, tone = "accent" } = {}) {
  const ratio = Math.max(1, window.devicePixelRatio || 1);
  const node = h("canvas", { class: "spark", role: "img", "aria-label": label,
    width: String(width * ratio), height: String(height * ratio),
    style: { width: `${width}px`, height: `${height}px` } });
  let shown = [];
  const stop = onTheme(() => (node.isConnected ? draw() : stop()));
  return {
    node,
    show(numbers) {
      shown = numbers;
      draw();
    },
  };

  function draw() {
    const numbers = shown;
    const pen = node.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (numbers.length < 2) return;
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const y = (one) => height - 3 - ((one - low) / (high - low || 1)) * (height - 6);
    const x = (i) => 2 + (i / (numbers.length - 1)) * (width - 5);
    pen.beginPath();
    numbers.forEach((one, i) => (i ? pen.lineTo(x(i), y(one)) : pen.moveTo(x(i), y(one))));
    pen.strokeStyle = colour(tone);
    pen.lineWidth = 1.4;
    pen.lineJoin = "round";
    pen.stroke();
    pen.beginPath();
    pen.arc(x(numbers.length - 1), y(numbers.at(-1)), 2, 0, 7);
    pen.fillStyle = colour(tone);
    pen.fill();
  }
}

let loading = null;

// ECharts is large, so it comes with the first picture that needs it.
function echarts() {
  loading ??= new Promise((resolve, reject) => {
    const script = h("script", { src: "/static/vendor/echarts/echarts.min.js" });
    script.addEventListener("load", () => resolve(window.echarts));
    script.addEventListener("error", () => reject(new Error("ECharts did not load")));
    document.head.append(script);
  });
  return loading;
}

// An ECharts picture: picture({ label, height, make: () => option }) → { node, show(...args) }.
// `make` is called with the arguments of `show`, and again when the theme changes. Its tooltips must
// not carry style attributes, which the page's policy forbids: use `rows` below as formatter.
export function picture({ label, height = 320, make, onclick = null }) {
  const place = h("div", { class: "plot", role: "img", "aria-label": label });
  place.style.height = `${height}px`;
  let drawn = null;
  let given = null;
  let ended = false;

  async function draw() {
    const library = await echarts();
    if (ended || !place.isConnected || !given) return;
    if (!drawn) {
      drawn = library.init(place, null, { renderer: "canvas" });
      if (onclick) drawn.on("click", onclick);
    }
    drawn.setOption({
      animation: false, textStyle: { fontFamily: FONT.slice(5), color: colour("soft") },
      ...make(...given),
    }, { notMerge: true });
  }

  const size = new ResizeObserver(() => drawn && place.clientWidth && drawn.resize());
  size.observe(place);
  const forget = onTheme(() => draw());
  return {
    node: place,
    get drawn() { return drawn; },
    show(...args) {
      given = args;
      if (place.isConnected) draw();
      else requestAnimationFrame(draw);
    },
    end() {
      ended = true;
      forget();
      size.disconnect();
      drawn?.dispose();
    },
  };
}

// A tooltip of ECharts in the form of ours: `formatter: (at) => rows([["price", "61,200"]])`.
export function rows(pairs) {
  return h("div", { class: "tip-rows" }, pairs.map(([name, text, tone]) => h("div", {},
    h("span", { class: "swatch", style: tone ? { background: tone } : {} }),
    h("span", {}, name), h("b", {}, text))));
}

// What every ECharts tooltip of ours has.
export function tooltip(formatter, more = {}) {
  return {
    confine: true, backgroundColor: colour("raised"), borderColor: colour("line"), borderWidth: 1,
    padding: 8, textStyle: { color: colour("ink"), fontSize: 12 }, formatter, ...more,
  };
}

// The ramp of heatmaps, from nothing to most.
export function ramp() {
  return [0, 1, 2, 3, 4].map((step) => colour(`heat-${step}`));
}
