"""`seawall journal correct`, `reconcile` and `shadow` on one small venue with one bad tick."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seawall.cli import main
from seawall.engine.effect import Compensated, OrderWanted, Suspended
from seawall.engine.event import Deposited, Event, Filled, Listed, Opened, Priced, Started, Traded
from seawall.engine.history.journal import Journal
from seawall.engine.history.standby import Primary
from seawall.engine.rules.rulebook import read
from seawall.market import Instrument
from seawall.simulation.telling import sentence

RULES = """
format = 1
name = "hindsight"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
operators = ["ada", "grace"]
margin.isolated = { method = "tiered", brackets.BTC = [
  { above = 0, initial = 0.10, maintenance = 0.05 },
] }
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005 }
"""
ONE = 10**10
START_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC.
ALICE, BOB, FUND = 6, 7, 3
PERPETUAL = Instrument(
    id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC", lot=10**5,
    tick=ONE // 10,
)  # fmt: skip
SIGNED = ("--apply", "--operator", "ada", "--operator", "grace")


class Ran:
    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        with pytest.raises(SystemExit) as stopped:
            main(["journal", *map(str, arguments)])
        self.code = stopped.value.code
        said = capsys.readouterr()
        self.out, self.error = said.out, said.err

    @property
    def json(self) -> dict:
        return json.loads(self.out)


def priced(price: int, time_ms: int) -> Priced:
    atoms = price * ONE
    return Priced(
        time_ms=time_ms, price=((0, ONE), (1, atoms)), mark=((0, atoms),),
        depth=((0, 10_000, 10_000),),
    )  # fmt: skip


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """Event 8 is a bad tick of 52,000, 9 the fill of what it took, 10 the right price again.

    The numbers are those of tests/worked/test_correction_worked.py: 610.2435 dollars are lost.
    """
    file = tmp_path / "venue.db"
    events: list[Event] = [
        Started(time_ms=START_MS, rulebook=read(RULES).canonical()),
        Listed(time_ms=START_MS, instruments=(PERPETUAL,)),
        Opened(time_ms=START_MS, names=("alice", "bob"), methods=("isolated", "isolated")),
        priced(60_000, START_MS),
        Deposited(time_ms=START_MS, account=ALICE, coin=0, atoms=1_000 * 10**6),
        Deposited(time_ms=START_MS, account=BOB, coin=0, atoms=100_000 * 10**6),
        Traded(time_ms=START_MS, instrument=0, buyer=ALICE, seller=BOB, lots=100,
               price=60_000 * ONE),
    ]  # fmt: skip
    Journal.create(file).close()
    with Primary.open(file, checkpoint_events=3) as primary:
        for event in events:
            assert not primary.submit(event).effects
        effects = primary.submit(priced(52_000, START_MS + 60_000)).effects
        wanted = next(one for one in effects if isinstance(one, OrderWanted))
        primary.submit(
            Filled(time_ms=START_MS + 60_000, order=wanted.order, lots=abs(wanted.lots),
                   price=51_900 * ONE)
        )  # fmt: skip
        primary.submit(priced(60_000, START_MS + 120_000))
    return file


RIGHT = ("--price", "BTC=60000", "--price", "BTC/USDC:USDC=60_000")


def test_a_correction_is_a_dry_run_first(where: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = where.read_bytes()
    ran = Ran(capsys, "correct", where, "--window", "8:10", *RIGHT, "--payer", "outside", "--json")
    assert (ran.code, ran.error) == (0, "")
    found = ran.json
    assert [found[key] for key in ("first_sequence", "last_sequence", "event")] == [8, 10, None]
    rows = {row["account"]: row for row in found["accounts"]}
    assert rows["alice"]["lost"] == rows["alice"]["owed"] == "610.2435"
    assert rows["alice"]["wrongly_called"] is rows["alice"]["wrongly_liquidated"] is True
    assert rows["alice"]["liquidated"] == "3788.7"
    assert rows["market"]["lost"] == "-591.3"
    assert found["transfers"] == [{"payer": "outside", "receiver": "alice", "amount": "610.2435"}]
    assert where.read_bytes() == before


def test_a_correction_is_written_as_one_event_and_verifies(
    where: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    window = "2026-01-01T00:01:00Z/2026-01-01T00:01:30Z"
    asked = ("correct", where, "--window", window, *RIGHT, "--payer", "insurance_fund")
    ran = Ran(capsys, *asked, "--payer", "outside", *SIGNED, "--reason", "bad tick")
    assert (ran.code, ran.error) == (0, "")
    assert "events 8 to 9, in hindsight" in ran.out
    assert "paid, as event 11" in ran.out
    verified = Ran(capsys, "verify", where, "--json").json
    assert (verified["ok"], verified["events"]) == (True, 11)
    with Primary.open(where) as primary:
        # 1,000 dollars at the entry price; the fund gave back its fee.
        assert primary.engine.venue.judge(ALICE).equity == 1_000 * ONE
        assert primary.engine.ledger.balance(FUND, 0) == 0
        told = Compensated(
            account=ALICE, payer=FUND, coin=0, atoms=18_943_500, first_sequence=8, last_sequence=9
        )
        assert sentence(primary.engine, told) == (
            "insurance_fund paid 18.9435 USDC for wrong prices in events 8 to 9"
        )
        taken = Suspended(account=ALICE, asset=0, quantity=-9_500_000, since_ms=START_MS)
        assert sentence(primary.engine, taken) == (
            "9.5 USDC taken against suspense, as an outside statement has it"
        )
    again = Ran(capsys, "correct", where, "--window", "9:10", *RIGHT, "--payer", "outside", *SIGNED)
    assert (again.code, "event 11 has corrected 8:9 already" in again.error) == (2, True)


def test_prices_by_tick_and_by_factor_say_the_same(
    where: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ticks = tmp_path / "ticks.csv"
    ticks.write_text("sequence,name,price\n8,BTC,65000\n8,BTC/USDC:USDC,65000\n")
    by_tick = Ran(capsys, "correct", where, "--window", "8:9", "--ticks", ticks, "--json").json
    factor = ("--price", "BTC=x1.25", "--price", "BTC/USDC:USDC=x1.25")
    by_factor = Ran(capsys, "correct", where, "--window", "8:9", *factor, "--json").json
    assert by_tick == by_factor
    for least, owed in (("610.2435", "610.2435"), ("610.2436", "0")):
        asked = ("correct", where, "--window", "8:9", *RIGHT, "--least", least, "--json")
        rows = {row["account"]: row for row in Ran(capsys, *asked).json["accounts"]}
        assert (rows["alice"]["lost"], rows["alice"]["owed"]) == ("610.2435", owed)
    same = ("--price", "BTC=x1")
    told = Ran(capsys, "correct", where, "--window", "8:", *same)
    assert (told.code, "nobody is owed anything" in told.out) == (0, True)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--window", "8:10"), "no price to correct"),
        (("--window", "8:99", *RIGHT), "not inside events 2 to 10"),
        (("--window", "yesterday", *RIGHT), "neither A:B nor FROM/UNTIL"),
        (("--window", "8:10", "--price", "DOGE=1"), "no such coin or contract"),
        (("--window", "8:10", "--price", "BTC=-1"), "not positive"),
        (("--window", "8:10", "--price", "BTC"), "not NAME=PRICE"),
        (("--window", "8:10", *RIGHT, "--least", "one"), "--least"),
        (("--window", "8:10", *RIGHT, "--payer", "mallory"), "no account mallory"),
        (("--window", "8:10", *RIGHT, "--apply", "--operator", "ada"), "two different names"),
        (("--window", "8:10", *RIGHT, *SIGNED), "unpaid: name another payer"),
        (
            ("--window", "8:10", *RIGHT, "--payer", "outside", *SIGNED[:-1], "eve"),
            "refused: two_operators_needed",
        ),
    ],
)
def test_a_wrong_correction_is_one_line_and_writes_nothing(
    where: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], words: str
) -> None:
    ran = Ran(capsys, "correct", where, *more)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.error
    assert len(ran.error.splitlines()) == 1
    with Journal.open(where, read_only=True) as journal:
        assert journal.last_sequence() == 10


def test_a_statement_is_compared_posted_once_and_then_agrees(
    where: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = tmp_path / "custodian.csv"
    said.write_text(
        "account,asset,quantity\nalice,USDC,990.5\nbob,USDC,100000\n"
        "alice,BTC/USDC:USDC,100\nbob,BTC/USDC:USDC,-101\n"
    )
    asked = ("reconcile", where, said, "--as-of", "2026-01-01T00:00:30Z")
    tolerance = ("--tolerance", "BTC/USDC:USDC=1")
    ran = Ran(capsys, *asked, *tolerance, "--json")
    assert (ran.code, ran.error) == (1, "")
    found = ran.json
    assert (found["source"], found["after_event"], found["event"]) == ("custodian", 7, None)
    assert [
        (row["account"], row["asset"], row["difference"], row["beyond"])
        for row in found["differences"]
    ] == [("alice", "USDC", "-9.5", True), ("bob", "BTC/USDC:USDC", "-1", False)]
    posted = Ran(capsys, *asked, *tolerance, *SIGNED)
    assert (posted.code, posted.error) == (0, "")
    assert "posted, as event 11" in posted.out
    again = Ran(capsys, *asked, *tolerance, *SIGNED, "--json")
    assert (again.code, again.json["event"]) == (0, None)
    assert again.json["suspense"] == [
        {
            "account": "alice", "asset": "USDC", "quantity": "-9.5",
            "since_ms": START_MS + 30_000, "days": "0.0",
        }
    ]  # fmt: skip
    assert Ran(capsys, "verify", where, "--json").json["events"] == 11


def test_a_json_statement_ages(
    where: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "said.json"
    row = {"account": "bob", "asset": "USDC", "quantity": "100000.5"}
    for day, days in (("2026-01-02", "0.0"), ("2026-01-05", "3.0")):
        said = {"source": "custodian", "as_of": f"{day}T00:00:00Z", "rows": [row]}
        file.write_text(json.dumps(said))
        ran = Ran(capsys, "reconcile", where, file, "--tolerance", "USDC=1", *SIGNED, "--json")
        assert ran.code == 0, ran.error
        assert [one["days"] for one in ran.json["differences"]] == [days]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("account,asset,quantity\ncarol,USDC,1\n", "does not know 'carol'"),
        ("account,asset\nalice,USDC\n", "missing required field `quantity`"),
        ("account,asset,quantity\nalice,USDC,0.0000001\n", "more than 6 decimals"),
    ],
)
def test_a_wrong_statement_is_one_line(
    where: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    said = tmp_path / "said.csv"
    said.write_text(text)
    ran = Ran(capsys, "reconcile", where, said)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.error
    assert len(ran.error.splitlines()) == 1


def test_a_shadow_follows_to_the_end_and_says_what_it_compared(
    where: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = Ran(capsys, "shadow", where, "--seconds", "0", "--json")
    assert (ran.code, ran.json["ok"], ran.json["events"]) == (0, True, 10)
    with Primary.open(where) as primary:
        primary.journal.finish("0" * 64)
    wrong = Ran(capsys, "shadow", where)
    assert (wrong.code, wrong.out) == (1, "")
    assert "event 10: state" in wrong.error
