// A sealed bid: its digest now, its opening later. The salt stays in this tab until then.

// SHA-256 of auction, bidder, lots and price as 16 bytes with sign each, then the salt.
export async function digest(auction, bidder, lots, price, salt) {
  const bytes = new Uint8Array(64 + salt.length);
  [auction, bidder, lots, price].forEach((number, place) => {
    let rest = BigInt.asUintN(128, BigInt(number));
    for (let at = 16 * place + 15; at >= 16 * place; at -= 1) {
      bytes[at] = Number(rest & 255n);
      rest >>= 8n;
    }
  });
  bytes.set(salt, 64);
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

export function hex(bytes) {
  return [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
}

// Decimal text as atoms: atoms("61000.5", 10) → 610005000000000n; too many digits are an error.
export function atoms(text, decimals) {
  const [whole, part = ""] = text.trim().split(".");
  if (!/^\d+$/.test(whole) || !/^\d*$/.test(part) || part.length > decimals) {
    throw new Error(`not a price with at most ${decimals} decimals`);
  }
  return BigInt(whole + part.padEnd(decimals, "0"));
}

const name = (auction, account) => `seawall-sealed-${auction}-${account}`;

export function keep(auction, account, bid) {
  sessionStorage.setItem(name(auction, account), JSON.stringify(bid));
}

export function kept(auction) {
  const start = name(auction, "");
  return Object.keys(sessionStorage).filter((one) => one.startsWith(start))
    .map((one) => ({ account: one.slice(start.length), ...JSON.parse(sessionStorage.getItem(one)) }));
}

export function forget(auction, account) {
  sessionStorage.removeItem(name(auction, account));
}
