"""Who holds what: balances that only transfers change. Exact integers; no prices."""

from seawall.ledger.dump import DumpError
from seawall.ledger.ledger import REORDER_WINDOW, Ledger
from seawall.ledger.regions import Columns
from seawall.ledger.transfer import Cause, Refusal, Transfer

__all__ = [
    "REORDER_WINDOW",
    "Cause",
    "Columns",
    "DumpError",
    "Ledger",
    "Refusal",
    "Transfer",
]
