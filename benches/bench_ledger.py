"""How fast the ledger loads, posts and snapshots, beside a plain dictionary in the same run.

    python benches/bench_ledger.py [--json] [--accounts 1000000] [--rows 8]

Each number is from its own fresh process, so that peak memory is that of one case alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from seawall.ledger import Cause, Ledger, Transfer

Numbers = dict[str, Any]
BEST_OF = 3


def book(accounts: int, rows: int, shuffled: bool = False) -> tuple[Any, Any, Any]:
    """`rows` of 40 assets for each account but 0, from a counter-based mixer, not a dice."""
    users = np.arange(1, accounts, dtype=np.int64)
    account = np.repeat(users, rows)
    step = np.tile(np.arange(rows, dtype=np.int64), len(users))
    asset = (account * 7 + step * 3) % 40
    quantity = (account * 2_654_435_761 + step * 40_503) % 2_000_003 - 1_000_001
    quantity[quantity == 0] = 1
    if shuffled:
        order = np.argsort((account * 2_654_435_761 + step) % 4_294_967_291, kind="stable")
        account, asset, quantity = account[order], asset[order], quantity[order]
    return account, asset, quantity


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def bench_load(accounts: int, rows: int, shuffled: bool) -> Numbers:
    columns = book(accounts, rows, shuffled)
    before = peak_mib()
    ledger = Ledger(40)
    start = time.perf_counter()
    ledger.open(accounts)
    refused = ledger.load(*columns, contra=0)
    seconds = time.perf_counter() - start
    assert refused is None
    start = time.perf_counter()
    ledger.check()
    return {
        "rows": accounts * rows,
        "seconds": seconds,
        "check_seconds": time.perf_counter() - start,
        "peak_mib_before": before,
        "peak_mib": peak_mib(),
    }


def bench_load_dict(accounts: int, rows: int) -> Numbers:
    """The rival: one dictionary with account × 2^32 + asset as key."""
    columns = book(accounts, rows)
    balances: dict[int, int] = {}
    start = time.perf_counter()
    for account, asset, atoms in zip(*(column.tolist() for column in columns), strict=True):
        key = account << 32 | asset
        balances[key] = balances.get(key, 0) + atoms
        balances[asset] = balances.get(asset, 0) - atoms
    return {
        "rows": accounts * rows,
        "seconds": time.perf_counter() - start,
        "peak_mib": peak_mib(),
    }


def loaded(accounts: int, rows: int) -> Ledger:
    ledger = Ledger(40)
    ledger.open(accounts)
    assert ledger.load(*book(accounts, rows), contra=0) is None
    ledger.drain_touched()
    return ledger


def transfers(ledger: Ledger, count: int, accounts: int, rows: int) -> list[Transfer]:
    """Trades between accounts that both have the asset: same number modulo 40."""
    made = []
    for number in range(ledger.next_id, ledger.next_id + count):
        source = 1 + number * 7_919 % (accounts - 1)
        target = source + 40 if source + 40 < accounts else source - 40
        asset = (source * 7 + number % rows * 3) % 40
        made.append(Transfer(number, asset, source, target, 1 + number % 9, Cause.TRADE))
    return made


def deposits(ledger: Ledger, count: int, accounts: int) -> list[Transfer]:
    """Each credits an account with an asset that it does not have yet: a row is inserted."""
    return [
        Transfer(number, 40, 0, 1 + number % (accounts - 1), 1, Cause.DEPOSIT)
        for number in range(ledger.next_id, ledger.next_id + count)
    ]


def best(rounds: int, prepare: Callable[[], Any], measured: Callable[[Any], object]) -> float:
    seconds = []
    for _ in range(rounds):
        prepared = prepare()
        start = time.perf_counter()
        measured(prepared)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def bench_post(accounts: int, rows: int, count: int = 200_000) -> Numbers:
    ledger = loaded(accounts, rows)

    def one_by_one(batch: list[Transfer]) -> None:
        post = ledger.post
        for transfer in batch:
            post(transfer)

    def fresh() -> list[Transfer]:
        return transfers(ledger, count, accounts, rows)

    single = best(BEST_OF, fresh, one_by_one)
    batched = best(BEST_OF, fresh, ledger.post_many)
    ledger.admit(1)
    few = min(count, accounts - 1)
    inserted = best(1, lambda: deposits(ledger, few, accounts), ledger.post_many)
    ledger.check()
    return {
        "single_per_second": count / single,
        "batched_per_second": count / batched,
        "inserting_per_second": few / inserted,
    }


def bench_post_dict(accounts: int, rows: int, count: int = 200_000) -> Numbers:
    """The rival again: two dictionary writes and a set of ids, nothing checked."""
    balances: dict[int, int] = {}
    for account, asset, atoms in zip(*(c.tolist() for c in book(accounts, rows)), strict=True):
        balances[account << 32 | asset] = atoms
    posted: set[int] = set()

    def post(transfer: Transfer) -> None:
        if transfer.id in posted or transfer.atoms <= 0:
            return
        paid = transfer.source << 32 | transfer.asset
        got = transfer.target << 32 | transfer.asset
        balances[paid] = balances.get(paid, 0) - transfer.atoms
        balances[got] = balances.get(got, 0) + transfer.atoms
        posted.add(transfer.id)

    def one_by_one(batch: list[Transfer]) -> None:
        posted.clear()
        for transfer in batch:
            post(transfer)

    made = transfers(Ledger(40), count, accounts, rows)
    return {"single_per_second": count / best(BEST_OF, lambda: made, one_by_one)}


def bench_snapshot(accounts: int = 100_000, rows: int = 6) -> Numbers:
    ledger = loaded(accounts, rows)
    dump = best(7, lambda: None, lambda _: ledger.dump())
    state_hash = best(7, lambda: None, lambda _: ledger.state_hash())
    payload = ledger.dump()
    restore = best(7, lambda: payload, Ledger.restore)
    few = book(101, rows)
    small_load = best(7, lambda: None, lambda _: ledger.load(*few, contra=0))
    return {
        "dump_ms": 1e3 * dump,
        "restore_ms": 1e3 * restore,
        "state_hash_ms": 1e3 * state_hash,
        "dump_mib": len(payload) / 2**20,
        "load_of_600_rows_ms": 1e3 * small_load,
        "holders_ms": 1e3 * best(7, lambda: 3, ledger.holders),
    }


def _alone(case: Callable[..., Numbers], *arguments: Any) -> Numbers:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(case, arguments)


def run(accounts: int = 1_000_000, rows: int = 8) -> Numbers:
    """Measure every case; another script can call this."""
    return {
        "accounts": accounts,
        "rows_per_account": rows,
        "load": _alone(bench_load, accounts, rows, False),
        "load_shuffled": _alone(bench_load, accounts, rows, True),
        "load_dict": _alone(bench_load_dict, accounts, rows),
        "post": _alone(bench_post, accounts, rows),
        "post_dict": _alone(bench_post_dict, accounts, rows),
        "snapshot_100000_by_6": _alone(bench_snapshot),
    }


def table(numbers: Numbers) -> str:
    lines = [f"{numbers['accounts']:,} accounts × {numbers['rows_per_account']} rows"]
    for case, measured in numbers.items():
        if isinstance(measured, dict):
            for name, value in measured.items():
                lines.append(f"  {case:<22}{name:<24}{value:>16,.2f}")
    ratio = numbers["load_dict"]["seconds"] / numbers["load"]["seconds"]
    lines.append(f"  {'load':<22}{'times a dictionary':<24}{ratio:>16,.2f}")
    ratio = numbers["post"]["single_per_second"] / numbers["post_dict"]["single_per_second"]
    lines.append(f"  {'post':<22}{'times a dictionary':<24}{ratio:>16,.2f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=8)
    arguments = parser.parse_args()
    numbers = run(arguments.accounts, arguments.rows)
    sys.stdout.write((json.dumps(numbers) if arguments.json else table(numbers)) + "\n")


if __name__ == "__main__":
    main()
