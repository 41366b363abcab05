"""What is taken, in which order, when an account holds too little. Pure plans, exact amounts."""

from seawall.liquidation.allocation import POLICIES, Policy, allocate
from seawall.liquidation.bankruptcy import (
    NO_PRICE,
    BankruptcyError,
    bankruptcy_price,
    bankruptcy_value,
)
from seawall.liquidation.deleveraging import (
    SCORE_ONE,
    Candidate,
    Deleveraging,
    Take,
    deleverage,
    rank,
    score,
)
from seawall.liquidation.fee import liquidation_fee, split_fee
from seawall.liquidation.funds import Drawn, Fund, draw, replenish
from seawall.liquidation.haircuts import (
    Holding,
    Redistributed,
    per_contract,
    per_deposit,
    redistribute,
    withdrawal_haircut,
)
from seawall.liquidation.loss_sharing import Gain, SharedLoss, share_pro_rata
from seawall.liquidation.overshoot import Overshoot
from seawall.liquidation.plan import Close, Exit, Order, Plan, PlanError, outcome, plan, proceeds
from seawall.liquidation.price import PRICES, AtBankruptcy, AtOracle, Fillable, fillable_price
from seawall.liquidation.size import (
    SIZES,
    ByBracket,
    CloseFactor,
    Full,
    Least,
    Multiples,
    Ramp,
    capped,
    shared,
    step,
    without_dust,
)
from seawall.liquidation.waterfall import Cover, cover

__all__ = [
    "NO_PRICE",
    "POLICIES",
    "PRICES",
    "SCORE_ONE",
    "SIZES",
    "AtBankruptcy",
    "AtOracle",
    "BankruptcyError",
    "ByBracket",
    "Candidate",
    "Close",
    "CloseFactor",
    "Cover",
    "Deleveraging",
    "Drawn",
    "Exit",
    "Fillable",
    "Full",
    "Fund",
    "Gain",
    "Holding",
    "Least",
    "Multiples",
    "Order",
    "Overshoot",
    "Plan",
    "PlanError",
    "Policy",
    "Ramp",
    "Redistributed",
    "SharedLoss",
    "Take",
    "allocate",
    "bankruptcy_price",
    "bankruptcy_value",
    "capped",
    "cover",
    "deleverage",
    "draw",
    "fillable_price",
    "liquidation_fee",
    "outcome",
    "per_contract",
    "per_deposit",
    "plan",
    "proceeds",
    "rank",
    "redistribute",
    "replenish",
    "score",
    "share_pro_rata",
    "shared",
    "split_fee",
    "step",
    "withdrawal_haircut",
    "without_dust",
]
