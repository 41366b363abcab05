// The live stream: one socket for the page, channels folded to their state, gaps found and mended.
//
// A watcher is called at most once a frame with the state of its channel and what came since. A
// page that is hidden folds on and draws when it is seen again.

import { key } from "./api.js";

const STALE_MS = 3000;
const PAUSES_MS = [250, 500, 1000, 2000, 4000];
const EVENTS_MOST = 5000;
const NOT_NOW = new Set(["replaying", "busy", "failed", "not_durable", "stopped"]);

const channels = new Map();
const listeners = new Set();
let socket = null;
let tries = 0;
let retry = 0;
let heard = performance.now();
let started = false;
let welcomed = false; // This socket has said something, so reading is allowed.

// `state`: connecting, live, stale or locked. `since` is of the wall clock.
export const status = {
  state: "connecting", since: Date.now(), sequence: 0, time_ms: 0, speed: 1, reason: "", tries: 0,
};

export function onStatus(fn) {
  listeners.add(fn);
  fn(status);
  return () => listeners.delete(fn);
}

// fn(state, { sequence, time_ms, total, events, error }); returns how to stop. `total` counts the rows
// of a keyed channel, also those beyond its limit; `events` are what came since the last call.
export function watch(name, fn) {
  let channel = channels.get(name);
  if (!channel) {
    channel = {
      name, watchers: new Set(), state: null, sequence: null, time_ms: 0, events: [], dirty: false,
      gap: false, error: null, total: 0,
    };
    channels.set(name, channel);
    if (open()) subscribe(channel, null);
  } else if (channel.state !== null) {
    queueMicrotask(() => channel.watchers.has(fn) && fn(channel.state, told(channel, [])));
  }
  channel.watchers.add(fn);
  return () => {
    channel.watchers.delete(fn);
    if (channel.watchers.size || channels.get(name) !== channel) return;
    channels.delete(name);
    if (open()) send({ op: "unsubscribe", channel: name });
  };
}

export function start() {
  if (started) return;
  started = true;
  connect();
  setInterval(look, 250);
  document.addEventListener("visibilitychange", () => flushSoon());
  window.addEventListener("online", () => connectNow());
}

// With another key, or because somebody pressed for it.
export function connectNow() {
  clearTimeout(retry);
  tries = 0;
  if (socket) {
    const old = socket;
    socket = null;
    old.close();
  }
  connect();
}

// The venue's time now. A wall clock goes on by itself; a scenario's time is the last that was told,
// gone on with at the pace of the last seconds.
export function now() {
  if (clock.wall_ms !== null) {
    return status.state === "live" ? Date.now() + clock.wall_ms : clock.time_ms;
  }
  const elapsed = Math.min(performance.now() - clock.at, 1500);
  return status.state === "live" ? clock.time_ms + elapsed * status.speed : clock.time_ms;
}

const clock = { time_ms: 0, at: performance.now(), beats: [], wall_ms: null };

// Whose time it is, as /v1/me says it; how far the service's clock is ahead of this one. Counted from
// when it was asked: a deadline is rather shown too near than too far.
export function useClock({ clock: whose, now_ms }, asked_ms) {
  clock.wall_ms = whose === "wall" ? now_ms - asked_ms : null;
}

// Only heartbeats tell the pace: they come once a second, whatever happens.
function tick(time_ms, isBeat) {
  const at = performance.now();
  if (time_ms < clock.time_ms && !isBeat) return;
  clock.time_ms = time_ms;
  clock.at = at;
  if (!isBeat) return;
  if (time_ms < (clock.beats.at(-1)?.[1] ?? 0)) clock.beats = [];
  clock.beats.push([at, time_ms]);
  while (clock.beats.length > 2 && at - clock.beats[0][0] > 8000) clock.beats.shift();
  const [first, from] = clock.beats[0];
  if (clock.wall_ms !== null) status.speed = 1;
  else if (at - first > 1900) status.speed = Math.max(0, (time_ms - from) / (at - first));
}

function open() {
  return socket !== null && socket.readyState === WebSocket.OPEN;
}

function send(message) {
  socket.send(JSON.stringify(message));
}

function subscribe(channel, from) {
  const message = { op: "subscribe", channel: channel.name };
  if (from !== null) message.from = from;
  send(message);
}

function anew(channel) {
  if (open() && channels.get(channel.name) === channel && channel.error) subscribe(channel, null);
}

function connect() {
  if (document.documentElement.dataset.feed === undefined) change("connecting");
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const mine = new WebSocket(`${scheme}://${location.host}/v1/stream`);
  socket = mine;
  welcomed = false;
  mine.addEventListener("open", () => {
    if (socket !== mine) return;
    if (key()) send({ op: "authenticate", key: key() });
    for (const channel of channels.values()) subscribe(channel, channel.sequence);
  });
  mine.addEventListener("message", ({ data }) => socket === mine && receive(JSON.parse(data)));
  mine.addEventListener("close", ({ code, reason }) => socket === mine && lost(code, reason));
}

function lost(code, reason) {
  socket = null;
  welcomed = false;
  if (code === 4401) {
    change("locked", "a key with the scope read is wanted");
    return;
  }
  const pause = PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)];
  tries += 1;
  status.tries = tries;
  status.reason = code === 4008 ? "this page read too slowly" : reason || "the connection ended";
  announce();
  retry = setTimeout(connect, pause * (0.75 + Math.random() / 2));
}

function receive(message) {
  heard = performance.now();
  welcomed = true;
  tries = 0;
  if (message.time_ms) {
    status.time_ms = message.time_ms;
    tick(message.time_ms, message.type === "heartbeat");
  }
  const heardOf = message.sequence ?? message.venue_sequence ?? 0;
  if (heardOf > status.sequence || message.type === "heartbeat") status.sequence = heardOf;
  const channel = channels.get(message.channel);
  if (message.type === "snapshot" && channel) {
    Object.assign(channel, { state: message.state, gap: false, error: null });
    fold(channel, message);
  } else if (message.type === "update" && channel) update(channel, message);
  else if (message.type === "error" && channel) {
    channel.error = message;
    mark(channel);
    if (NOT_NOW.has(message.code)) setTimeout(() => anew(channel), 1000);
  }
  look();
}

function update(channel, message) {
  if (channel.gap) return; // Its new snapshot is on the way.
  if (channel.sequence !== null && message.previous !== channel.sequence) {
    channel.gap = true;
    subscribe(channel, null);
    return;
  }
  if ("state" in message) channel.state = message.state;
  else if ("event" in message) channel.events.push(message.event);
  else {
    channel.state = { ...channel.state };
    for (const name of message.removed || []) delete channel.state[name];
    Object.assign(channel.state, message.set);
  }
  channel.error = null;
  fold(channel, message);
}

function fold(channel, message) {
  channel.sequence = message.sequence;
  channel.time_ms = message.time_ms;
  channel.total = message.total ?? channel.total;
  if (channel.events.length > EVENTS_MOST) channel.events.splice(0, EVENTS_MOST / 2);
  mark(channel);
}

let waiting = false;

function mark(channel) {
  channel.dirty = true;
  flushSoon();
}

function flushSoon() {
  if (waiting || document.hidden) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    for (const channel of channels.values()) if (channel.dirty) flush(channel);
  });
}

function flush(channel) {
  channel.dirty = false;
  const events = channel.events;
  channel.events = [];
  for (const fn of channel.watchers) fn(channel.state, told(channel, events));
}

function told(channel, events) {
  const { sequence, time_ms, total, error } = channel;
  return { sequence, time_ms, total, events, error };
}

function look() {
  if (status.state === "locked" && !welcomed) return;
  const gap = [...channels.values()].some((one) => one.gap);
  if (performance.now() - heard > STALE_MS || gap) change("stale", gap ? "messages are missing" : "");
  else if (open() && welcomed) change("live");
  else announce();
}

function change(state, reason = "") {
  if (status.state !== state) {
    status.since = state === "stale" ? Date.now() - (performance.now() - heard) : Date.now();
    if (state === "stale" && !status.reason) status.reason = "no message for three seconds";
    if (state === "live") status.reason = "";
  }
  if (reason) status.reason = reason;
  status.state = state;
  document.documentElement.dataset.feed = state;
  announce();
}

function announce() {
  for (const fn of listeners) fn(status);
}
