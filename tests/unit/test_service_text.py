"""Text to integers and back, and what `seawall serve` says to wrong options."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.cli import main
from seawall.engine import Engine
from seawall.engine.effect import Called, OrderWanted, State, StateChanged
from seawall.engine.event import Listed, Opened, Started
from seawall.engine.history.journal import Journal
from seawall.engine.history.standby import Primary
from seawall.engine.rules.rulebook import read
from seawall.market import Instrument
from seawall.service.app import make_app
from seawall.service.desk import Desk
from seawall.service.guarding.keys import Keys
from seawall.service.guarding.store import Store
from seawall.service.metrics import Metrics
from seawall.service.past import Past
from seawall.service.serve import is_loopback
from seawall.service.words.amounts import asset_text, lots_of, named_marks, quantity_text
from seawall.service.words.problem import Problem
from seawall.service.words.telling import told
from seawall.service.writer import Writer

RULES = Path(__file__).parents[2] / "rules" / "minimal.toml"
ONE = 10**10
LINEAR = Instrument(
    id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC", lot=10**5,
    tick=ONE // 10,
)  # fmt: skip
INVERSE = Instrument(  # A lot is 100 dollars.
    id="BTC/USD:BTC", type="perpetual", base="BTC", quote="USD", settle="BTC", lot=100 * ONE,
    tick=ONE // 10, inverse=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> Engine:
    engine = Engine()
    engine.apply(Started(time_ms=1, rulebook=read(RULES.read_text()).canonical()))
    engine.apply(Listed(time_ms=1, instruments=(LINEAR, INVERSE)))
    engine.apply(Opened(time_ms=1, names=("alice",), methods=("cross",)))
    return engine


def test_a_quantity_is_coins_or_dollars(engine: Engine) -> None:
    catalogue = engine.catalogue
    linear, inverse = (catalogue.instrument(one.id) for one in (LINEAR, INVERSE))
    assert (lots_of(catalogue, linear, "0.25"), lots_of(catalogue, inverse, "-2500")) == (250, -25)
    assert quantity_text(catalogue, linear, -1) == "-0.001"
    assert quantity_text(catalogue, inverse, 3) == "300"
    for number, text in ((linear, "0.0005"), (inverse, "150"), (linear, "1e-30"), (linear, "x")):
        with pytest.raises(Problem) as caught:
            lots_of(catalogue, number, text)
        assert caught.value.code == "bad_amount"
    assert asset_text(catalogue, catalogue.coin("USDC"), 1) == "0.000001"


@given(lots=st.integers(-(10**9), 10**9))
def test_lots_survive_being_written(engine: Engine, lots: int) -> None:
    for number in range(2):
        assert (
            lots_of(engine.catalogue, number, quantity_text(engine.catalogue, number, lots)) == lots
        )


def test_one_contract_under_two_names_is_told_once(engine: Engine) -> None:
    other = "BTC-PERPETUAL"  # Deribit's name of the inverse one.
    assert engine.catalogue.instrument(other) == engine.catalogue.instrument(INVERSE.id)
    with pytest.raises(Problem, match="told twice"):
        named_marks(engine.catalogue, {INVERSE.id: "1", other: "2"})


def test_effects_are_told_with_names_and_text(engine: Engine) -> None:
    effects = [
        OrderWanted(order=1, account=6, instrument=0, lots=-5, limit=51_480 * ONE),
        Called(account=6, amount=320 * ONE, deadline_ms=9, in_coins=((0, 5), (1, 10**8))),
        StateChanged(
            account=6, before=State.HEALTHY, after=State.CALLED, equity=2**62, margin_equity=-1,
            initial=0, maintenance=0,
        ),
    ]  # fmt: skip
    order, called, changed = told(engine.venue, effects)
    assert (order["account"], order["limit"], order["lots"]) == ("alice", "51480", -5)
    assert order["instrument"] in (LINEAR.id, INVERSE.id)
    assert (called["amount"], called["in_coins"]) == ("320", {"USDC": "0.000005", "BTC": "1"})
    assert (changed["before"], changed["after"]) == ("healthy", "called")
    assert (changed["equity"], changed["margin_equity"]) == (
        "461168601.8427387904",
        "-0.0000000001",
    )
    bare = told(None, effects)[2]
    assert (bare["account"], bare["equity"]) == (6, str(2**62))  # Beyond what floats hold.


def test_loopback() -> None:
    said = {h: is_loopback(h) for h in ("127.0.0.1", "127.8.8.8", "::1", "localhost", "0.0.0.0",
                                        "::", "10.0.0.1", "example.com")}  # fmt: skip
    assert [host for host, is_loop in said.items() if is_loop] == [
        "127.0.0.1", "127.8.8.8", "::1", "localhost",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--port", "70000"], 2, "--port: 70000 is no port"),
        (["--rules", "none.toml"], 2, "none.toml"),
        (["--replay", "none.toml"], 2, "none.toml: no such file"),
        (["--store", "sqlite:////none/venue.db"], 3, "/none: the folder is missing"),
        (["--store", "mysql://x/y"], 3, "not in mysql"),
        (["--rules", str(RULES), "--replay", "x"], 2, "a replay brings its own rulebook"),
        (["--host", "203.0.113.1"], 3, "without API keys only loopback is served"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(
    arguments: list[str], code: int, said: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(["serve", *arguments])
    told = capsys.readouterr().err
    assert (caught.value.code, told.count("\n")) == (code, 1)
    assert said in told


def test_the_application_is_made_without_a_warning(tmp_path: Path) -> None:
    where = tmp_path / "venue.db"
    Journal.create(where).close()
    store = Store(f"sqlite:///{where}")
    writer = Writer(lambda: Primary.open(where))
    past = Past(str(where), writer.turns)
    assert make_app(Desk(writer, store, Keys(store), past, Metrics())) is not None
    store.close()
