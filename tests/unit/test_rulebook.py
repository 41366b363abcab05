"""Rulebooks: one error of each kind with its key path, one fingerprint for each set of rules."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

import pytest

from seawall.engine.rules.rulebook import Rulebook, RulebookError, decode, diff, load, read
from seawall.margin import Lending
from seawall.money import Asset

RULES = Path(__file__).parents[2] / "rules"
TEXT = """
format = 1
name = "test"
version = "2026-01-01.1"
cash = "USDC"

[numeraire]
id = "USD"
decimals = 10

[[coins]]
id = "USDC"
decimals = 6

[[coins]]
id = "BTC"
decimals = 8
haircut = 0.050

[margin.cross]
method = "tiered"
brackets.BTC = [{ above = 0, initial = 0.02, maintenance = 0.01 }]

[margin.portfolio]
method = "scan"
moves = [-0.15, 0.15]

[call]
grace_ms = { portfolio = 300_000 }

[liquidation]
order = "largest_notional_first"
slippage_ratio = 0.02
fee_ratio = 0.005
"""


def changed(*changes: tuple[str, str]) -> str:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_rulebook_says_what_the_engine_asks() -> None:
    rulebook = read(TEXT)
    assert rulebook.method_names == ("cross", "portfolio")
    assert rulebook.methods == (rulebook.margin["cross"], rulebook.margin["portfolio"])
    assert [rulebook.grace_ms(number) for number in range(2)] == [0, 300_000]
    assert rulebook.haircuts == (0, 50_000_000)
    catalogue = rulebook.catalogue()
    assert catalogue.numeraire == Asset("USD", 10)
    assert catalogue.names == ("USDC", "BTC")


@pytest.mark.parametrize("name", ["example.toml", "minimal.toml"])
def test_the_rulebooks_that_come_with_the_project_are_valid(name: str) -> None:
    rulebook = load(RULES / name)
    assert decode(rulebook.canonical()) == rulebook
    assert rulebook.name == name.removesuffix(".toml")


ERRORS = [
    # the text
    ((("[numeraire]", "[numeraire"),), "Expected ']' at the end of a table declaration"),
    ((('name = "test"', 'name = "test"\nname = "two"'),), "Cannot overwrite a value"),
    # types
    ((("format = 1", "format = 2"),), "Invalid enum value 2 - at `$.format`"),
    ((('name = "test"', "name = 3"),), "Expected `str`, got `int` - at `$.name`"),
    ((('cash = "USDC"\n', ""),), "Object missing required field `cash` - at `$`"),
    ((("decimals = 8", 'decimals = "8"'),), "Expected `int`, got `str` - at `$.coins[1].decimals`"),
    ((("haircut", "hair_cut"),), "unknown field `hair_cut` - at `$.coins[1]`"),
    ((("order = ", "orders = "),), "unknown field `orders` - at `$.liquidation`"),
    (
        (('"largest_notional_first"', '"any"'),),
        "Invalid enum value 'any' - at `$.liquidation.order`",
    ),
    ((("= 300_000", '= "soon"'),), "got `str` - at `$.call.grace_ms.portfolio`"),
    ((('"scan"', '"scam"'),), "Invalid value 'scam' - at `$.margin.portfolio.method`"),
    ((('method = "scan"\n', ""),), "required field `method` - at `$.margin.portfolio`"),
    # decimals
    ((("0.050", "nan"),), "NaN is not a finite number - at `$.coins[1].haircut`"),
    ((("0.005", "inf"),), "Infinity is not a finite number - at `$.liquidation.fee_ratio`"),
    ((("0.005", "0.0050000001"),), "has more than 9 decimals - at `$.liquidation.fee_ratio`"),
    ((("0.005", "1e999999999"),), "is too large - at `$.liquidation.fee_ratio`"),
    # ranges
    ((("0.050", "1.01"),), "haircut must lie in [0, 1], not 1.01 - at `$.coins[1].haircut`"),
    ((("0.050", "-0.1"),), "haircut must lie in [0, 1], not -0.1 - at `$.coins[1].haircut`"),
    ((("0.02\nfee", "2\nfee"),), "[0, 1], not 2 - at `$.liquidation.slippage_ratio`"),
    ((("0.005", "-0.005"),), "[0, 1], not -0.005 - at `$.liquidation.fee_ratio`"),
    ((("0.005", "0.005\ndepth_share = 0"),), "(0, 1], not 0 - at `$.liquidation.depth_share`"),
    ((("[call]", "[fees]\ntaker_ratio = 3\n[call]"),), "[0, 1], not 3 - at `$.fees.taker_ratio`"),
    ((("[call]", "[call]\nwarning_ratio = 0.9"),), "1, not 0.9 - at `$.call.warning_ratio`"),
    ((("[call]", "[call]\nclose_out_ratio = 2"),), "[0, 1], not 2 - at `$.call.close_out_ratio`"),
    ((("300_000", "-1"),), "must not be negative, not -1 - at `$.call.grace_ms.portfolio`"),
    # names
    ((('name = "test"', 'name = " "'),), "name must not be empty - at `$.name`"),
    ((("{ portfolio =", "{ house ="),), "no margin method house - at `$.call.grace_ms.house`"),
    ((('cash = "USDC"', 'cash = "SOL"'),), "coin SOL is not listed - at `$.cash`"),
    ((('id = "BTC"', 'id = "USDC"'),), "coin USDC is listed twice - at `$.coins`"),
    ((('id = "BTC"', 'id = "USD"'),), "numeraire USD is also a coin - at `$.numeraire`"),
    ((("decimals = 8", "decimals = 18"),), "[0, 9], not 18 - at `$.coins[1].decimals`"),
    ((("decimals = 10", "decimals = 8"),), "must be 10, not 8 - at `$.numeraire.decimals`"),
    # margin methods
    ((("BTC = [", "SOL = ["),), "coin SOL is not listed - at `$.margin.cross.brackets.SOL`"),
    ((("[-0.15, 0.15]", "[]"),), "at least one move is needed - at `$.margin.portfolio.moves`"),
    ((("above = 0", "above = 1"),), "begins at 0 - at `$.margin.cross.brackets.BTC[0].above`"),
    (
        (("maintenance = 0.01", 'maintenance = "x"'),),
        "at `$.margin.cross.brackets.BTC[0].maintenance`",
    ),
]


@pytest.mark.parametrize(("changes", "message"), ERRORS)
def test_a_wrong_key_is_named_in_one_line(
    changes: tuple[tuple[str, str], ...], message: str
) -> None:
    with pytest.raises(RulebookError) as refused:
        read(changed(*changes), "rules.toml")
    said = str(refused.value)
    assert said.startswith("rules.toml: ")
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.050", "0." + "1" * 5000),
        ("300_000", "1" * 5000),
        ("above = 0", "above = 0." + "1" * 5000),
        ("[margin.portfolio]", '[margin."a.b[0]`"]'),
    ],
)
def test_odd_texts_are_refused_as_rulebooks(old: str, new: str) -> None:
    with pytest.raises(RulebookError, match=r"^rulebook: [^\n]*$"):
        read(changed((old, new)))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    with pytest.raises(RulebookError, match=r"none\.toml: No such file or directory"):
        load(missing)
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(RulebookError, match=r"latin\.toml: not UTF-8 text"):
        load(tmp_path / "latin.toml")


def test_a_journal_with_a_broken_rulebook_is_refused() -> None:
    with pytest.raises(RulebookError, match="rulebook: "):
        decode("{")
    with pytest.raises(RulebookError, match=r"required field `format` - at `\$`"):
        decode("{}")


CLASSES = """
[margin.money_market]
method = "lending"
coins.USDC = { collateral_factor = 0.75, liquidation_threshold = 0.78 }
coins.BTC = { collateral_factor = 0.7, liquidation_threshold = 0.75 }
classes.dollars = { coins = ["USDC"], collateral_factor = 0.9, liquidation_threshold = 0.93 }
"""


def test_classes_of_coins_are_named_freely_in_a_rulebook() -> None:
    """Tables of a method are keyed by coin; those that a method calls NAMED are not."""
    rulebook = read(TEXT + CLASSES)
    method = rulebook.margin["money_market"]
    assert isinstance(method, Lending)
    assert method.classes["dollars"].coins == ("USDC",)
    assert method.classes["dollars"].liquidation_threshold == Decimal("0.93")
    assert decode(rulebook.canonical()) == rulebook
    assert diff(rulebook, read(TEXT + CLASSES.replace("0.93", "0.94"))) == [
        ("$.margin.money_market.classes.dollars.liquidation_threshold", "0.93", "0.94")
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("coins.BTC", "coins.SOL", "coin SOL is not listed - at `$.margin.money_market.coins.SOL`"),
        ('["USDC"]', '["SOL"]', "SOL is not among coins - at `$.margin.money_market.classes"),
        ("= 0.9,", "= 0.7,", "cannot count USDC for less than its own - at `$.margin.money_market"),
        ("classes.dollars = {", "classes.dollars = { coin = 1,", "unknown field `coin`"),
    ],
)
def test_a_wrong_class_is_named(old: str, new: str, message: str) -> None:
    with pytest.raises(RulebookError) as refused:
        read(TEXT + CLASSES.replace(old, new), "rules.toml")
    assert message in str(refused.value)
    assert "money_market" in str(refused.value)


# -- canonical form, fingerprint, difference -------------------------------------------------------

SAME = [
    (("0.050", "0.05"),),
    (("0.050", '"0.05"'),),
    (("0.050", "5e-2"),),
    (("300_000", "300000"),),
    (("[call]", "# How long.\n[call]\nwarning_ratio = 1.20"),),
    (("fee_ratio = 0.005", "fee_ratio = 0.005\ndepth_share = 1"),),
    (("slippage_ratio = 0.02\nfee_ratio = 0.005", "fee_ratio = 0.005\nslippage_ratio = 0.02"),),
]


@pytest.mark.parametrize("changes", SAME)
def test_another_spelling_is_the_same_rulebook(changes: tuple[tuple[str, str], ...]) -> None:
    spelled = read(changed(*changes))
    assert spelled.canonical() == read(TEXT).canonical()
    assert spelled.fingerprint == read(TEXT).fingerprint
    assert diff(read(TEXT), spelled) == []


def test_the_order_of_methods_does_not_count_but_the_order_of_coins_does() -> None:
    head, cross, portfolio = (
        TEXT[: TEXT.index("[margin.cross]")],
        TEXT[TEXT.index("[margin.cross]") : TEXT.index("[margin.portfolio]")],
        TEXT[TEXT.index("[margin.portfolio]") :],
    )
    swapped = read(head + portfolio + cross)
    assert swapped.fingerprint == read(TEXT).fingerprint
    assert swapped.method_names == read(TEXT).method_names
    first, second = '[[coins]]\nid = "USDC"\ndecimals = 6\n', '[[coins]]\nid = "BTC"'
    coins = read(TEXT.replace(first, "").replace("[margin.cross]", first + "\n[margin.cross]"))
    assert second in TEXT
    assert coins.catalogue().names == ("BTC", "USDC")
    assert coins.fingerprint != read(TEXT).fingerprint


def test_any_rule_that_differs_changes_the_fingerprint() -> None:
    one_part = read(changed(("fee_ratio = 0.005", "fee_ratio = 0.005000001")))
    assert one_part.fingerprint != read(TEXT).fingerprint


def test_the_fingerprint_is_the_hash_of_the_canonical_text() -> None:
    rulebook = read(TEXT)
    text = rulebook.canonical()
    assert rulebook.fingerprint == hashlib.sha256(text.encode()).hexdigest()[:16]
    assert '"haircut":"0.05"' in text
    again = decode(text)
    assert again == rulebook
    assert again.canonical() == text


def test_the_canonical_form_is_pinned() -> None:
    # A journal keeps this text: a change here needs another format number.
    assert load(RULES / "minimal.toml").canonical() == (
        '{"call":{"close_out_ratio":"0","grace_ms":{},"warning_ratio":"1.2"},"cash":"USDC",'
        '"coins":[{"decimals":6,"haircut":"0","id":"USDC"},{"decimals":8,"haircut":"0","id":"BTC"}],'
        '"deleveraging":{"price":"bankruptcy","ranking":"profit_times_leverage"},'
        '"fees":{"taker_ratio":"0"},"format":1,'
        '"liquidation":{"depth_share":"1","fee_ratio":"0.005","order":"largest_notional_first",'
        '"slippage_ratio":"0.02"},"loss_sharing":{"rule":"pro_rata"},'
        '"margin":{"cross":{"brackets":{"BTC":[{"above":"0","initial":"0.02","maintenance":"0.01"}]},'
        '"isolated":false,"method":"tiered"}},"name":"minimal",'
        '"numeraire":{"decimals":10,"id":"USD"},"source":"","version":"2026-01-01.1"}'
    )


def test_a_difference_names_the_key_and_both_sides() -> None:
    new = read(
        changed(
            ("0.050", "0.1"),
            ("{ portfolio = 300_000 }", "{ cross = 1 }"),
            ('name = "test"', 'name = "other"'),
            ("[-0.15, 0.15]", "[-0.15, 0.20]"),
        )
    )
    found = diff(read(TEXT), new)
    assert ("$.name", "test", "other") in found
    assert ("$.coins[1].haircut", "0.05", "0.1") in found
    assert ("$.call.grace_ms.portfolio", "300000", None) in found
    assert ("$.call.grace_ms.cross", None, "1") in found
    assert ("$.margin.portfolio.moves[1]", "0.15", "0.2") in found
    assert len(found) == 5
    back = diff(new, read(TEXT))
    assert {(path, old, fresh) for path, fresh, old in back} == set(found)


def test_rulebooks_are_immutable() -> None:
    rulebook: Rulebook = read(TEXT)
    with pytest.raises(AttributeError):
        rulebook.name = "other"  # type: ignore[misc]
