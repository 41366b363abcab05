"""The recorder: listens to a run and leaves the `Recording` that a report is drawn from.

Reads effects and the engine's public state; changes nothing, so a run with a recorder has the same
hashes as one without.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from seawall.engine import Engine
from seawall.engine.effect import (
    AuctionEnded,
    AuctionStarted,
    AuctionTurned,
    Called,
    CallReduced,
    CallWithdrawn,
    Deleveraged,
    Effects,
    ExitFilled,
    FundPaid,
    Liquidated,
    LossShared,
    NotTaken,
    Redistributed,
    ShareSold,
    State,
    StateChanged,
    TakenOver,
    Transition,
    Uncovered,
    WaterfallDone,
)
from seawall.engine.event import Event, Priced
from seawall.money import RATIO_ONE
from seawall.simulation import concentration
from seawall.simulation.recording import (
    LiquidationPoint,
    Recording,
    Step,
    Summary,
    WorstAccount,
)
from seawall.simulation.scenario import Scenario
from seawall.simulation.telling import steps_of

RATIO_EDGES = (0, 250, 500, 750, 900, 1000, 1100, 1250, 1500, 2000, 3000, 5000, 10000, 20000, 50000)
WORST = 10  # Accounts that are told step by step.
TOLD = frozenset(
    (
        StateChanged,
        Called,
        CallReduced,
        CallWithdrawn,
        NotTaken,
        Liquidated,
        ExitFilled,
        ShareSold,
        AuctionStarted,
        AuctionTurned,
        AuctionEnded,
        FundPaid,
        LossShared,
        Deleveraged,
        TakenOver,
        Redistributed,
        WaterfallDone,
        Uncovered,
    )
)  # Effects on one account.
Listener = Callable[[Event, Sequence[Effects], Engine], None]  # Told of every event, once.


class Recorder:
    """What happened so far, in the order in which it happened."""

    def __init__(self, scenario: Scenario, listener: Listener | None = None) -> None:
        self.scenario = scenario
        self.listener = listener
        self.time_ms: list[int] = []
        self.prices: dict[str, list[int]] = {name: [] for name in scenario.path.coins}
        self.fund: list[int] = []
        self.calls: list[int] = []
        self.ratio_time_ms: list[int] = []
        self.ratio_counts: list[list[int]] = []
        self.points: list[LiquidationPoint] = []
        self.counts: Counter[type[Effects]] = Counter()
        self.told: defaultdict[int, list[tuple[int, int, Effects]]] = defaultdict(list)
        self.unpaid: Counter[int] = Counter()
        self.fund_start = 0

    def observe(self, event: Event, effects: Sequence[Effects], engine: Engine) -> None:
        """Take note of one event and what it did."""
        if isinstance(event, Priced) and event.price:
            self._new_tick(engine)
        for effect in effects:
            kind = type(effect)
            self.counts[kind] += 1
            if kind in TOLD:
                self._tell(event.time_ms, engine, effect)
        if self.listener is not None:
            self.listener(event, effects, engine)

    def close_tick(self, engine: Engine, number: int) -> None:
        """Take note of what is so at the end of a tick."""
        fund = engine.insurance_fund()
        if not self.fund:
            self.fund_start = fund
        self.fund.append(fund)
        if number % self.scenario.record.histogram_ticks == 0:
            self._sample(engine)

    def recording(self, engine: Engine, seconds: float) -> Recording:
        """Everything that was heard, for the report."""
        rulebook = engine.rulebook
        return Recording(
            scenario=self.scenario.name,
            seed=self.scenario.seed,
            fingerprint=engine.fingerprint,
            state_hash=engine.state_hash(),
            chain=engine.chain.hex(),
            rulebook=f"{rulebook.name} {rulebook.version}",
            numeraire=engine.catalogue.numeraire.id,
            decimals=engine.catalogue.numeraire.decimals,
            time_ms=self.time_ms,
            prices=self.prices,
            fund=self.fund,
            calls=self.calls,
            ratio_edges=[edge * RATIO_ONE // 1000 for edge in RATIO_EDGES],
            ratio_time_ms=self.ratio_time_ms,
            ratio_counts=self.ratio_counts,
            liquidations=self.points,
            counts={tag(kind): number for kind, number in self.counts.items()},
            worst=[self._worst(engine, account) for account in self._worst_accounts()],
            summary=self.summary(engine, seconds),
            sources=self.scenario.sources,
        )

    def summary(self, engine: Engine, seconds: float) -> Summary:
        """The run in one row."""
        told = [row[2] for rows in self.told.values() for row in rows]
        changes = Counter(one.after for one in told if isinstance(one, StateChanged))
        breaches = sum(map(_is_breach, told))  # A call that is told again is no other call.
        taken = [one for one in told if isinstance(one, Deleveraged)]
        is_margined = (engine.venue.method >= 0).tolist()
        names = [name for name, counts in zip(engine.names, is_margined, strict=True) if counts]
        retail = sum(name.startswith(("isolated", "cross")) for name in names)
        return Summary(
            ticks=len(self.time_ms),
            events=engine.sequence,
            accounts=len(names),
            calls=breaches,
            warned=changes[State.WARNED],
            liquidations_partial=sum(not point.full for point in self.points),
            liquidations_full=sum(point.full for point in self.points),
            notional=sum(point.notional for point in self.points),
            fees=sum(one.fee for one in told if isinstance(one, Liquidated | ExitFilled)),
            bad_debt=self.unpaid.total(),
            fund_start=self.fund_start,
            fund_low=min(self.fund, default=0),
            fund_end=self.fund[-1] if self.fund else 0,
            deleveraged_notional=sum(one.notional for one in taken),
            deleveraged_count=len(taken),
            shared_loss=sum(one.atoms for one in told if isinstance(one, LossShared)),
            bankrupt=changes[State.BANKRUPT],
            seconds=seconds,
            assets=len(engine.catalogue.assets),
            zero_sum=_sums_to_zero(engine),
            retail=retail,
            institutional=len(names) - retail,
            **concentration.measured(self.points),
        )

    def _new_tick(self, engine: Engine) -> None:
        snapshot = engine.snapshot
        self.time_ms.append(snapshot.time_ms)
        for name, series in self.prices.items():
            series.append(snapshot.price[engine.catalogue.coin(name)])
        self.calls.append(0)

    def _tell(self, time_ms: int, engine: Engine, effect: Effects) -> None:
        account: int = effect.account  # type: ignore[union-attr]
        self.told[account].append((time_ms, engine.sequence, effect))
        if _is_breach(effect):
            if self.calls:
                self.calls[-1] += 1
        elif isinstance(effect, Liquidated | ExitFilled):
            terms = engine.catalogue.instruments[effect.instrument]
            self.points.append(
                LiquidationPoint(
                    time_ms,
                    engine.names[account],
                    terms.id,
                    "short" if effect.lots > 0 else "long",
                    effect.notional,
                    abs(effect.lots),
                    effect.price,
                    effect.full,
                    terms.base,
                )
            )
        elif isinstance(effect, FundPaid | LossShared):
            self.unpaid[account] += effect.atoms
        elif isinstance(effect, Uncovered):
            self.unpaid[account] += engine.venue.worth(effect.coin, effect.atoms)

    def _sample(self, engine: Engine) -> None:
        _, requirement = engine.requirement()
        held = requirement.maintenance > 0.0
        ratio = requirement.margin_equity[held] / requirement.maintenance[held]
        edges = np.array(RATIO_EDGES) / 1000
        bucket = np.searchsorted(edges, np.maximum(ratio, 0.0), side="right") - 1
        counts = np.bincount(bucket, minlength=len(edges))
        self.ratio_time_ms.append(engine.time_ms)
        self.ratio_counts.append(counts.tolist())

    def _worst_accounts(self) -> list[int]:
        by_unpaid = [account for account, _ in self.unpaid.most_common(WORST)]
        lost = {account: self._lost(account) for account in self.told}
        rest = sorted(lost, key=lambda account: (-lost[account], account))
        return [*by_unpaid, *(a for a in rest if a not in by_unpaid)][:WORST]

    def _lost(self, account: int) -> int:
        verdicts = [row[2].equity for row in self.told[account] if isinstance(row[2], StateChanged)]
        return max(0, verdicts[0] - verdicts[-1]) if verdicts else 0

    def _worst(self, engine: Engine, account: int) -> WorstAccount:
        method = engine.rulebook.method_names[int(engine.venue.method[account])]
        steps = tuple(
            Step(time_ms, sequence, text, tag(type(effect)))
            for time_ms, sequence, effect, text in steps_of(engine, self.told[account])
        )
        return WorstAccount(
            engine.names[account], method, steps, self._lost(account), self.unpaid[account]
        )


def _is_breach(effect: Effects) -> bool:
    """Whether an account crossed its maintenance margin, so that it was called."""
    return isinstance(effect, StateChanged) and effect.reason is Transition.BREACHED


def tag(kind: type[Effects]) -> str:
    """The name of an effect in journals and tables."""
    return str(kind.__struct_config__.tag)


def _sums_to_zero(engine: Engine) -> bool:
    try:
        engine.check()
    except AssertionError:
        return False
    return True
