"""Any text is a rulebook or a RulebookError in one line; any spelling has one fingerprint."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from seawall.engine.rules.rulebook import Rulebook, RulebookError, decode, diff, read

EXAMPLE = (Path(__file__).parents[2] / "rules" / "example.toml").read_text()
MINIMAL = (Path(__file__).parents[2] / "rules" / "minimal.toml").read_text()
LINES = MINIMAL.splitlines()
WORDS = ["0", "-1", "1e9", "nan", "true", '"x"', "[]", "{}", "1979-05-27", "[", "=", '"', "\\", ""]


@given(
    st.integers(0, len(LINES) - 1),
    st.one_of(st.none(), st.sampled_from(WORDS)),
    st.sampled_from(["value", "line", "cut"]),
)
def test_a_damaged_text_is_refused_in_one_line(number: int, word: str | None, how: str) -> None:
    lines = list(LINES)
    key, _, _ = lines[number].partition("=")
    if how == "cut" or word is None:
        del lines[number]
    else:
        lines[number] = f"{key}= {word}" if how == "value" else word
    try:
        rulebook = read("\n".join(lines))
    except RulebookError as error:
        said = str(error)
    else:
        said = "rulebook: " if decode(rulebook.canonical()) == rulebook else "read back otherwise"
    assert "\n" not in said
    assert said.startswith("rulebook: ")


def with_fee(text: str) -> Rulebook:
    changed, count = re.subn(r"^fee_ratio .*$", f"fee_ratio = {text}", EXAMPLE, flags=re.M)
    assert count == 1
    return read(changed)


@given(st.integers(0, 10**9), st.integers(0, 5))
def test_one_number_has_one_fingerprint_however_it_is_spelled(parts: int, zeros: int) -> None:
    number = Decimal(parts).scaleb(-9)
    plain, padded = f"{number:f}", f"{number:f}" + "0" * zeros
    spelled = [with_fee(text) for text in (padded, f'"{plain}"', f"{parts}e-9")]
    assert len({rulebook.fingerprint for rulebook in spelled}) == 1
    assert spelled[0] == spelled[1] == spelled[2]


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_difference_is_what_differs(old: int, new: int) -> None:
    before, after = with_fee(f"{old}e-9"), with_fee(f"{new}e-9")
    assert (before.fingerprint == after.fingerprint) == (old == new)
    paths = [path for path, _, _ in diff(before, after)]
    assert paths == ([] if old == new else ["$.liquidation.fee_ratio"])
