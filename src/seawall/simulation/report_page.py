"""The words of the report page: tiles, tables, cards and proofs, escaped, without a chart.

Knows the recording and HTML. Every name that came from outside goes through `escape`.
"""

from __future__ import annotations

import datetime
from html import escape

from seawall.money import format_atoms
from seawall.simulation.recording import LiquidationPoint, Recording, WorstAccount
from seawall.simulation.report_series import coin_of

SCALES = ((12, "T"), (9, "B"), (6, "M"), (3, "k"))
LARGEST_SHOWN = 12


def short(atoms: int, decimals: int) -> str:
    """Say an amount in three digits or so, rounded towards zero; the exact one stands beside it.

    >>> short(123_456_789_000_000_000, 10), short(-50_000_000_000, 10)
    ('12.34 M', '−5')
    """
    sign, size = ("−" if atoms < 0 else ""), abs(atoms)
    for power, letter in SCALES:
        unit = 10 ** (decimals + power)
        if size >= unit:
            return f"{sign}{_cut(size, unit)} {letter}"
    return sign + _cut(size, 10**decimals)


def _cut(size: int, unit: int) -> str:
    whole = size // unit
    digits = 2 if whole < 100 else 1 if whole < 1_000 else 0
    part = size * 10**digits // unit % 10**digits
    return f"{whole}.{part:0{digits}d}".rstrip("0").rstrip(".") if part else str(whole)


def money(atoms: int, recording: Recording, places: int = 2) -> str:
    """Write an amount with grouped thousands, cut to `places`; whole where it is round.

    The cut goes towards zero; the exact amount is in the page's data and in events.parquet.
    """
    sign, size = ("−" if atoms < 0 else ""), abs(atoms)
    whole, part = divmod(size, 10**recording.decimals)
    cents = part * 10**places // 10**recording.decimals
    return f"{sign}{whole:,}.{cents:0{places}d} {escape(recording.numeraire)}"


def moment(time_ms: int) -> str:
    """Say a time in UTC, to the second."""
    when = datetime.datetime.fromtimestamp(time_ms / 1_000, datetime.UTC)
    return when.strftime("%-d %b %Y, %H:%M:%S UTC")


def period(recording: Recording) -> str:
    """Say from when to when, on which book, under which rules."""
    accounts = f"{recording.summary.accounts:,} accounts"
    rulebook = f" · rulebook {escape(recording.rulebook)}" if recording.rulebook else ""
    if not recording.time_ms:
        return f"{accounts}{rulebook} · no tick recorded"
    times = f"{moment(recording.time_ms[0])} to {moment(recording.time_ms[-1])}"
    return f"{times} · {recording.summary.ticks:,} ticks · {accounts}{rulebook}"


def lede(recording: Recording) -> str:
    """Tell the run in two or three sentences."""
    summary = recording.summary
    moves = [_move(coin, values) for coin, values in recording.prices.items() if len(values) > 1]
    fills = summary.liquidations_partial + summary.liquidations_full
    words = [f"{', '.join(moves)}." if moves else ""]
    if summary.calls or fills:
        words.append(
            f"<b>{summary.calls:,}</b> margin {_plural('call', summary.calls)} led to "
            f"<b>{fills:,}</b> {_plural('liquidation', fills)} of "
            f"<b>{short(summary.notional, recording.decimals)} {escape(recording.numeraire)}</b>."
        )
    else:
        words.append("No account was called and nothing was taken.")
    if summary.bad_debt:
        paid = short(summary.bad_debt, recording.decimals)
        words.append(
            f"{summary.bankrupt:,} {_plural('account', summary.bankrupt)} could not pay "
            f"{paid} {escape(recording.numeraire)}; {_who_paid(recording)}."
        )
    elif fills:
        words.append("Nobody had to pay for another account.")
    return " ".join(word for word in words if word)


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _who_paid(recording: Recording) -> str:
    summary = recording.summary
    payers = ["the insurance fund" if summary.fund_low >= 0 else "the fund"]
    if summary.deleveraged_count:
        payers.append("profitable counterparties (auto-deleveraging)")
    if summary.shared_loss:
        payers.append("all who had gained (shared loss)")
    return " and ".join(payers) + " covered it"


def _move(coin: str, values: list[int]) -> str:
    """Say how far a price fell from its start to its low, or that it rose."""
    start, low, end = values[0], min(values), values[-1]
    if not start:
        return escape(coin)
    fall = 1_000 * (start - low) // start
    if fall >= 10:
        return f"{escape(coin)} fell {fall / 10:.1f} % to its low"
    change = 1_000 * (end - start) // start
    return f"{escape(coin)} ended {change / 10:+.1f} %"


def tiles(recording: Recording) -> str:
    """Return the summary tiles."""
    summary = recording.summary
    zero = "every asset sums to zero" if summary.zero_sum else "an asset does not sum to zero"
    fund_change = summary.fund_end - summary.fund_start
    mark = "+" if fund_change > 0 else ""
    change = f"{mark}{short(fund_change, recording.decimals)} over the run"
    cells = [
        _tile("Accounts", f"{summary.accounts:,}", f"{summary.warned:,} warned"),
        _tile("Margin calls", f"{summary.calls:,}", f"{summary.bankrupt:,} bankrupt"),
        _tile(
            "Liquidations",
            f"{summary.liquidations_partial + summary.liquidations_full:,}",
            f"{summary.liquidations_partial:,} partial, {summary.liquidations_full:,} full",
        ),
        _amount_tile("Notional taken", summary.notional, recording, "over all fills"),
        _amount_tile("Fees to the fund", summary.fees, recording, "from liquidations"),
        _amount_tile("Insurance fund, low", summary.fund_low, recording, change),
        _amount_tile(
            "Bad debt",
            summary.bad_debt,
            recording,
            f"{short(summary.shared_loss, recording.decimals)} shared",
            "bad" if summary.bad_debt else "good",
        ),
        _amount_tile(
            "Deleveraged",
            summary.deleveraged_notional,
            recording,
            f"{summary.deleveraged_count:,} counterparties; {zero}",
        ),
    ]
    return "\n".join(cells)


def _tile(
    label: str, value: str, note: str, tone: str = "", unit: str = "", title: str = ""
) -> str:
    extra = f'<span class="unit">{escape(unit)}</span>' if unit else ""
    hint = f' title="{escape(title)}"' if title else ""
    return (
        f'<div class="tile {tone}"><p class="label">{escape(label)}</p>'
        f'<p class="value"{hint}>{escape(value)}{extra}</p><p class="note">{escape(note)}</p></div>'
    )


def _amount_tile(label: str, atoms: int, recording: Recording, note: str, tone: str = "") -> str:
    exact = f"{format_atoms(atoms, recording.decimals)} {recording.numeraire}"
    value = short(atoms, recording.decimals)
    return _tile(label, value, note, tone, recording.numeraire, exact)


def largest(recording: Recording) -> str:
    """Return the table of the largest single liquidations; the charts in words."""
    points = sorted(recording.liquidations, key=lambda point: (-point.notional, point.time_ms))
    if not points:
        return ""
    rows = "\n".join(_row(point, recording) for point in points[:LARGEST_SHOWN])
    shown = min(LARGEST_SHOWN, len(points))
    return (
        '<section aria-labelledby="largest-title"><div class="section-head">'
        f'<h2 id="largest-title">The largest liquidations</h2><p>{shown} of {len(points):,} '
        f"{_plural('fill', len(points))}; all of them are in events.parquet.</p></div>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Largest liquidations"><table>'
        '<thead><tr><th scope="col">Time</th><th scope="col">Account</th>'
        '<th scope="col">Instrument</th><th scope="col">Position</th>'
        '<th scope="col" class="number">Lots</th><th scope="col" class="number">Price</th>'
        '<th scope="col" class="number">Notional</th><th scope="col">Result</th></tr></thead>'
        f"<tbody>\n{rows}\n</tbody></table></div></section>"
    )


def _row(point: LiquidationPoint, recording: Recording) -> str:
    result = "closed" if point.full else "reduced"
    return (
        f"<tr><td>{moment(point.time_ms)}</td><td>{escape(point.account)}</td>"
        f"<td>{escape(point.instrument)}</td>"
        f'<td class="{point.side}">{"●" if point.side == "long" else "◆"} {point.side}</td>'
        f'<td class="number">{point.lots:,}</td>'
        f'<td class="number">{money(point.price, recording)}</td>'
        f'<td class="number">{money(point.notional, recording)}</td><td>{result}</td></tr>'
    )


def worst_title(recording: Recording) -> str:
    """Say how many accounts are told."""
    count = len(recording.worst)
    return f"The {count} accounts that lost most" if count > 1 else "The account that lost most"


def worst(recording: Recording) -> str:
    """Return one card for each of the worst accounts, each step with its reason."""
    if not recording.worst:
        return '<p class="empty">No account was called in this run.</p>'
    cards = [_card(rank, account, recording) for rank, account in enumerate(recording.worst, 1)]
    return f'<div class="cards">\n{"".join(cards)}</div>'


def _card(rank: int, account: WorstAccount, recording: Recording) -> str:
    note = [f"margin method {escape(account.method)}"]
    if account.lost:
        note.append(f"lost {money(account.lost, recording)}")
    if account.unpaid:
        note.append(f"{money(account.unpaid, recording)} paid by others")
    steps = "\n".join(
        f'<li class="{escape(step.effect)}"><time datetime="{_iso(step.time_ms)}">'
        f"{moment(step.time_ms)} · event {step.sequence:,}</time>{escape(step.text)}</li>"
        for step in account.steps
    )
    name = escape(account.name)
    return (
        f'<article class="card" aria-label="{name}"><header><span class="rank" aria-hidden="true">'
        f'{rank}</span><h3>{name}</h3><p class="note">{" · ".join(note)}</p></header>'
        f'<ol class="steps" tabindex="0" aria-label="Steps of {name}">\n{steps}\n</ol></article>\n'
    )


def _iso(time_ms: int) -> str:
    return datetime.datetime.fromtimestamp(time_ms / 1_000, datetime.UTC).isoformat()


def proof(recording: Recording) -> str:
    """Return the hashes, the seed and what each of them proves."""
    summary = recording.summary
    verdict = "Every asset sums to zero" if summary.zero_sum else "An asset does not sum to zero"
    counted = f"{summary.assets:,} assets, {summary.accounts:,} accounts"
    facts = [
        (
            "State hash",
            _code(recording.state_hash),
            "SHA-256 over every balance and account state "
            "at the end. The same journal gives the same hash on any machine.",
        ),
        (
            "Rulebook",
            _code(recording.fingerprint),
            "Fingerprint of the rules that held at the end.",
        ),
        (
            "Scenario",
            escape(recording.scenario),
            f"Seed {recording.seed}: the book and the street's "
            "answers are a function of the seed, so another run draws the same ones.",
        ),
        (
            "Zero sum",
            f"{verdict}: {counted}.",
            "A contract is an asset like any other: what one "
            "account gains another loses, to the last atom.",
        ),
        (
            "Events",
            f"{summary.events:,} in, {sum(recording.counts.values()):,} effects out",
            ", ".join(
                f"{escape(tag)} {count:,}" for tag, count in sorted(recording.counts.items())
            ),
        ),
    ]
    if recording.chain:
        facts.insert(
            1,
            (
                "Chain",
                _code(recording.chain),
                "SHA-256 linked over each event and its effects: one altered event changes it.",
            ),
        )
    if recording.sources:
        facts.append(("Data", "<br>".join(escape(source) for source in recording.sources), ""))
    rows = "\n".join(
        f"<div><dt>{name}</dt><dd>{value}{f'<p>{note}</p>' if note else ''}</dd></div>"
        for name, value, note in facts
    )
    return f'<dl class="facts">\n{rows}\n</dl>'


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def coins_without_price(recording: Recording) -> list[str]:
    """Return the coins that were liquidated but have no price series to draw them on."""
    return sorted({coin_of(point) for point in recording.liquidations} - set(recording.prices))
