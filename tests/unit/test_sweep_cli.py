"""`seawall sweep`: table, page, Parquet, JSON; going on where it stopped; faults in one line."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from seawall.cli import main
from seawall.simulation.sweep import points, read
from seawall.simulation.sweep.work import checked_trees

ROOT = Path(__file__).parents[2]
SPEC = """
name = "Small <sweep>"
seed = 3
runs = 30
draws = "shared"
[base.book]
accounts = 200
[base.depth]
notional = 300_000
[parameters]
rules.initial_ratio = [0.01, 0.05, 0.2]
rules.fund_ratio = [0.001, 0.01]
[objective]
loss = "uncovered"
confidence = 0.9
limit = 1_000
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SPEC)
    return path


def ran(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["sweep", *map(str, words), "--workers", "1"])
    said = capsys.readouterr()
    return stopped.value.code, said.out, said.err


class Tags(HTMLParser):
    """Opened and closed tags, in balance or not."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_table_page_and_parquet(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code, said, error = ran(capsys, spec, "--out", out)
    assert (code, error) == (0, "")
    assert "Small <sweep>: 6 points, 180 runs\n" in said
    assert "Recommended: point " in said
    frame = pl.read_parquet(out / "sweep.parquet")
    assert frame["rules.initial_ratio"].to_list() == [0.01, 0.01, 0.05, 0.05, 0.2, 0.2]
    assert frame["average_margin"].to_list() == frame["rules.initial_ratio"].to_list()
    # A larger fund with the same luck leaves less uncovered, run by run.
    tails = frame["expected_shortfall"].to_list()
    assert all(large <= small for small, large in zip(tails[::2], tails[1::2], strict=True))
    assert tails[0] > 1_000  # Or nothing had to be chosen.
    inside = frame.filter(pl.col("expected_shortfall") <= 1_000).sort("average_margin", "point")
    chosen = frame.filter("recommended")
    assert chosen["average_margin"].to_list() == [inside["average_margin"][0]]
    page = (out / "sweep.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    assert tags.seen.count("svg") == 2
    assert tags.seen.count("circle") == 2 * (6 + 1)  # Points, and a ring around the chosen one.
    assert "http" not in page  # Nothing is fetched.
    assert "Small &lt;sweep&gt;" in page


def test_json_tells_the_same(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, said, _ = ran(capsys, spec, "--out", tmp_path / "out", "--json")
    told = json.loads(said)
    frame = pl.read_parquet(told["table"])
    assert (told["runs"], told["runs_found"]) == (180, 0)
    assert [row["expected_shortfall"] for row in told["points"]] == frame[
        "expected_shortfall"
    ].to_list()
    assert told["front"] == frame.filter("on_front")["point"].to_list()
    assert told["recommended"] == frame.filter("recommended")["point"][0]
    assert [one["parameter"] for one in told["effects"]] == [
        "rules.initial_ratio", "rules.fund_ratio",
    ]  # fmt: skip
    assert told["effects"][0]["explained"][0] == 1.0  # The average margin is the initial ratio.


def test_it_goes_on_where_it_was_stopped(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    ran(capsys, spec, "--out", out)
    (runs,) = out.glob("runs-*.jsonl")
    whole, table, page = (
        path.read_bytes() for path in (runs, out / "sweep.parquet", out / "sweep.html")
    )
    lines = whole.splitlines(keepends=True)
    # 30 runs are a batch of 25 and one of 5, first batches first: 4 of them, and a torn line.
    runs.write_bytes(b"".join(lines[:5]) + lines[5][:20])
    _, said, _ = ran(capsys, spec, "--out", out, "--json")
    assert json.loads(said)["runs_found"] == 4 * 25
    assert runs.read_bytes() == whole
    assert (out / "sweep.parquet").read_bytes() == table
    assert (out / "sweep.html").read_bytes() == page
    _, said, _ = ran(capsys, spec, "--out", out)
    assert "180 runs, 180 of them found" in said
    _, said, _ = ran(capsys, spec, "--out", out, "--json", "--overwrite")
    assert json.loads(said)["runs_found"] == 0
    assert runs.read_bytes() == whole


def test_runs_of_other_code_are_not_mixed_in(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    ran(capsys, spec, "--out", out)
    (runs,) = out.glob("runs-*.jsonl")
    head = json.loads(runs.read_bytes().splitlines()[0])
    runs.write_bytes(runs.read_bytes().replace(head["code"].encode(), b"0" * 16, 1))
    code, said, error = ran(capsys, spec, "--out", out)
    assert (code, said) == (2, "")
    assert "its runs were made by other code; use --overwrite" in error


def test_no_point_within_the_limit_is_said(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SPEC.replace("0.05, 0.2", "0.02").replace("limit = 1_000", "limit = 0")
    spec.write_text(text.replace("0.001, 0.01]", "0.0, 0.0001]"))
    code, said, _ = ran(capsys, spec, "--out", tmp_path / "out")
    assert code == 0
    assert "No point is within the limit of 0, so none is recommended." in said
    assert "The nearest is point " in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["none.toml"], 2, "none.toml: no such file"),
        (["SPEC", "--workers", "-1"], 2, "--workers: -1 is below 0"),
        (["SPEC", "--scheduler", "tcp://127.0.0.1:1"], 2, "no scheduler answers"),
        (["SPEC", "--scheduler", "nowhere"], 2, "--scheduler nowhere: "),
        (["SPEC", "--out", "SPEC"], 3, "small.toml"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    spec: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    said: str,
) -> None:
    if "--scheduler" in words:
        pytest.importorskip("distributed", reason="Dask is not installed: seawall[scale]")
        monkeypatch.setattr("seawall.simulation.sweep.cluster.CONNECT_S", 1)
    given = [str(spec) if word == "SPEC" else word for word in words]
    with pytest.raises(SystemExit) as stopped:
        main(["sweep", *given, *([] if "--out" in words else ["--out", str(tmp_path / "out")])])
    told = capsys.readouterr()
    assert (stopped.value.code, told.out) == (code, "")
    assert said in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "sweep").glob("*.toml")), ids=str)
def test_an_example_is_sound(path: Path) -> None:
    found = read(path)
    assert len(checked_trees(found, points(found))) == len(points(found)) > 1
