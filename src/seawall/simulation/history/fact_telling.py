"""The table "simulated / observed" and its page; knows finished rows and words."""

from __future__ import annotations

import math

import numpy as np

from seawall.pricing import Floats
from seawall.simulation.history.facts import Facts, Row
from seawall.simulation.history.page import sheet
from seawall.simulation.history.telling import Table
from seawall.systemic.hawkes import WARNING

RULES = {
    "quarter": "median within a quarter of the observed",
    "twofold": "median within a factor of two",
    "at_most": "median at most the observed",
}


def fact_table(found: Facts) -> Table:
    """One row for each fact."""
    head = ["fact", "observed", "simulated, median", "5 to 95 %", "verdict", "rule"]
    return head, [_row(one) for one in found.rows]


def feedback_table(found: Facts) -> Table:
    """Amplification and clusters side by side, with impact and without."""
    head = ["closings by the step", "with impact", "impact off"]
    amplified, live, still = found.amplification, found.clusters, found.clusters_still
    return head, [
        ["forced notional ÷ impact off", _spread(amplified), "1.00"],
        ["branching ratio of a fit", _spread(live), _spread(still)],
    ]


def law_table(found: Facts) -> Table:
    """The first seeds under laws that all go through what moves the book by 1 %."""
    seeds = len(next(iter(found.laws.values())).fall)
    head = [f"law, seeds 1 to {seeds}", "forced ÷ impact off", "fall from the start to the low"]
    return head, [
        [name, _spread(one.amplification), _spread(one.fall)] for name, one in found.laws.items()
    ]


def fact_sentences(found: Facts) -> list[str]:
    """What a reader must know: the count, what was put in, what clusters do not say."""
    verdicts = [one.verdict for one in found.rows]
    tests = verdicts.count("hit") + verdicts.count("miss")
    told = [
        f"{found.table.name}: {verdicts.count('hit')} of {tests} facts hit over "
        f"{len(found.seeds)} seeds; {verdicts.count('put in')} put in, "
        f"{verdicts.count('not simulated')} not simulated.",
        f"With impact off nothing feeds itself: amplification 1.00, and a fit to the same "
        f"closings still says {_middle(found.clusters_still)} (with impact "
        f"{_middle(found.clusters)}). {WARNING}",
    ]
    told += [f"{one.fact.words}: {one.fact.why}." for one in found.rows if one.fact.why]
    return told


def facts_page(found: Facts) -> str:
    """The page of a table of facts."""
    sources = ["fact", "source"], [[one.fact.words, one.fact.source] for one in found.rows]
    first, *notes = fact_sentences(found)
    sections = [
        ("Simulated and observed", "Each fact by a rule that was set beforehand; what was put "
         "into the world, or fitted, is no test.", "", fact_table(found)),
        ("Feedback, and clusters", WARNING, "", feedback_table(found)),
        ("Under other laws of impact", "All go through one point, what moves the book by 1 %; what "
         "they disagree about is not known.", "", law_table(found)),
        ("Sources", "Of what was observed.", "", sources),
    ]  # fmt: skip
    return sheet(found.table.name, first, sections, notes)


def _row(one: Row) -> list[str]:
    if not one.fact.measure:
        return [one.fact.words, number(one.fact.observed), "", "", one.verdict, ""]
    low, high = one.quantile(0.05), one.quantile(0.95)
    return [
        one.fact.words,
        number(one.fact.observed),
        number(one.median),
        f"{number(low)} to {number(high)}",
        one.verdict,
        "" if one.fact.put_in else RULES[one.fact.rule],
    ]


def number(value: float) -> str:
    """Three digits, or a word where there is none.

    >>> number(0.8391), number(61.7), number(math.nan)
    ('0.839', '61.7', 'none')
    """
    if math.isnan(value):
        return "none"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _middle(column: Floats) -> str:
    return f"{float(np.nanmedian(column)):.2f}"


def _spread(column: Floats) -> str:
    low, middle, high = np.nanquantile(column, (0.05, 0.5, 0.95)).tolist()
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"
