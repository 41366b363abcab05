"use strict";
// Draws the report's charts from the JSON in the page. No build step, no network.
// Money arrives as decimal text, so that a tooltip can show every digit; only drawing uses Number.

(function () {
  const recording = JSON.parse(document.getElementById("recording").textContent);
  const unit = recording.numeraire;
  const list = document.getElementById("chart-list");
  const tooltip = document.getElementById("tooltip");
  const unzoom = document.getElementById("unzoom");
  const charts = [];
  const seconds = (times) => times.map((t) => t / 1000);
  const numbers = (texts) => texts.map(Number);
  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const utc = (ts) => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC");

  // ---- Numbers and times as text -------------------------------------------------------------

  function exact(text, suffix = unit) {
    const [whole, part] = String(text).split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
    return grouped + (part ? "." + part : "") + (suffix ? " " + suffix : "");
  }

  function short(value) {
    const size = Math.abs(value);
    for (const [limit, name] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
      if (size >= limit) return trim(value / limit) + " " + name;
    }
    return trim(value);
  }

  function trim(value) {
    const size = Math.abs(value);
    const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2;
    return value.toLocaleString("en-US", { maximumFractionDigits: digits });
  }

  // Labels of one axis share their unit and keep as many digits as tell neighbours apart.
  function axisText(splits) {
    const top = Math.max(...splits.map(Math.abs));
    const gap = splits.length > 1 ? Math.abs(splits[1] - splits[0]) : top;
    const [size, name] = [[1e12, " T"], [1e9, " B"], [1e6, " M"], [1e3, " k"], [1, ""]]
      .find(([limit]) => top >= limit) || [1, ""];
    const digits = Math.min(6, Math.max(0, Math.ceil(-Math.log10(gap / size || 1) - 1e-9)));
    return (value) => value === 0 ? "0" : (value / size).toFixed(digits) + name;
  }

  function when(ms) {
    const text = new Date(ms).toISOString();
    return text.slice(0, 10) + " " + text.slice(11, 19) + " UTC";
  }

  // ---- Building blocks -----------------------------------------------------------------------

  function element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  let panels = 0;

  function panel(title, what, legend) {
    const id = "chart-" + ++panels;
    const readout = element("div", { class: "readout", "aria-live": "polite" });
    const heading = element("h3", { id }, title);
    const plot = element("div", {
      class: "plot", tabindex: "0", role: "group",
      "aria-roledescription": "chart", "aria-labelledby": id, "aria-describedby": id + "-what",
    });
    const node = element("article", { class: "panel" },
      element("header", {}, heading, readout),
      element("p", { class: "what", id: id + "-what" }, what));
    if (legend) {
      node.append(element("ul", { class: "legend" }, ...legend.map(([name, shape, text]) => {
        const swatch = element("span", { class: shape === "ramp" ? shape : "swatch " + shape });
        if (name) swatch.style.background = `var(--${name})`;
        return element("li", {}, swatch, text);
      })));
    }
    list.append(node);
    node.append(plot);
    return { node, plot, readout };
  }

  function empty(title, what) {
    const { node, plot } = panel(title, "", null);
    plot.remove();
    node.append(element("p", { class: "empty" }, what));
  }

  function xAxis() {
    return {
      stroke: () => colour("faint"), size: 42, font: "12px system-ui, sans-serif",
      grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false },
      values: [
        [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
        [3600, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
        [60, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
        [1, "{HH}:{mm}:{ss}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
      ],
    };
  }

  function yAxis(options = {}) {
    return Object.assign({
      stroke: () => colour("faint"), size: 66, gap: 8, font: "12px system-ui, sans-serif",
      grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false },
      values: (u, splits) => splits.map(axisText(splits)),
    }, options);
  }

  // `at(index)` gives rows of [label, exact text, short text, colour] for the tooltip and readout.
  function draw(place, { height, data, series, scales = {}, x = {}, y = {}, hooks = {}, times, at }) {
    const first = recording.time_ms[0] / 1000;
    const last = recording.time_ms[recording.time_ms.length - 1] / 1000;
    const range = [first, last > first ? last : first + 1];
    const options = {
      width: Math.max(280, place.plot.clientWidth), height,
      padding: [12, 24, 0, 0], legend: { show: false }, tzDate: utc,
      scales: Object.assign({ x: { time: true, range: (u, lo, hi) => u.zoom || range } }, scales),
      axes: [Object.assign(xAxis(), x), yAxis(y)],
      series: [{}, ...series],
      cursor: {
        y: false, sync: { key: "seawall", scales: ["x", null] },
        drag: { x: true, y: false, setScale: false, dist: 6 }, points: { size: 7 },
        bind: { dblclick: () => () => zoom(null) },
      },
      hooks: Object.assign({}, hooks, {
        setCursor: [(u) => show(u)],
        setSelect: [(u) => {
          if (u.select.width < 6) return;
          const ends = [u.posToVal(u.select.left, "x"),
            u.posToVal(u.select.left + u.select.width, "x")];
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          zoom(ends);
        }],
      }),
    };
    const chart = new uPlot(options, data, place.plot);
    Object.assign(chart, { place, times, at });
    charts.push(chart);
    new ResizeObserver(() => {
      chart.setSize({ width: Math.max(280, place.plot.clientWidth), height });
    }).observe(place.plot);
    chart.over.addEventListener("mouseenter", () => { chart.hovered = true; });
    chart.over.addEventListener("mouseleave", () => { chart.hovered = false; tooltip.hidden = true; });
    place.plot.addEventListener("keydown", (event) => step(chart, event));
    place.plot.addEventListener("blur", () => { tooltip.hidden = true; });
    return chart;
  }

  function zoom(ends) {
    for (const chart of charts) {
      chart.zoom = ends;
      chart.setData(chart.data, true);
    }
    unzoom.hidden = !ends;
  }

  function step(chart, event) {
    const strides = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 };
    const end = chart.times.length - 1;
    const here = chart.cursor.idx ?? -1;
    let index;
    if (event.key in strides) index = here + strides[event.key] * (event.shiftKey ? 10 : 1);
    else if (event.key === "Home") index = 0;
    else if (event.key === "End") index = end;
    else if (event.key === "Escape") return zoom(null);
    else return undefined;
    event.preventDefault();
    const value = chart.data[0][Math.min(end, Math.max(0, index))];
    for (const other of charts) {
      other.setCursor({ left: other.valToPos(value, "x"), top: 12 }, true, false);
    }
    return undefined;
  }

  function show(chart) {
    const { idx, left, top } = chart.cursor;
    if (idx == null || left < 0) {
      chart.place.readout.textContent = "";
      return;
    }
    const rows = chart.at(idx);
    const readout = [when(chart.times[idx])];
    for (const [label, , brief] of rows) {
      if (brief) readout.push(" · " + label + " ", element("b", {}, brief));
    }
    chart.place.readout.replaceChildren(...readout);
    if (!chart.hovered) return;
    const table = element("dl");
    for (const [label, text, , name] of rows) {
      const term = element("dt");
      if (name) {
        const swatch = element("span", { class: "swatch square" });
        swatch.style.background = `var(--${name})`;
        term.append(swatch);
      }
      term.append(label);
      table.append(term, element("dd", {}, text));
    }
    tooltip.replaceChildren(element("p", { class: "when" }, when(chart.times[idx])), table);
    tooltip.hidden = false;
    const box = chart.over.getBoundingClientRect();
    const size = tooltip.getBoundingClientRect();
    const x = box.left + left + 18;
    const fits = x + size.width < window.innerWidth - 8;
    tooltip.style.left = Math.max(8, fits ? x : box.left + left - size.width - 18) + "px";
    const y = Math.min(box.top + top + 18, window.innerHeight - size.height - 8);
    tooltip.style.top = Math.max(8, y) + "px";
  }

  // ---- Price with what was liquidated drawn on it ----------------------------------------------

  const barIndex = new Map(recording.bars.time_ms.map((t, index) => [t, index]));
  const barOf = (ms) => Math.floor(ms / recording.bar_ms) * recording.bar_ms;
  const largest = Math.max(1, ...Object.values(recording.bubbles).flat().map((b) => Number(b.notional)));

  function bubbles(u, marks, prices) {
    const context = u.ctx;
    const ratio = devicePixelRatio || 1;
    context.save();
    context.beginPath();
    context.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    context.clip();
    for (const mark of marks) {
      const x = u.valToPos(recording.time_ms[mark.tick] / 1000, "x", true);
      const y = u.valToPos(prices[mark.tick], "y", true);
      const radius = (2.2 + 24 * Math.sqrt(Number(mark.notional) / largest)) * ratio;
      const name = colour(mark.side);
      context.beginPath();
      if (mark.side === "long") {
        context.arc(x, y, radius, 0, 2 * Math.PI);
      } else {
        context.moveTo(x, y - radius);
        context.lineTo(x + radius, y);
        context.lineTo(x, y + radius);
        context.lineTo(x - radius, y);
        context.closePath();
      }
      context.globalAlpha = 0.22;
      context.fillStyle = name;
      context.fill();
      context.globalAlpha = 0.9;
      context.lineWidth = 1.2 * ratio;
      context.strokeStyle = name;
      context.stroke();
    }
    context.restore();
  }

  // Room for the marks at the ends of the range.
  function padded(low, high) {
    const pad = (high - low) * 0.14 || Math.abs(high) * 0.05 || 1;
    return [low - pad, high + pad];
  }

  function priceChart(coin, height) {
    const texts = recording.prices[coin];
    const prices = numbers(texts);
    const marks = recording.bubbles[coin] || [];
    const byBar = new Map();
    for (const mark of marks) {
      const key = barOf(recording.time_ms[mark.tick]);
      byBar.set(key, [...(byBar.get(key) || []), mark]);
    }
    const note = marks.length
      ? `Each mark is what was taken in ${recording.bar_text}; its area is the notional.`
      : `Nothing on ${coin} was liquidated.`;
    const place = panel(`${coin} price and liquidations`, `${unit} per ${coin}. ${note}`, [
      ["price", "stroke", `${coin} index price`], ["long", "", "Longs liquidated"],
      ["short", "diamond", "Shorts liquidated"]]);
    draw(place, {
      height, times: recording.time_ms, data: [seconds(recording.time_ms), prices],
      series: [{ stroke: () => colour("price"), width: 1.5, points: { show: false } }],
      y: { values: (u, splits) => splits.map((v) => v.toLocaleString("en-US")) },
      scales: { y: { range: (u, low, high) => padded(low, high) } },
      hooks: { draw: [(u) => bubbles(u, marks, prices)] },
      at: (index) => {
        const rows = [[coin, exact(texts[index]), exact(texts[index]), "price"]];
        for (const mark of byBar.get(barOf(recording.time_ms[index])) || []) {
          const label = mark.side === "long" ? "Longs taken" : "Shorts taken";
          rows.push([label, exact(mark.notional), short(Number(mark.notional)) + " " + unit, mark.side]);
          rows.push(["in fills", exact(mark.fills, ""), ""]);
          rows.push(["largest", mark.largest, ""]);
        }
        return rows;
      },
    });
  }

  // ---- Insurance fund --------------------------------------------------------------------------

  function fundChart() {
    const title = "Insurance fund";
    if (!recording.fund.length) return empty(title, "The fund's level was not recorded.");
    const levels = numbers(recording.fund);
    const low = Math.min(...levels);
    const high = Math.max(...levels);
    const fromZero = low < high / 2;
    const pad = (high - low) * 0.12 || Math.abs(high) * 0.05 || 1;
    const range = fromZero ? [Math.min(0, low), high + pad] : [low - pad, high + pad];
    const place = panel(title, `Level in ${unit}. ` + (fromZero ? "" : "The axis does not start at zero. ") +
      "Liquidation fees raise it, what bankrupt accounts cannot pay lowers it, and the coins in " +
      "it move with their prices.");
    return draw(place, {
      height: 190, times: recording.time_ms, data: [seconds(recording.time_ms), levels],
      scales: { y: { range } },
      series: [{ stroke: () => colour("fund"), width: 1.75, points: { show: false },
        paths: uPlot.paths.stepped({ align: 1 }), fill: () => colour("fund") + "1c" }],
      at: (index) => [["Fund", exact(recording.fund[index]),
        short(levels[index]) + " " + unit, "fund"]],
    });
  }

  // ---- Distribution of margin ratios -----------------------------------------------------------

  function ramp() {
    const stops = [0, 1, 2, 3, 4].map((n) => {
      const hex = colour("heat-" + n).replace("#", "");
      return [0, 2, 4].map((k) => parseInt(hex.slice(k, k + 2), 16));
    });
    return (share) => {
      const place = Math.min(3.9999, share * 4);
      const from = stops[Math.floor(place)];
      const to = stops[Math.floor(place) + 1];
      const rest = place - Math.floor(place);
      return `rgb(${from.map((v, k) => Math.round(v + (to[k] - v) * rest)).join(" ")})`;
    };
  }

  function heatmap(u, heat, most, lineAt) {
    const context = u.ctx;
    const shade = ramp();
    const buckets = heat.edges.length;
    const times = u.data[0];
    const left = (index) => u.valToPos(times[index], "x", true);
    const pace = times.length > 1 ? times[1] - times[0] : 60;
    context.save();
    context.beginPath();
    context.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    context.clip();
    context.fillStyle = shade(0);
    context.fillRect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    for (let sample = 0; sample < times.length; sample++) {
      const x = Math.floor(left(sample));
      const next = sample + 1 < times.length
        ? left(sample + 1) : u.valToPos(times[sample] + pace, "x", true);
      for (let bucket = 0; bucket < buckets; bucket++) {
        const count = heat.counts[sample][bucket];
        if (!count) continue;
        const top = Math.floor(u.valToPos(bucket + 1, "y", true));
        const bottom = Math.floor(u.valToPos(bucket, "y", true));
        context.fillStyle = shade(0.12 + 0.88 * Math.log1p(count) / Math.log1p(most));
        context.fillRect(x, top, Math.max(1, Math.ceil(next) - x), bottom - top);
      }
    }
    if (lineAt !== null) {
      const y = u.valToPos(lineAt, "y", true);
      context.strokeStyle = colour("long");
      context.lineWidth = 1.5 * (devicePixelRatio || 1);
      context.setLineDash([6, 4]);
      context.beginPath();
      context.moveTo(u.bbox.left, y);
      context.lineTo(u.bbox.left + u.bbox.width, y);
      context.stroke();
    }
    context.restore();
  }

  // Where a ratio lies on an axis of equally high buckets.
  function level(edges, ratio) {
    for (let k = 0; k + 1 < edges.length; k++) {
      if (ratio >= edges[k] && ratio <= edges[k + 1]) {
        return k + (ratio - edges[k]) / (edges[k + 1] - edges[k]);
      }
    }
    return null;
  }

  function heatChart() {
    const heat = recording.heat;
    const title = "Distribution of margin ratios";
    const most = Math.max(0, ...heat.counts.flat());
    if (!most) return empty(title, "No account carried a margin requirement.");
    const edges = numbers(heat.edges);
    const buckets = edges.length;
    const times = heat.time_ms;
    const place = panel(title,
      "Margin equity ÷ maintenance margin. Each column is a moment; a stronger colour is more " +
      "accounts, on a logarithmic scale. Below 1, an account may be liquidated. The top " +
      "bucket holds everything above its edge.",
      [["", "ramp", `1 to ${most.toLocaleString("en-US")} accounts`],
        ["long", "stroke", "Maintenance line: ratio 1"]]);
    const every = Math.max(1, Math.ceil(buckets / 9));
    return draw(place, {
      height: 320, times, data: [seconds(times), times.map(() => null)],
      scales: { y: { auto: false, range: [0, buckets] } },
      series: [{ points: { show: false } }],
      x: { grid: { show: false } },
      y: {
        grid: { show: false },
        splits: () => edges.map((e, k) => k).filter((k) => k % every === 0 || edges[k] === 1),
        values: (u, splits) => splits.map((k) => trim(edges[k])),
      },
      hooks: { drawClear: [(u) => heatmap(u, heat, most, level(edges, 1))] },
      at: (index) => {
        const row = heat.counts[index];
        const below = row.reduce((sum, n, k) => sum + ((edges[k + 1] ?? Infinity) <= 1 ? n : 0), 0);
        const total = row.reduce((sum, n) => sum + n, 0);
        const rows = [
          ["accounts", exact(total, ""), exact(total, "")],
          ["below 1", exact(below, ""), exact(below, ""), "long"],
        ];
        const chart = charts.find((c) => c.place === place);
        if (chart && chart.hovered) {
          const bucket = Math.floor(chart.posToVal(chart.cursor.top, "y"));
          if (bucket >= 0 && bucket < buckets) {
            rows.push([`ratio ${heat.edges[bucket]} ${bucket + 1 < buckets ? "to " + heat.edges[bucket + 1] : "and more"}`,
              exact(row[bucket], ""), ""]);
          }
        }
        return rows;
      },
    });
  }

  // ---- What was taken, per bar and cumulated; margin calls -------------------------------------

  const bar = () => uPlot.paths.bars({ size: [0.86, 18], align: 1 });

  function barChart(title, what, legend, height, data, series, at) {
    const place = panel(title, what, legend);
    const times = recording.bars.time_ms;
    return draw(place, {
      height, times, data: [seconds(times), ...data], series, at,
      scales: { y: { range: (u, low, high) => [0, (high || 1) * 1.08] } },
    });
  }

  function liquidationCharts() {
    const bars = recording.bars;
    const longs = numbers(bars.long);
    const shorts = numbers(bars.short);
    if (!bars.fills.some(Boolean)) {
      empty("Liquidated notional", "No account was liquidated in this run.");
      return;
    }
    const legend = [["long", "square", "Longs"], ["short", "square", "Shorts"]];
    const row = (label, text, value, name) => [label, exact(text), short(value) + " " + unit, name];
    barChart("Liquidated notional", `${unit} in each ${recording.bar_text}, longs below, shorts above.`,
      legend, 210, [longs.map((v, k) => v + shorts[k]), longs],
      [{ fill: () => colour("short"), width: 0, paths: bar(), points: { show: false } },
        { fill: () => colour("long"), width: 0, paths: bar(), points: { show: false } }],
      (index) => [row("Longs", bars.long[index], longs[index], "long"),
        row("Shorts", bars.short[index], shorts[index], "short"),
        ["Fills", exact(bars.fills[index], ""), ""]]);
    const totalLong = numbers(bars.total_long);
    const totalShort = numbers(bars.total_short);
    barChart("Liquidated notional, cumulated", `${unit} since the start.`,
      legend.map(([name, , text]) => [name, "stroke", text]), 180, [totalLong, totalShort],
      ["long", "short"].map((name) => ({ stroke: () => colour(name), width: 1.75,
        paths: uPlot.paths.stepped({ align: 1 }), fill: () => colour(name) + "16",
        points: { show: false } })),
      (index) => [row("Longs", bars.total_long[index], totalLong[index], "long"),
        row("Shorts", bars.total_short[index], totalShort[index], "short")]);
  }

  function callChart() {
    const calls = recording.bars.calls;
    if (!calls.some(Boolean)) return empty("Margin calls", "No account was called in this run.");
    return barChart("Margin calls", `Calls opened in each ${recording.bar_text}.`, null, 150, [calls],
      [{ fill: () => colour("call"), width: 0, paths: bar(), points: { show: false } }],
      (index) => [["Calls", exact(calls[index], ""), exact(calls[index], ""), "call"]]);
  }

  // ---- Theme -----------------------------------------------------------------------------------

  const theme = document.getElementById("theme");
  const themes = ["auto", "light", "dark"];
  const repaint = () => charts.forEach((chart) => chart.redraw(false, true));

  theme.addEventListener("click", () => {
    const next = themes[(themes.indexOf(document.documentElement.dataset.theme || "auto") + 1) % 3];
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    theme.textContent = "Theme: " + next;
    theme.setAttribute("aria-label", "Colour theme: " + (next === "auto" ? "automatic" : next));
    repaint();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  unzoom.addEventListener("click", () => zoom(null));

  // ---- The page ----------------------------------------------------------------------------------

  if (!recording.time_ms.length) {
    empty("Nothing was recorded", "The replay saw no price tick, so there is nothing to draw.");
    return;
  }
  const coins = Object.keys(recording.prices);
  coins.forEach((coin, index) => priceChart(coin, index ? 240 : 300));
  fundChart();
  heatChart();
  liquidationCharts();
  callChart();
})();
