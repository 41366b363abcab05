"""The outcome of a sweep in words: the table's cells, and why a set is recommended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

from seawall.simulation.sweep.effects import said
from seawall.simulation.sweep.judged import Recommendation, Row
from seawall.simulation.sweep.spec import Objective, Spec

COST = {
    "average_margin": ("smallest", "average margin", "more", "less"),
    "collateral_utilisation": ("largest", "collateral utilisation", "less", "more"),
}
LOSS = {"bad_debt": "bad debt", "uncovered": "uncovered bad debt"}


def columns(spec: Spec) -> list[str]:
    """Heads of the table."""
    confidence = percent(spec.objective.confidence)
    loss = LOSS[spec.objective.loss]
    return [
        "point",
        *short_names(list(spec.parameters)),
        "average margin",
        "utilisation",
        "forced",
        f"mean {loss}",
        f"ES {confidence} of it",
        "± error",
        "fund left",
        "fund emptied",
    ]


def percent(ratio: Decimal) -> str:
    """A ratio in percent, as short as it goes.

    >>> percent(Decimal("0.950")), percent(Decimal("0.975"))
    ('95 %', '97.5 %')
    """
    return f"{(ratio * 100).normalize():f} %"


def short_names(paths: Sequence[str]) -> list[str]:
    """The last step of each path, as far as that tells them apart.

    >>> short_names(["rules.fee", "book.fee", "book.accounts"])
    ['rules.fee', 'book.fee', 'accounts']
    """
    last = [path.rpartition(".")[2] for path in paths]
    return [name if last.count(name) == 1 else path for name, path in zip(last, paths, strict=True)]


def cells(row: Row) -> list[str]:
    """One row of the table."""
    return [
        str(row.place),
        *(said(value) for value in row.point.values()),
        f"{row.average_margin:.2%}",
        f"{row.collateral_utilisation:.2%}",
        dollars(row.forced_notional),
        dollars(row.mean_loss),
        dollars(row.expected_shortfall),
        dollars(row.shortfall_error),
        dollars(row.fund_left),
        f"{row.fund_emptied:.1%}",
    ]


def dollars(amount: float) -> str:
    """An amount in three digits or so.

    >>> dollars(1_234_567.0), dollars(-999.6), dollars(0.0), dollars(0.25)
    ('1.23 M', '−1000', '0', '0.25')
    """
    if math.isinf(amount):
        return "∞"
    size, sign = abs(amount), "−" if amount < 0 else ""
    for power, letter in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if size >= power:
            unit = 1e3 if letter == "k" else power
            return f"{sign}{_digits(size / unit)} {letter}"
    return f"{sign}{_digits(size)}"


def _digits(size: float) -> str:
    places = 0 if size >= 100 else 1 if size >= 10 else 2
    text = f"{size:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def values(row: Row) -> str:
    """The parameters of a point."""
    return ", ".join(f"{path} = {said(value)}" for path, value in row.point.items())


def reasons(found: Recommendation, spec: Spec) -> list[str]:
    """Sentences that say what is recommended and why, and how far the next ones are."""
    wanted = spec.objective
    if found.chosen is None:
        return [*_none_inside(found, wanted)]
    chosen = found.chosen
    best, cost, more, less = COST[wanted.cost]
    told = [
        f"Recommended: point {chosen.place}, {values(chosen)}.",
        f"It has the {best} {cost}, {_share(chosen, wanted)}, of all points whose expected "
        f"shortfall of {LOSS[wanted.loss]} at {percent(wanted.confidence)} is within "
        f"{dollars(float(wanted.limit))}: its own is {dollars(chosen.expected_shortfall)} "
        f"± {dollars(chosen.shortfall_error)} over {spec.runs:,} runs.",
    ]
    if not chosen.largest_loss:
        told.append(
            f"None of its {spec.runs:,} runs lost anything, which bounds the chance of a loss at "
            f"{3 / spec.runs:.1%} (rule of three, 95 %)."
        )
    if not found.is_sure:
        told.append(
            "The limit is less than two standard errors away from that: with other luck it might "
            "fail. Run it more often, or take the next one."
        )
    told += _ties(found.ties)
    if found.next_best is not None:
        told.append(
            f"Next best: point {found.next_best.place}, {values(found.next_best)}: "
            f"{_gap(found.next_best, chosen, wanted)} {more} {cost}, expected shortfall "
            f"{dollars(found.next_best.expected_shortfall)}."
        )
    else:
        told.append("No other cost is within the limit.")
    if found.refused is not None:
        over = found.refused.expected_shortfall - float(wanted.limit)
        told.append(
            f"Of the points with a better {cost}, point {found.refused.place} "
            f"({values(found.refused)}) comes nearest: {_gap(found.refused, chosen, wanted)} "
            f"{less}, but its expected shortfall is {dollars(over)} above the limit."
        )
    return told


def law_columns(spec: Spec) -> list[str]:
    """Heads of the table of laws."""
    loss = LOSS[spec.objective.loss]
    tail = f"ES {percent(spec.objective.confidence)} of it"
    return ["law of impact", "forced", f"mean {loss}", tail, "± error", "fund emptied", "limit"]


def law_cells(chosen: Row, laws: Mapping[str, Row], wanted: Objective) -> list[list[str]]:
    """The recommended set, else the nearest, as it is and under other laws, by the same draws."""
    return [
        [
            name,
            dollars(row.forced_notional),
            dollars(row.mean_loss),
            dollars(row.expected_shortfall),
            dollars(row.shortfall_error),
            f"{row.fund_emptied:.1%}",
            "within" if row.expected_shortfall <= float(wanted.limit) else "over",
        ]
        for name, row in {"as it is": chosen, **laws}.items()
    ]


LAWS_SAID = (
    "The same set, people and shocks under other laws of impact. All go through one measured "
    "point; what they disagree about is not known."
)


def _none_inside(found: Recommendation, wanted: Objective) -> Sequence[str]:
    over = found.nearest.expected_shortfall - float(wanted.limit)
    return (
        f"No point is within the limit of {dollars(float(wanted.limit))}, so none is recommended.",
        f"The nearest is point {found.nearest.place}, {values(found.nearest)}: its expected "
        f"shortfall of {dollars(found.nearest.expected_shortfall)} "
        f"± {dollars(found.nearest.shortfall_error)} is {dollars(over)} too much.",
    )


def _ties(ties: Sequence[Row]) -> list[str]:
    if not ties:
        return []
    named = "; ".join(
        f"point {one.place} ({values(one)}, expected shortfall {dollars(one.expected_shortfall)})"
        for one in ties[:5]
    )
    more = f"; and {len(ties) - 5} more" if len(ties) > 5 else ""
    return [f"The same cost, to the last bit, but no smaller shortfall: {named}{more}."]


def _share(row: Row, wanted: Objective) -> str:
    return f"{getattr(row, wanted.cost):.2%}"


def _gap(row: Row, chosen: Row, wanted: Objective) -> str:
    gap = abs(row.cost(wanted) - chosen.cost(wanted))
    return f"{gap * 100:.2g} points"
