"""The page of a stress test: one file of HTML that fetches nothing.

Knows a finished result and the words around its pictures. Every number of a picture's story is in
a table too.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from seawall.simulation.stress import charts
from seawall.simulation.stress.stress import Stress

STYLE = """
:root{--page:#fbfaf7;--card:#fff;--ink:#16202b;--soft:#5a6672;--line:#e3e1da;--quiet:#5a6672;
--fed:#c8441b;--named:#0b5c7a;--pays:#12795f;--cause:#7d8b97;--last:#b3261e;--heat:#b03a12}
@media (prefers-color-scheme:dark){:root{--page:#0e141a;--card:#151d25;--ink:#e6ebef;--soft:#a3afba;
--line:#26313c;--quiet:#a3afba;--fed:#f5825a;--named:#7cc4dd;--pays:#52c7a3;--cause:#7b8995;
--last:#ff8a80;--heat:#ff9a6b}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1120px;margin:0 auto;padding:32px 20px 48px}
h1{font:600 28px/1.2 Georgia,serif;margin:0 0 4px}h2{font-size:17px;margin:0}
p{color:var(--soft);margin:2px 0 16px}.lede{font-size:17px;color:var(--ink)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:0 0 16px;
padding:16px 18px}section p{margin:2px 0 10px;font-size:13px}svg{width:100%;height:auto}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}svg .said{fill:var(--ink)}
.grid{stroke:var(--line)}polyline{fill:none;stroke-width:2}.quiet.middle{stroke:var(--quiet);
stroke-dasharray:5 4}.fed.middle{stroke:var(--fed)}.named{stroke:var(--named);stroke-width:2.4}
.quiet.wide,.quiet.narrow{fill:var(--quiet);opacity:.12}.fed.wide,.fed.narrow{fill:var(--fed);
opacity:.14}.heat{fill:var(--heat)}.cause{fill:var(--cause)}.pays{fill:var(--pays)}
.last{fill:var(--last)}.one{stroke:var(--soft);stroke-dasharray:2 4;stroke-width:1}
.mark{stroke:var(--soft);stroke-dasharray:3 3}.key{display:inline-block;width:12px;height:12px;
border-radius:3px;margin:0 5px 0 12px;vertical-align:-1px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;
margin:16px 0}.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:12px 14px}.tile b{display:block;font:600 22px/1.3 Georgia,serif}
.tile span{color:var(--soft);font-size:13px}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:13px;width:100%}
th,td{padding:5px 8px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}td{font-variant-numeric:tabular-nums}
th{color:var(--soft);font-weight:500}
"""

Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def page(result: Stress, title: str, lede: str, tables: dict[str, Table], notes: list[str]) -> str:
    """Return the page; the tables are those that the caller printed, by the section they are in."""
    fed = '<span class="key" style="background:var(--fed)"></span>with feedback'
    quiet = '<span class="key" style="background:var(--quiet)"></span>without'
    named = '<span class="key" style="background:var(--named)"></span>the named shock'
    runs, fund = f"{result.asked.runs:,} runs", charts.amount(result.fund)
    sections = [
        ("How far the price goes", f"Median, middle half and 90 % of {runs}, over the "
         f"fall; without feedback it is the shock alone.{fed}{quiet}{named}",
         charts.fan(result), ""),
        ("What the law of impact decides", "The same shock and measured depth under each law. "
         "Without impact is the counterfactual: what it shows is no feedback, however clustered.",
         "", "laws"),
        ("Where it bites", "Forced notional of the named fall, by liquidation price and time.",
         charts.liquidation_map(result), ""),
        ("Who bears it", "What closed accounts lost, by its cause; then who bears it: the "
         "accounts, the fund, winners that are deleveraged, everybody.",
         charts.waterfall(result.losses), ""),
        ("What could come", f"Quantiles over {runs}.", "", "risk"),
        ("The fund", f"What is left of {fund}, by the share of runs that leave less."
         f"{fed}{quiet}", charts.fund(result), ""),
        ("How it feeds itself", "R0, what the next bit of fall forces times what that does to the "
         "price. Above 1 a fall that has come there goes on by itself. First by how far the price "
         "has come, then by time.", charts.gain(result) + charts.gain_over_time(result), ""),
        ("What moves the price most", "Final price at both ends of each range, one at a time.",
         charts.tornado(result.swings, "final", float(result.fallen.final[0])), "swings"),
        ("What moves the bad debt most", "The same for what nobody has paid.",
         charts.tornado(result.swings, "bad_debt", float(result.fallen.bad_debt[0])), ""),
        ("Who adds most", "By how much farther the price goes because this account is closed too.",
         "", "worst"),
        ("Ladders", "Accounts closed and notional forced in a coin if it alone moves.",
         "", "ladders"),
        ("Other coins", "What the named fall sells there, and what that alone does to the price; "
         "accounts that hold both are judged at both.",
         "", "elsewhere"),
    ]  # fmt: skip
    body = "".join(
        _section(head, words, picture, tables.get(key))
        for head, words, picture, key in sections
        if picture or key in tables
    )
    told = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f'<h1>{escape(title)}</h1><p class="lede">{escape(lede)}</p>{_tiles(result)}{body}{told}'
        "</main></body></html>\n"
    )


def _tiles(result: Stress) -> str:
    fallen, risk = result.fallen, result.risk
    sure = f"{result.asked.confidence:.0%}"
    tiles = [
        (f"{float(fallen.final[0]) / result.found.price - 1.0:+.1%}", "whole move"),
        (f"{int(fallen.accounts[0]):,}", f"of {result.found.equity.size:,} accounts touched"),
        (charts.amount(float(fallen.notional[0])), "forced notional"),
        (charts.amount(float(fallen.bad_debt[0])), "bad debt"),
        (charts.amount(risk.value), f"bad debt, VaR at {sure}"),
        (f"{risk.emptied:.1%}", "of runs empty the fund"),
    ]
    cells = "".join(
        f'<div class="tile"><b>{value}</b><span>{said}</span></div>' for value, said in tiles
    )
    return f'<div class="tiles">{cells}</div>'


def _section(head: str, words: str, picture: str, table: Table | None) -> str:
    """Words come from here, tables from outside."""
    rows = "" if table is None else _table(*table)
    return f"<section><h2>{head}</h2><p>{words}</p>{picture}{rows}</section>"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )
