"""Systems of several members: files 06, 07, 09, 13, 18 and 20 of `cascade/`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import expm

from conformance.cascade_case import close, columns
from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from seawall.liquidation import share_pro_rata
from seawall.liquidation.deleveraging import Candidate, deleverage, rank
from seawall.systemic import closed_forms, firesale, gain, impact, indicators, risk


def _exact(numbers: Any) -> Any:
    if isinstance(numbers, list):
        return [_exact(number) for number in numbers]
    return Fraction(str(numbers))


def vulnerable_banks(document: Any, _: Path) -> Iterator[Outcome]:
    given, wanted = document["inputs"], document["results"]
    keys = ("A", "E", "debt_to_equity", "M", "L", "F")
    found = indicators.vulnerability(*(_exact(given[key]) for key in keys))
    pairs = {
        "R1": found.first_return,
        "net_purchases": found.purchases,
        "F2": found.price_return,
        "R2": found.second_return,
        "AV": found.aggregate,
        "systemicness": found.systemicness,
        "indirect_vulnerability": found.indirect,
    }
    yield together("one round", [exactly(k, _exact(wanted[k]), v) for k, v in pairs.items()])
    equity = _exact(given["E"])
    shares = zip(found.indirect, equity, strict=True)
    yield together(
        "identities",
        [
            exactly("Σ S = AV", found.aggregate, sum(found.systemicness)),
            exactly("Σ IV·E = AV", found.aggregate, sum(i * e for i, e in shares) / sum(equity)),
            close("direct", wanted["direct_loss_over_equity"], float(found.direct)),
        ],
    )
    many = document.get("multi_round", {})
    quarter = many.get("impact_divided_by_4")
    for name, case, slopes in (
        ("rounds", many, given["L"]),
        ("a quarter of the impact", quarter, quarter and quarter["L"]),
    ):
        if not case:
            continue
        matrix = indicators.vulnerability_gain(
            given["A"], given["debt_to_equity"], given["M"], slopes
        )
        checks = columns("G", case["G"], matrix)
        radius = gain.system_gain(matrix)
        checks.append(close("radius", case["spectral_radius"], radius))
        limit = gain.total_return(matrix, given["F"])
        if case.get("total_return_limit"):
            checks += columns("limit", case["total_return_limit"], limit)
        checks.append(exactly("diverges", radius >= 1.0, limit is None))
        yield together(name, checks)


def threshold_banks(document: Any, _: Path) -> Iterator[Outcome]:
    for row in document.get("rows", []):
        found = closed_forms.critical_shock(row["leverage0"], row["max_leverage"])
        yield together(f"leverage {row['leverage0']}", [close("s", row["critical_shock"], found)])
    for row in document.get("perp_table", []):
        leverage, most = row["leverage"], 1.0 / row["mmr"]
        long = closed_forms.critical_shock(leverage, most)
        short = closed_forms.critical_rise(leverage, most)
        checks = [
            close("long", row["liq_distance_long"], long),
            close("short", row["liq_distance_short"], short),
        ]
        yield together(f"perpetual {leverage}, {row['mmr']}", checks)
    if not (example := document.get("two_bank_example")):
        return
    most, target = example["lambda_max"], example["lambda_b"]
    for case in example["cases"]:
        sale = firesale.threshold_sale(
            example["A"], example["E"], case["eps"], case["depth_D"], most=most, target=target
        )
        checks = [
            close("price", case["price_factor_from_sales"], sale.price),
            exactly("rounds", case["rounds"], sale.rounds),
            *columns("equity", case["equity"], sale.equity),
            *(
                close("sold", line["sold"], sale.sold[line["round"] - 1])
                for line in case.get("history", [])
            ),
        ]
        yield together(f"depth {case['depth_D']}, shock {case['eps']}", checks)
    for place, wanted in enumerate(example.get("thresholds", [])):
        leverage = example["A"][place] / example["E"][place]
        found = closed_forms.critical_shock(leverage, most)
        yield together(f"threshold {place}", [close("shock", wanted, found)])


def debt_ranks(document: Any, _: Path) -> Iterator[Outcome]:
    for name, case in document.items():
        if not isinstance(case, dict) or "h0" not in case:
            continue
        found = indicators.debt_rank(document["Lambda"], document["weights"], case["h0"])
        checks = columns("h", case["h_inf"], found.loss)
        checks.append(close("rank", case["debtrank"], found.rank))
        if "first_rounds" in case:
            kept = found.rounds[: len(case["first_rounds"])]
            checks += columns("rounds", case["first_rounds"][: len(kept)], kept)
        checks.append(close("radius", document["spectral_radius"], found.radius))
        yield together(name, checks)
    if case := document.get("external_check"):
        yield _communicability(case)
        yield skipped("diffusion of an external package", "its definition is not in the file")


def _communicability(case: Any) -> Outcome:
    """Who can break whom: edges where an exposure is at least the lender's buffer, walks ÷ k!.

    Not an indicator of ours; the quoted numbers are reproduced from the definition in words.
    """
    nodes = len(case["buffer"])
    exposure = np.array(case["assets_matrix_columns_first"], float).reshape(nodes, nodes).T
    breaks = (exposure >= np.array(case["buffer"])[:, None]) & (exposure > 0)
    walks = expm(breaks.astype(float)) - np.eye(nodes)
    reached = np.maximum((walks > 1e-12).sum(axis=1), 1)
    susceptibility = walks.sum(axis=1) / reached
    checks = columns("susceptibility", case["impact_susceptibility"], susceptibility)
    checks.append(close("fluidity", case["impact_fluidity"], float(susceptibility.mean())))
    return together("susceptibility and fluidity of an external package", checks)


def gains(document: Any, _: Path) -> Iterator[Outcome]:
    matrix = gain.gain_matrix(document["Lambda"], document["G"])
    total = gain.total_return(matrix, document["shock"])
    checks = columns("K", document["K"], matrix)
    checks.append(close("radius", document["spectral_radius"], gain.system_gain(matrix)))
    if total is None:
        checks.append(exactly("diverges", None, document.get("total_return")))
    else:
        checks += columns("return", document["total_return"], total)
        found = float(total[0]) / document["shock"][0]
        checks.append(close("amplification", document["amplification_asset_1"], found))
    checks.append(exactly("no arbitrage", True, gain.without_arbitrage(document["Lambda"])))
    yield together("system", checks)
    if case := document.get("venue_case"):
        found = impact.venues_together(tuple(case["lam"]))
        yield together("venues", [nearly("slope", case["combined"], found, 1e-9)])


def fire_sales(document: Any, folder: Path) -> Iterator[Outcome]:
    if not (folder / "eba_2018.csv").exists():
        yield skipped("48 banks", "eba_2018.csv is not beside the file")
        return
    sheets = _banks(folder / "eba_2018.csv")
    for name, cases in document.get("experiments", {}).items():
        action = 1.0 if "leverage_targeting" in name else 0.04
        limits = firesale.Limits(0.03, action, 0.05)
        for case in cases:
            prices = (1.0, 1.0 - case["shock"])
            found = firesale.fire_sale(sheets, prices, case["price_impact"], limits)
            share = found.failures / sheets.cash.size
            checks = [
                exactly("defaults", case["defaults"], found.failures),
                exactly("by round", case["defaults_by_round"], list(found.failed)),
                nearly("sold", case["sold_fraction"], found.sold_share, 1e-6),
                close("extent", case["eose"], share if share >= 0.05 else 0.0),
                *(
                    nearly(f"price {key}", wanted, float(found.price[int(key) - 1]), 1e-6)
                    for key, wanted in case["prices"].items()
                ),
            ]
            yield together(f"{name} {case['price_impact']} {case['shock']}", checks)
    head = document.get("headline", {}).get("shock_20pct", {"price_impact": [], "defaults": []})
    for impact_share, wanted in zip(head["price_impact"], head["defaults"], strict=True):
        found = firesale.fire_sale(sheets, (1.0, 0.8), impact_share)
        yield exactly(f"headline {impact_share}", wanted, found.failures)


def _banks(path: Path) -> firesale.Sheets:
    """EBA's figures: 5 % of assets in cash, half of the debt can be paid back."""
    columns: list[list[float]] = []
    for line in path.read_text(encoding="utf-8").split("\n")[1:]:
        if not line.strip():
            continue
        _, own, ratio, securities, bonds = line.split(" ")
        government = math.fsum(float(part) for part in bonds.split("+"))
        assets = float(own) / (float(ratio) / 100)
        cash, debt = 0.05 * assets, assets - float(own)
        other = assets - float(securities) - cash
        columns.append([cash, float(securities) - government, government, other, debt / 2])
    table = np.array(columns)
    return firesale.Sheets(table[:, 0], table[:, 1:3], table[:, 3], table[:, 4], table[:, 4])


def deleveraging(document: Any, _: Path) -> Iterator[Outcome]:
    yield from _allocations(document)
    for case in document.get("insurance_fund_newsvendor", {}).get("cases", []):
        found = risk.exponential_fund_size(case["mean_deficit"], case["r"], case["kappa"])
        yield together(f"fund {case['r']}, {case['kappa']}", [close("K*", case["K_star"], found)])
    if total := document.get("oct10_2025"):
        checks = [
            nearly(
                "overshoot",
                total["overshoot_usd"]["0ms"],
                total["haircut_production_usd_h0"] - total["budget_needed_usd"],
                1e-9,
            )
        ]
        yield together("10 October 2025", checks)


def _allocations(document: Any) -> Iterator[Outcome]:
    """Our integer rules on the example's endowments, in billionths."""
    if not {"example", "capped_pro_rata"} <= document.keys():
        return
    one = 10**9
    example, capped = document["example"], document["capped_pro_rata"]
    owned = [round(amount * one) for amount in example["endowments"]]
    budget = round(example["H"] * one)
    # Profit without leverage, so that the queue is by size of the gain.
    queue = rank(Candidate(i, -w, w, w * 10**6, w * 10**6) for i, w in enumerate(owned))
    takes = {take.account: take.lots for take in deleverage(budget, queue).takes}
    shared = dict(share_pro_rata(budget, [(i, w, w) for i, w in enumerate(owned)]).shares)
    places = range(len(owned))
    found = [takes.get(place, 0) / one for place in places]
    level = [shared.get(place, 0) / one for place in places]
    yield together("queue", columns("taken", example["queue"], found))
    yield together(
        "in proportion",
        [
            *columns("taken", example["pro_rata"], level),
            close("gap", example["gap"], found[0] - level[0]),
            close("claim", example["gap"], example["H"] * (1.0 - owned[0] / sum(owned))),
        ],
    )
    caps = [round(w * Fraction(str(cap))) for w, cap in zip(owned, capped["caps"], strict=True)]
    gains_ = [(place, owned[place], caps[place]) for place in places]
    cut = dict(share_pro_rata(round(capped["H"] * one), gains_).shares)
    taken = [cut.get(place, 0) / one for place in places]
    most = max(amount * one / owned[place] for place, amount in enumerate(taken))
    checks = columns("taken", capped["haircuts"], taken)
    yield together("capped", [*checks, close("level", capped["eta"], most)])


FILES: dict[str, Checker] = {
    "cascade/06_glt_vulnerable_banks.json": vulnerable_banks,
    "cascade/07_cont_schaanning_threshold.json": threshold_banks,
    "cascade/09_adl.json": deleveraging,
    "cascade/13_debtrank.json": debt_ranks,
    "cascade/18_gain_matrix.json": gains,
    "cascade/20_inet_firesale_eba2018_reference.json": fire_sales,
}
