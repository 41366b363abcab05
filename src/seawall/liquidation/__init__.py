"""What is taken, in which order, when an account holds too little. Pure plans, exact amounts."""

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
from seawall.liquidation.loss_sharing import Gain, SharedLoss, share_pro_rata
from seawall.liquidation.plan import Close, Exit, Order, Plan, PlanError, plan, proceeds
from seawall.liquidation.waterfall import Cover, cover

__all__ = [
    "NO_PRICE",
    "SCORE_ONE",
    "BankruptcyError",
    "Candidate",
    "Close",
    "Cover",
    "Deleveraging",
    "Exit",
    "Gain",
    "Order",
    "Plan",
    "PlanError",
    "SharedLoss",
    "Take",
    "bankruptcy_price",
    "bankruptcy_value",
    "cover",
    "deleverage",
    "liquidation_fee",
    "plan",
    "proceeds",
    "rank",
    "score",
    "share_pro_rata",
]
