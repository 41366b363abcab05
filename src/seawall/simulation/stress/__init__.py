"""How far a shock would spread through a book, how sure that is, and what matters most."""

from seawall.simulation.stress.book import StressBook, book_of_account, book_of_frame
from seawall.simulation.stress.closing import Closings, Line, closings, ladder_of, steps_of
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
from seawall.simulation.stress.fall import Fall, Fallen, Steps, fall
from seawall.simulation.stress.losses import Losses
from seawall.simulation.stress.stress import Asked, Risk, Stress, stress
from seawall.simulation.stress.tornado import Swing

__all__ = [
    "LAW_NAMES",
    "Asked",
    "Closings",
    "CoinDepth",
    "DepthFile",
    "Draws",
    "Fall",
    "Fallen",
    "Level",
    "Line",
    "Losses",
    "Risk",
    "Spread",
    "Steps",
    "Stress",
    "StressBook",
    "StressError",
    "Swing",
    "book_of_account",
    "book_of_frame",
    "closings",
    "drawn",
    "fall",
    "ladder_of",
    "law_of",
    "laws_of",
    "read_depth_file",
    "steps_of",
    "stress",
]
