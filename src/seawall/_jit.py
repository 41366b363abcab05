"""The one place that decides how kernels are compiled, and where compiled kernels are kept.

fastmath stays off and every reduction stays inside one account, so a batch of a million and a
batch of one give the same bits. `error_model="numpy"` keeps divisions free of branches, without
which loops over options do not vectorise.

numba's cache does not notice an edit in another file that a kernel calls. So the directory is named
by a hash of every kernel source and of the versions of the compiler.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
import numba
from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

intrinsic: Any = extending.intrinsic  # Callers see numbers and vectors, not the compiler.

_config: Any = numba.config
_njit: Any = numba.njit

_LANES = 8
_DOUBLES = ir.VectorType(ir.DoubleType(), _LANES)


def kernel(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Compile on first call, cache on disk, never reorder floating point.

    Use it bare or with numba's options, such as `@kernel(parallel=True)`.
    """
    if function is None:
        return functools.partial(kernel, **options)
    settings = {"cache": True, "fastmath": False, "error_model": "numpy"} | options
    # numba reads the directory when it decorates; other packages keep their own.
    before, _config.CACHE_DIR = _config.CACHE_DIR, cache_directory()
    try:
        compiled = _njit(**settings)(function)
    finally:
        _config.CACHE_DIR = before
    _forgive_a_full_disk(compiled)
    return compiled


def _forgive_a_full_disk(compiled: Any) -> None:
    """A kernel that cannot be kept is compiled again next time; that is no reason to stop now."""
    save = compiled._cache.save_overload

    def save_if_possible(signature: Any, overload: Any) -> None:
        with contextlib.suppress(OSError):
            save(signature, overload)

    compiled._cache.save_overload = save_if_possible


def fingerprint() -> str:
    """Name the state of every kernel source and of the compiler in 16 hex digits."""
    digest = hashlib.sha256()
    for version in (numba.__version__, llvmlite.__version__, sys.version):
        digest.update(version.encode() + b"\0")
    package = Path(__file__).parent
    for source in sorted({Path(__file__), *package.rglob("_kernels.py")}):
        digest.update(source.relative_to(package).as_posix().encode() + b"\0")
        digest.update(source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@functools.cache
def cache_directory() -> str:
    """Return a private, writable directory for this state of the kernels.

    NUMBA_CACHE_DIR where it is set, else the user's cache; where neither can be written, a folder
    of this user under the temporary directory. Compiled code is loaded from it, so a folder that
    another user could write is never taken.
    """
    name = f"kernels-{fingerprint()}"
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    numbas = os.environ.get("NUMBA_CACHE_DIR")
    parents = [Path(numbas)] if numbas else []
    parents += [Path(user) / "seawall"] if os.path.isabs(user) else []
    parents += [Path(tempfile.gettempdir()) / f"seawall-{_user()}"]
    for parent in parents:
        path = parent / name
        try:
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            continue
        if os.access(path, os.W_OK) and _is_private(path) and _is_private(parent, sticky=True):
            return str(path)
    return tempfile.mkdtemp(prefix="seawall-")


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _is_private(path: Path, sticky: bool = False) -> bool:
    if not hasattr(os, "getuid"):
        return True
    status = path.stat()
    if sticky and status.st_mode & stat.S_ISVTX:  # Only owners can rename what lies in it.
        return True
    return status.st_uid in {os.getuid(), 0} and not status.st_mode & stat.S_IWOTH


class Vector(types.Type):
    """Eight float64 in one register: what numba's loops do not keep there by themselves."""

    def __init__(self) -> None:
        super().__init__(name="Vector8")


vector = Vector()


@extending.register_model(Vector)
class _VectorModel(extending.models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _DOUBLES)


@intrinsic
def load(context: Any, table: Any, row: Any, column: Any) -> Any:
    """Read table[row, column : column + 8] of a C-contiguous float64 table."""
    if not (isinstance(table, types.Array) and table.layout == "C" and table.ndim == 2):
        raise numba.TypingError("load reads a C-contiguous table of two dimensions")

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        at = [
            context.cast(builder, argument, kind, types.intp)
            for argument, kind in zip(arguments[1:], signature.args[1:], strict=True)
        ]
        first = cgutils.get_item_pointer(context, builder, signature.args[0], array, at)
        return builder.load(builder.bitcast(first, _DOUBLES.as_pointer()), align=8)

    return vector(table, row, column), build


@intrinsic
def store(context: Any, table: Any, row: Any, column: Any, lanes: Any) -> Any:
    """Write table[row, column : column + 8] of a C-contiguous float64 table."""
    if not (isinstance(table, types.Array) and table.layout == "C" and table.ndim == 2):
        raise numba.TypingError("store writes a C-contiguous table of two dimensions")

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        at = [
            context.cast(builder, argument, kind, types.intp)
            for argument, kind in zip(arguments[1:3], signature.args[1:3], strict=True)
        ]
        first = cgutils.get_item_pointer(context, builder, signature.args[0], array, at)
        builder.store(arguments[3], builder.bitcast(first, _DOUBLES.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(table, row, column, vector), build


@intrinsic
def splat(context: Any, number: Any) -> Any:
    """Repeat one number in every lane."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _splat(builder, arguments[0])

    return vector(types.float64), build


@intrinsic
def multiply_add(context: Any, total: Any, left: Any, right: Any) -> Any:
    """Compute total + left × right in two roundings, as scalar code would."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(arguments[0], builder.fmul(arguments[1], arguments[2]))

    return vector(vector, vector, vector), build


@intrinsic
def least(context: Any, left: Any, right: Any) -> Any:
    """Take the smaller number of each lane; a NaN on the left is dropped, so ask `finite` too."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _least(builder, *arguments)

    return vector(vector, vector), build


@intrinsic
def least_lane(context: Any, lanes: Any) -> Any:
    """Take the smallest number of all lanes."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        folded, width = arguments[0], _LANES
        while width > 1:
            width //= 2
            nothing = ir.Constant(folded.type, ir.Undefined)
            low, high = (
                builder.shuffle_vector(folded, nothing, _places(range(at, at + width)))
                for at in (0, width)
            )
            folded = _least(builder, low, high)
        return builder.extract_element(folded, ir.Constant(ir.IntType(32), 0))

    return types.float64(vector), build


@intrinsic
def lane(context: Any, lanes: Any, place: Any) -> Any:
    """Take the number of one lane."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = context.cast(builder, arguments[1], signature.args[1], types.int32)
        return builder.extract_element(arguments[0], at)

    return types.float64(vector, place), build


@intrinsic
def lanes_above(context: Any, left: Any, right: Any) -> Any:
    """Count the lanes in which the left number is greater; NaN is not."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        above = builder.fcmp_ordered(">", arguments[0], arguments[1])
        count = builder.ctpop(builder.bitcast(above, ir.IntType(_LANES)))
        return builder.zext(count, ir.IntType(64))

    return types.int64(vector, vector), build


@intrinsic
def finite(context: Any, first: Any, second: Any, third: Any, fourth: Any) -> Any:
    """Say whether no lane of four vectors is NaN or infinite.

    Their sum may overflow or cancel to NaN only if a lane was not finite or above 2^1021.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left = builder.fadd(arguments[0], arguments[1])
        total = builder.fadd(left, builder.fadd(arguments[2], arguments[3]))
        rest = builder.fsub(total, total)  # 0 where finite, NaN where not.
        lanes = builder.fcmp_ordered("==", rest, _splat(builder, ir.Constant(ir.DoubleType(), 0.0)))
        mask = builder.bitcast(lanes, ir.IntType(_LANES))
        return builder.icmp_unsigned("==", mask, ir.Constant(ir.IntType(_LANES), 2**_LANES - 1))

    return types.boolean(vector, vector, vector, vector), build


def _splat(builder: Any, number: Any) -> Any:
    nothing = ir.Constant(_DOUBLES, ir.Undefined)
    one = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, nothing, _places([0] * _LANES))


def _least(builder: Any, left: Any, right: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", left, right), left, right)


def _places(lanes: Any) -> Any:
    places = list(lanes)
    return ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)
