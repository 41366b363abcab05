"""Two places to keep a journal: a SQLite file, and a PostgreSQL server of our own."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
collect_ignore = ["kill_rounds.py"]  # A program of its own, not a module with doctests.


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address at which no journal is yet."""
    if request.param == "sqlite":
        return str(tmp_path / "venue.db")
    return request.getfixturevalue("postgresql_schema")


@pytest.fixture(scope="session")
def counter_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("journal_counter", HERE / "counter.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def Counter(counter_module: ModuleType) -> Callable[[], object]:
    return counter_module.Counter
