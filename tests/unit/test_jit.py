"""How kernels are compiled and where they are kept."""

from __future__ import annotations

import os
import platform
import stat
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

import seawall._jit as jit

PLAIN = numba.njit(error_model="numpy")


@PLAIN
def _every_operation(table, lots, out):
    one = jit.multiply_add(jit.splat(0.0), jit.splat(lots), jit.load(table, 1, 0))
    two = jit.multiply_add(one, jit.splat(2.0), jit.load(table, 0, 8))
    out[0] = jit.least_lane(one)
    out[1] = jit.least_lane(jit.least(one, two))
    return jit.finite(one, two, one, two)


def test_vectors_compute_what_numpy_computes() -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(0, 1e9, (2, 16))
    out = np.zeros(2)
    assert _every_operation(table, 1 / 3, out)
    one = table[1, :8] * (1 / 3)
    two = one + table[0, 8:] * 2.0
    assert out[0] == one.min()
    assert out[1] == np.minimum(one, two).min()


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("lane", range(8))
def test_no_lane_hides_what_is_not_finite(poison: float, lane: int) -> None:
    table = np.ones((2, 16))
    table[1, lane] = poison
    assert not _every_operation(table, 1.0, np.zeros(2))


def test_a_table_that_is_not_contiguous_is_refused() -> None:
    with pytest.raises(numba.TypingError, match="C-contiguous"):
        _every_operation(np.ones((2, 32))[:, ::2], 1.0, np.zeros(2))


def test_multiply_then_add_keeps_both_roundings() -> None:
    _every_operation(np.ones((2, 16)), 1.0, np.zeros(2))
    assembly = "".join(_every_operation.inspect_asm().values())
    assert "mulpd" in assembly or "fmul" in assembly
    assert "vfmadd" not in assembly
    assert "fmla" not in assembly


def test_the_directory_is_named_by_the_sources_and_the_versions(monkeypatch) -> None:
    before = jit.fingerprint()
    assert Path(jit.cache_directory.__wrapped__()).name == f"kernels-{before}"
    monkeypatch.setattr(jit.numba, "__version__", "0.0.0")
    assert jit.fingerprint() != before


def test_an_edit_of_any_kernel_file_renames_the_directory(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "room").mkdir()
    for name in ("_jit.py", "room/_kernels.py"):
        (tmp_path / name).write_text("first")
    monkeypatch.setattr(jit, "__file__", str(tmp_path / "_jit.py"))
    before = jit.fingerprint()
    (tmp_path / "room" / "_kernels.py").write_text("edited")
    assert jit.fingerprint() != before


def directory(monkeypatch, **variables: str) -> Path:
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    return Path(jit.cache_directory.__wrapped__())


def test_the_directory_is_the_users_and_private(tmp_path: Path, monkeypatch) -> None:
    found = directory(monkeypatch, XDG_CACHE_HOME=str(tmp_path))
    assert found.parent == tmp_path / "seawall"
    assert stat.S_IMODE(found.stat().st_mode) == 0o700
    asked = directory(
        monkeypatch, XDG_CACHE_HOME=str(tmp_path), NUMBA_CACHE_DIR=str(tmp_path / "n")
    )
    assert asked.parent == tmp_path / "n"


def test_where_nothing_can_be_written_it_falls_back_to_temporary(
    tmp_path: Path, monkeypatch
) -> None:
    blocked = tmp_path / "a file, so no directory can be made in it"
    blocked.write_text("")
    monkeypatch.setattr(jit.tempfile, "tempdir", str(tmp_path))
    found = directory(monkeypatch, XDG_CACHE_HOME=str(blocked))
    assert found.parent.parent == tmp_path
    assert os.access(found, os.W_OK)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are of POSIX")
def test_a_directory_that_others_can_write_is_never_taken(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(jit.tempfile, "tempdir", str(tmp_path))
    shared = tmp_path / "cache" / "seawall" / f"kernels-{jit.fingerprint()}"
    shared.mkdir(parents=True)
    shared.chmod(0o777)
    found = directory(monkeypatch, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert found != shared


def test_other_packages_keep_their_own_directory() -> None:
    before = numba.config.CACHE_DIR
    jit.kernel(lambda x: x)
    assert before == numba.config.CACHE_DIR


DIGEST = """
import hashlib
from decimal import Decimal
import numpy as np
from seawall.margin import Scan, Tiered, holdings_of
from seawall.pricing import RiskTable
rng = np.random.default_rng(7)
draw = lambda *shape: np.floor(rng.normal(0, 1e15, shape))
value, change = draw(9), draw(9, 64)
nothing = np.zeros(9)
risk = RiskTable(value, value, change, np.full(9, 1e17), np.abs(value), nothing,
    rng.integers(0, 2, 9).astype(np.int32), rng.integers(0, 5, 9).astype(np.int8),
    np.zeros(9, np.int64), nothing, np.zeros(9, np.int8), 40, ("BTC", "ETH"))
accounts = [[(a, int(q)) for a, q in enumerate(rng.integers(-10**9, 10**9, 9))] for _ in range(50)]
moves = tuple(Decimal(n) / 100 for n in range(40))
digest = hashlib.sha256()
brackets = [dict(above=0, initial="0.02", maintenance="0.01"),
            dict(above=10**5, initial="0.1", maintenance="0.07")]
import msgspec
for method in (
    Scan(moves=moves, netting="all", initial_factor=Decimal("1.3")),
    Scan(moves=moves, short_option_minimum=Decimal("0.03")),
    msgspec.convert(dict(brackets=dict(BTC=brackets), method="tiered"), Tiered),
):
    for column in method.requirement(holdings_of(accounts), risk):
        digest.update(column.tobytes())
print(digest.hexdigest())
"""


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="one architecture")
def test_an_old_processor_gives_the_same_bits(tmp_path: Path) -> None:
    def digest(**variables: str) -> str:
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)} | variables
        done = subprocess.run(
            [sys.executable, "-c", DIGEST], env=environment, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    host = digest()
    assert len(host) == 64
    assert digest(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="") == host  # SSE2.


def test_a_full_disk_does_not_stop_a_kernel(tmp_path, monkeypatch):
    """The first compilation cannot be kept; the kernel still answers, and leaves no traceback."""
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "from seawall.pricing import black_price\n"
        "print(round(float(black_price(100.0, 100.0, 0.5, 1.0)), 6))"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-B", "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    # F (2 N(σ√T ÷ 2) − 1) = 100 · (2 N(0.25) − 1) = 19.741265.
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "19.741265", "")
