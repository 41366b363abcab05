// What is supposed of an account, as it stands in the address, in the controls and in a request.
//
//   price=BTC:-10,ETH:5   per cent        vol=20   per cent        after=86400   seconds
//   trade=BTC/USDC:USDC~0.5~60000;…       add=USDC:1000,…

const QUANTITY = /^-?\d+(\.\d+)?$/;

export function read(query) {
  const pairs = (text) => (text || "").split(",").filter(Boolean).map((one) => {
    const at = one.lastIndexOf(":");
    return [one.slice(0, at), one.slice(at + 1)];
  });
  return {
    price: Object.fromEntries(pairs(query.get("price")).map(([coin, part]) => [coin, whole(part)])),
    vol: whole(query.get("vol")),
    after_s: Math.max(0, whole(query.get("after"))),
    trades: (query.get("trade") || "").split(";").filter(Boolean).map((one) => {
      const [instrument, quantity, price = ""] = one.split("~");
      return { instrument, quantity, price };
    }),
    add: Object.fromEntries(pairs(query.get("add"))),
  };
}

export function written(told) {
  const pairs = (of) => Object.entries(of).filter(([, part]) => part && part !== "0")
    .map(([name, part]) => `${name}:${part}`).join(",");
  return {
    price: pairs(told.price),
    vol: told.vol || "",
    after: told.after_s || "",
    trade: told.trades.map((one) => [one.instrument, one.quantity, one.price].filter(Boolean).join("~"))
      .join(";"),
    add: pairs(told.add),
  };
}

export function nothing() {
  return { price: {}, vol: 0, after_s: 0, trades: [], add: {} };
}

export function isNothing(told) {
  return Object.values(written(told)).every((one) => one === "");
}

// As the API takes it; a row that is not written to its end is not sent.
export function body(told) {
  const moves = {};
  for (const [coin, part] of Object.entries(told.price)) if (part) moves[coin] = `${part}%`;
  const deposits = {};
  for (const [coin, atoms] of Object.entries(told.add)) {
    if (QUANTITY.test(atoms) && Number(atoms)) deposits[coin] = atoms;
  }
  const trades = told.trades.filter((one) => QUANTITY.test(one.quantity) && Number(one.quantity))
    .map(({ instrument, quantity, price }) =>
      (QUANTITY.test(price) ? { instrument, quantity, price } : { instrument, quantity }));
  const change = { moves, deposits, trades };
  if (told.vol) change.volatility = `${told.vol}%`;
  return { change, after_s: told.after_s };
}

function whole(text) {
  const number = parseInt(text || "0", 10);
  return Number.isFinite(number) ? number : 0;
}
