// Numbers and times as text. Money arrives as decimal text and stays text: digits are grouped and
// rounded as digits, never as a float.

const MINUS = "−";
const NONE = "–";

function parts(text) {
  const negative = text.startsWith("-");
  const [whole, part = ""] = (negative ? text.slice(1) : text).split(".");
  return { negative, whole, part };
}

function joined(negative, whole, part) {
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return (negative ? MINUS : "") + grouped + (part ? "." + part : "");
}

// Every digit that was told, grouped: "-1234567.89" → "−1,234,567.89".
export function exact(text) {
  if (text === null || text === undefined) return NONE;
  const { negative, whole, part } = parts(String(text));
  return joined(negative, whole, part);
}

// Rounded half up to `digits` decimals, as digits.
export function decimal(text, digits = 2) {
  if (text === null || text === undefined) return NONE;
  const { negative, whole, part } = parts(String(text));
  const kept = part.slice(0, digits).padEnd(digits, "0");
  let size = BigInt(whole + kept);
  if (part.length > digits && part[digits] >= "5") size += 1n;
  const digitsText = size.toString().padStart(digits + 1, "0");
  const cut = digitsText.length - digits;
  return joined(negative && size > 0n, digitsText.slice(0, cut), digitsText.slice(cut));
}

// Money for a table: cents while it is small, whole units from ten thousand on.
export function money(text) {
  if (text === null || text === undefined) return NONE;
  return decimal(text, parts(String(text)).whole.length > 4 ? 0 : 2);
}

// A price: as many decimals as its size asks for.
export function price(text) {
  if (text === null || text === undefined) return NONE;
  const { whole, part } = parts(String(text));
  if (whole !== "0") return decimal(text, whole.length > 3 ? 1 : whole.length > 1 ? 2 : 4);
  const first = part.search(/[1-9]/);
  return decimal(text, Math.min(12, first + 4));
}

// Three or four digits and a letter: "1234567.89" → "1.23 M".
export function short(text) {
  if (text === null || text === undefined) return NONE;
  const { negative, whole } = parts(String(text));
  const names = ["", " k", " M", " B", " T", " Q"];
  const step = Math.min(names.length - 1, Math.floor((whole.length - 1) / 3));
  if (step === 0) return /[1-9]/.test(text) ? decimal(text, whole.length > 2 ? 0 : 2) : "0";
  const lead = whole.length - 3 * step;
  const shifted = (negative ? "-" : "") + whole.slice(0, lead) + "." + whole.slice(lead);
  return decimal(shifted, Math.max(0, 3 - lead)) + names[step];
}

// A ratio as per cent: "0.0123" → "1.23 %".
export function percent(text, digits = 2) {
  if (text === null || text === undefined) return NONE;
  const { negative, whole, part } = parts(String(text));
  const wide = part.padEnd(2, "0");
  const moved = (whole + wide.slice(0, 2)).replace(/^0+(?=\d)/, "") + "." + wide.slice(2);
  return decimal((negative ? "-" : "") + moved, digits) + " %";
}

// A sum of decimal texts, exact.
export function sum(texts) {
  const told = texts.filter((one) => one !== null && one !== undefined).map(String);
  const digits = Math.max(0, ...told.map((one) => parts(one).part.length));
  let all = 0n;
  for (const one of told) {
    const { negative, whole, part } = parts(one);
    const size = BigInt(whole + part.padEnd(digits, "0"));
    all += negative ? -size : size;
  }
  const text = (all < 0n ? -all : all).toString().padStart(digits + 1, "0");
  const cut = text.length - digits;
  return (all < 0n ? "-" : "") + text.slice(0, cut) + (digits ? "." + text.slice(cut) : "");
}

export function count(number) {
  return number === null || number === undefined ? NONE : exact(String(number));
}

// "1 account", "2 accounts".
export function counted(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

// For floats of drawings and models only: never money.
export function float(number, digits = 2) {
  if (number === null || number === undefined || !Number.isFinite(Number(number))) return NONE;
  const text = Number(number).toFixed(digits);
  return exact(Number(text) === 0 ? text.replace("-", "") : text);
}

// Labels of one axis share their unit and keep as many digits as tell neighbours apart.
export function axisTexts(splits) {
  const top = Math.max(...splits.map(Math.abs), 0);
  const gap = splits.length > 1 ? Math.abs(splits[1] - splits[0]) : top;
  const sizes = [[1e12, " T"], [1e9, " B"], [1e6, " M"], [1e4, " k", 1e3], [0, "", 1]];
  const [limit, name, told] = sizes.find(([one]) => top >= one);
  const size = told || limit;
  let digits = Math.min(6, Math.max(0, Math.ceil(-Math.log10(gap / size || 1) - 1e-9)));
  const blurs = (one) => Math.abs(Number((one / size).toFixed(digits)) * size - one) > gap / 20;
  while (digits < 6 && splits.some(blurs)) digits += 1;
  return splits.map((one) => (one === 0 ? "0" : exact((one / size).toFixed(digits)) + name));
}

export function day(ms) {
  return ms === null || ms === undefined ? NONE : new Date(ms).toISOString().slice(0, 10);
}

export function time(ms) {
  return ms === null || ms === undefined ? NONE : new Date(ms).toISOString().slice(11, 19);
}

export function when(ms) {
  return ms === null || ms === undefined ? NONE : `${day(ms)} ${time(ms)} UTC`;
}

// "1 d 4 h", "12 min", "4.2 s", "310 ms".
export function span(ms) {
  if (ms === null || ms === undefined) return NONE;
  const size = Math.abs(ms);
  if (size < 1000) return `${Math.round(size)} ms`;
  if (size < 10_000) return `${(size / 1000).toFixed(1)} s`;
  const seconds = Math.floor(size / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

// What is left until a deadline: "9:05", "1:02:09".
export function left(ms) {
  if (ms <= 0) return "0:00";
  const seconds = Math.ceil(ms / 1000);
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

// "margin_equity" → "margin equity".
export function words(name) {
  return String(name ?? NONE).replaceAll("_", " ");
}
