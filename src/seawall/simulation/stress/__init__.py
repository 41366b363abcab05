"""How far a shock would spread through a book, how sure that is, and what matters most."""

from seawall.simulation.stress.book import StressBook, book_of_account, book_of_frame
from seawall.simulation.stress.closing import Closings, Line, closings, ladder_of
from seawall.simulation.stress.depth import (
    LAW_NAMES,
    CoinDepth,
    DepthFile,
    Level,
    Spread,
    StressError,
    law_of,
    laws_of,
    read_depth_file,
)
from seawall.simulation.stress.draws import Draws, drawn
from seawall.simulation.stress.fall import (
    Books,
    Fall,
    Fallen,
    Ground,
    Traced,
    Trades,
    books_of,
    conserve,
    fall,
    one,
    traced,
)
from seawall.simulation.stress.judging import Columns, Rules, columns_of, rules_of
from seawall.simulation.stress.losses import Losses
from seawall.simulation.stress.stress import Asked, Risk, Stress, stress
from seawall.simulation.stress.tornado import Swing

__all__ = [
    "LAW_NAMES",
    "Asked",
    "Books",
    "Closings",
    "CoinDepth",
    "Columns",
    "DepthFile",
    "Draws",
    "Fall",
    "Fallen",
    "Ground",
    "Level",
    "Line",
    "Losses",
    "Risk",
    "Rules",
    "Spread",
    "Stress",
    "StressBook",
    "StressError",
    "Swing",
    "Traced",
    "Trades",
    "book_of_account",
    "book_of_frame",
    "books_of",
    "closings",
    "columns_of",
    "conserve",
    "drawn",
    "fall",
    "ladder_of",
    "law_of",
    "laws_of",
    "one",
    "read_depth_file",
    "rules_of",
    "stress",
    "traced",
]
