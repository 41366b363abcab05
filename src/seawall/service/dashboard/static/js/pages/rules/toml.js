// The present rules as a TOML file to begin from; what the service reads back is the same rulebook.

const BARE = /^[A-Za-z0-9_-]+$/;

export function toml(rules) {
  const lines = [];
  section([], rules, lines);
  return `${lines.join("\n").trim()}\n`;
}

function section(path, tree, lines) {
  const entries = Object.entries(tree).filter(([, one]) => one !== null && one !== undefined);
  const plain = entries.filter(([, one]) => !isTable(one));
  const tables = entries.filter(([, one]) => isTable(one));
  if (path.length && (plain.length || !tables.length)) lines.push("", `[${path.map(name).join(".")}]`);
  for (const [key, one] of plain) lines.push(`${name(key)} = ${value(one)}`);
  for (const [key, one] of tables) section([...path, key], one, lines);
}

function isTable(one) {
  return typeof one === "object" && one !== null && !Array.isArray(one);
}

function name(key) {
  return BARE.test(key) ? key : JSON.stringify(key);
}

function value(one) {
  if (Array.isArray(one)) {
    const parts = one.filter((part) => part !== null).map(value);
    return one.some(isTable) ? `[\n  ${parts.join(",\n  ")},\n]` : `[${parts.join(", ")}]`;
  }
  if (isTable(one)) {
    const parts = Object.entries(one).filter(([, part]) => part !== null)
      .map(([key, part]) => `${name(key)} = ${value(part)}`);
    return `{ ${parts.join(", ")} }`;
  }
  return JSON.stringify(one);
}
