"""History run again: what real crashes say of impact, and whether a world looks like one."""

from seawall.simulation.history.calibration import Calibration, Fit, calibrate
from seawall.simulation.history.fact_telling import (
    fact_sentences,
    fact_table,
    facts_page,
    feedback_table,
    law_table,
)
from seawall.simulation.history.facts import Facts, hold, read_facts
from seawall.simulation.history.files import book_toml, depth_toml
from seawall.simulation.history.page import calibration_page
from seawall.simulation.history.tape import HistoryError, Tape, read_tape
from seawall.simulation.history.telling import sentences, tables

__all__ = [
    "Calibration",
    "Facts",
    "Fit",
    "HistoryError",
    "Tape",
    "book_toml",
    "calibrate",
    "calibration_page",
    "depth_toml",
    "fact_sentences",
    "fact_table",
    "facts_page",
    "feedback_table",
    "hold",
    "law_table",
    "read_facts",
    "read_tape",
    "sentences",
    "tables",
]
