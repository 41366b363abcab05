"""Numbers as the pages write them: digits of decimal text, never of a float."""

from __future__ import annotations

from typing import Any

import pytest

SENTENCES = [
    ("exact", ["-1234567.890"], "−1,234,567.890"),
    (
        "exact",
        ["123456789012345678901234567890.123456789"],
        "123,456,789,012,345,678,901,234,567,890.123456789",
    ),
    ("decimal", ["0.005", 2], "0.01"),  # Half up, away from nothing.
    ("decimal", ["-0.004", 2], "0.00"),  # No minus before nothing.
    ("decimal", ["9.999", 2], "10.00"),
    ("decimal", ["1", 3], "1.000"),
    ("money", ["9999.994"], "9,999.99"),
    ("money", ["12345.5"], "12,346"),
    ("price", ["60123.45"], "60,123.5"),
    ("price", ["0.00012345"], "0.0001235"),
    ("short", ["1234567.89"], "1.23 M"),
    ("short", ["999"], "999"),
    ("short", ["-45678"], "−45.7 k"),
    ("short", ["9007199254740993000"], "9,007 Q"),
    ("percent", ["0.0123456"], "1.23 %"),
    ("percent", ["-1.5", 0], "−150 %"),
    ("percent", ["2"], "200.00 %"),
    ("sum", [["0.1", "0.2", "-1000000000000000000.3"]], "-1000000000000000000.0"),
    ("sum", [[]], "0"),
    ("count", [1234567], "1,234,567"),
    ("span", [90_000], "90 s"),
    ("span", [3_600_000 * 50], "2 d 2 h"),
    ("left", [3_725_000], "1:02:05"),
    ("left", [-5], "0:00"),
    ("exact", [None], "–"),
]


@pytest.mark.parametrize(("name", "given", "told"), SENTENCES)
def test_a_number_is_written_from_its_digits(
    tab: Any, name: str, given: list[Any], told: str
) -> None:
    script = "async ([name, given]) => (await import('/static/js/text.js'))[name](...given)"
    assert tab.evaluate(script, [name, given]) == told


@pytest.fixture(scope="module")
def tab(browser: Any, harbour: Any) -> Any:
    page = browser.new_page()
    page.goto(harbour.url)
    yield page
    page.close()


def test_a_sealed_bid_has_the_digest_of_the_engine(tab: Any) -> None:
    from seawall.liquidation.exits.sealed import commitment

    script = (
        "async () => (await import('/static/js/sealed.js'))"
        ".digest(7, 12, 30, 610005000000000n, new Uint8Array([1, 2, 255]))"
    )
    assert tab.evaluate(script) == commitment(7, 12, 30, 610005000000000, b"\x01\x02\xff").hex()
