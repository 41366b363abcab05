// Requests to the service that this page came from, with the key of this tab.

const STORED = "seawall-key";
let changed = () => {};

export function key() {
  return sessionStorage.getItem(STORED) || "";
}

export function useKey(text) {
  if (text) sessionStorage.setItem(STORED, text);
  else sessionStorage.removeItem(STORED);
  changed();
}

export function onKeyWanted(fn) {
  wanted = fn;
}

export function onKeyChanged(fn) {
  changed = fn;
}

let wanted = () => {};

// An RFC 9457 problem: `code` never changes its meaning.
export class Problem extends Error {
  constructor(told) {
    super(told.detail || told.title);
    this.name = "Problem";
    this.code = told.code;
    this.status = told.status;
    this.title = told.title;
    this.told = told;
  }
}

export function get(path, { signal } = {}) {
  return asked("GET", path, undefined, {}, signal);
}

// A question with a body: nothing is done by it.
export function ask(path, body, { signal } = {}) {
  return asked("POST", path, body, {}, signal);
}

// A command; repeated under the same `name` it is done once.
export function command(path, body, { name = crypto.randomUUID(), signal } = {}) {
  return asked("POST", path, body, { "Idempotency-Key": name }, signal);
}

async function asked(method, path, body, headers, signal) {
  const sent = key();
  const options = { method, headers: { Accept: "application/json", ...headers }, signal };
  if (sent) options.headers.Authorization = `Bearer ${sent}`;
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ code: "unreachable", title: "no answer", status: 0,
      detail: "the service does not answer" });
  }
  const text = await answer.text();
  let told;
  try {
    told = text ? JSON.parse(text) : null;
  } catch {
    told = { code: "unreadable", title: "unreadable", status: answer.status, detail: "no JSON" };
  }
  if (answer.ok) return told;
  if (answer.status === 401 && sent === key()) wanted();
  throw new Problem({ status: answer.status, code: "unknown", ...told });
}
