"""Ways out of a position: who takes how many lots, at which price. Pure and exact.

Each exit is a module of its own, since their verbs are the same: `dutch.take`, `by_health.take`.
"""

from seawall.liquidation.exits import (
    batch,
    book,
    by_health,
    dutch,
    english,
    pool,
    quote_request,
    ranges,
    sealed,
    two_phase,
)
from seawall.liquidation.exits.contract import (
    ExitFill,
    ExitResult,
    Refusal,
    RefusedError,
    Side,
)
from seawall.liquidation.exits.rules import (
    EXITS,
    BatchExit,
    ByHealthExit,
    DutchExponentialExit,
    DutchLinearExit,
    DutchStairExit,
    EnglishExit,
    ExitRuleError,
    OrderBookExit,
    PoolExit,
    QuoteRequestExit,
    SealedExit,
    TwoPhaseExit,
)

__all__ = [
    "EXITS",
    "BatchExit",
    "ByHealthExit",
    "DutchExponentialExit",
    "DutchLinearExit",
    "DutchStairExit",
    "EnglishExit",
    "ExitFill",
    "ExitResult",
    "ExitRuleError",
    "OrderBookExit",
    "PoolExit",
    "QuoteRequestExit",
    "Refusal",
    "RefusedError",
    "SealedExit",
    "Side",
    "TwoPhaseExit",
    "batch",
    "book",
    "by_health",
    "dutch",
    "english",
    "pool",
    "quote_request",
    "ranges",
    "sealed",
    "two_phase",
]
