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
from seawall.liquidation.fee import liquidation_fee
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
from seawall.liquidation.plan import Close, Exit, Order, Plan, PlanError, plan, proceeds
from seawall.liquidation.waterfall import Cover, cover

__all__ = [
    "NO_PRICE",
    "POLICIES",
    "SCORE_ONE",
    "BankruptcyError",
    "Candidate",
    "Close",
    "Cover",
    "Deleveraging",
    "Drawn",
    "Exit",
    "Fund",
    "Gain",
    "Holding",
    "Order",
    "Overshoot",
    "Plan",
    "PlanError",
    "Policy",
    "Redistributed",
    "SharedLoss",
    "Take",
    "allocate",
    "bankruptcy_price",
    "bankruptcy_value",
    "cover",
    "deleverage",
    "draw",
    "liquidation_fee",
    "per_contract",
    "per_deposit",
    "plan",
    "proceeds",
    "rank",
    "redistribute",
    "replenish",
    "score",
    "share_pro_rata",
    "withdrawal_haircut",
]
