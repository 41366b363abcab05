// The pages: the way in the address, the name, the key after g, and where its code is.
//
// A page that has `nav: false` is reached from another one. `params` names what follows in the way.

export const PAGES = [
  { way: "overview", title: "Overview", key: "o", load: () => import("./pages/overview.js") },
  { way: "map", title: "Liquidation map", key: "m", load: () => import("./pages/map.js") },
  { way: "accounts", title: "Accounts", key: "a", load: () => import("./pages/accounts.js") },
  { way: "account", title: "Account", nav: false, under: "accounts",
    load: () => import("./pages/account.js") },
  { way: "auctions", title: "Auctions", key: "u", load: () => import("./pages/auctions.js") },
  { way: "waterfall", title: "Waterfall", key: "w", load: () => import("./pages/waterfall.js") },
  { way: "rules", title: "Rules", key: "r", load: () => import("./pages/rules.js") },
  { way: "incidents", title: "Incidents", key: "i", load: () => import("./pages/incidents.js") },
  { way: "journal", title: "Journal", key: "j", load: () => import("./pages/journal.js") },
];
