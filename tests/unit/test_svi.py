"""Smiles fitted to the public marks of Deribit's options, 15 and 31 January 2026 (own fits)."""

import math

import pytest
from msgspec.structs import replace

from seawall.market import VolatilitySlice
from seawall.pricing import SmileError, blend, butterfly, inspect_surface, volatility

YEAR_MS = 365 * 86_400_000
ONE = 10**9
# BTC on 15 January 2026: years, at-the-money volatility, a, b, rho, m, sigma.
CALM = [
    (0.005324, 0.3668, -0.002056, 0.030071, -0.448033, -0.050294, 0.103127),
    (0.021763, 0.3652, -0.071458, 0.139882, -0.367975, -0.207375, 0.571341),
    (0.117653, 0.3885, -0.045908, 0.117881, -0.222345, -0.067857, 0.550138),
    (0.942311, 0.47, -0.188081, 0.293675, -0.302183, -0.140272, 1.387058),
]
# BTC on 31 January 2026, 21:21 UTC.
STRESSED = (0.003954, 0.6543, -0.038537, 0.118615, -0.295509, -0.078722, 0.353739)


def smile(fit: tuple[float, ...], coin: int = 1) -> VolatilitySlice:
    years, _, *parameters = (round(x * ONE) for x in fit)
    expires_ms = round(fit[0] * YEAR_MS)
    return VolatilitySlice(coin, expires_ms, ONE, ONE, *parameters, years=years)


@pytest.mark.parametrize("fit", [*CALM, STRESSED])
def test_at_the_money_volatility_is_the_published_one(fit):
    # The fits miss single marks by up to 0.27 vol points, as the source says.
    assert abs(float(volatility(smile(fit), 0.0)) - fit[1]) <= 2e-3


def test_a_smile_is_the_formula_inside_and_flat_beyond_four_deviations():
    years, _, a, b, rho, m, sigma = CALM[2]

    def w(k):
        return a + b * (rho * (k - m) + math.sqrt((k - m) ** 2 + sigma**2))

    edge = 4 * math.sqrt(w(0.0))
    for k in (-edge, -0.3, 0.0, 0.2, edge):
        assert volatility(smile(CALM[2]), k) == pytest.approx(math.sqrt(w(k) / years), rel=1e-7)
    assert volatility(smile(CALM[2]), 2 * edge) == volatility(smile(CALM[2]), 9 * edge)
    assert volatility(smile(CALM[2]), 2 * edge) == pytest.approx(math.sqrt(w(edge) / years), 1e-7)


def test_a_blend_is_linear_in_variance_a_year():
    calm = smile(CALM[0])
    stressed = replace(smile(STRESSED), expires_ms=calm.expires_ms)
    for k in (-0.1, 0.0, 0.05):
        first, second = float(volatility(calm, k)) ** 2, float(volatility(stressed, k)) ** 2
        mixed = float(volatility(blend(calm, stressed, 250_000_000), k)) ** 2
        assert mixed == pytest.approx(0.75 * first + 0.25 * second, rel=1e-12)
        assert volatility(blend(calm, stressed, 0), k) == volatility(calm, k)
        assert volatility(blend(calm, stressed, ONE), k) == volatility(stressed, k)


def test_what_cannot_be_blended_is_refused():
    calm, other = smile(CALM[0]), smile(CALM[1])
    with pytest.raises(SmileError, match="one coin and one expiry"):
        blend(calm, other, 1)
    with pytest.raises(SmileError, match="weight"):
        blend(calm, calm, ONE + 1)
    with pytest.raises(SmileError, match="again"):
        blend(blend(calm, calm, 5), calm, 5)


def test_a_flat_smile_has_density_one_everywhere():
    # w' = w" = 0 leaves g(k) = 1.
    assert butterfly((0.04, 0.0, 0.0, 0.0, 0.1))[1] == 1.0


def test_the_example_of_axel_vogt_breaks_the_butterfly():
    # Gatheral and Jacquier (2014), example 3.1: negative density near k = 0.8, although w > 0.
    vogt = (-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)
    k, g = butterfly(vogt, deviations=10.0)
    assert g < 0.0
    assert 0.6 < k < 1.4
    # √w(0) is 0.132, so the flaw lies beyond four deviations, where the smile is held flat.
    assert butterfly(vogt)[1] > 0.0


def test_a_surface_reports_what_is_flat_and_what_crosses():
    surface = [smile(fit) for fit in CALM]
    report = inspect_surface(surface, 0)
    assert len(report.flattened) == 4
    assert report.flattened[0][2] == pytest.approx(4 * 0.3668 * math.sqrt(0.005324), rel=1e-3)
    assert [flaw for flaw in report.flaws if flaw.condition == "calendar"] == []
    # Half the time at four times the variance a year: it must cross.
    wild = replace(surface[1], years=surface[1].years // 30)
    crossed = inspect_surface([wild, surface[2]], 0).flaws
    assert ("calendar", surface[2].expires_ms) in {(f.condition, f.expires_ms) for f in crossed}
    assert all(flaw.size < 0 for flaw in crossed)


def test_a_negative_variance_is_refused_in_either_fit():
    with pytest.raises(SmileError, match="coin 1"):
        volatility(replace(smile(CALM[0]), a=-ONE), 0.0)
    mixed = blend(smile(CALM[0]), smile(CALM[0]), 5)
    with pytest.raises(SmileError, match="coin 1"):
        volatility(replace(mixed, a2=-ONE), 0.0)


def test_a_blend_of_a_smile_with_itself_keeps_its_flaws():
    # Vogt's curve held over ten deviations is not seen; a sharper kink inside four is.
    kinked = smile((1.0, 0.0, 0.001, 0.6, 0.9, 0.1, 0.01))
    alone = inspect_surface([kinked], 0).flaws
    mixed = inspect_surface([blend(kinked, kinked, 400_000_000)], 0).flaws
    assert [flaw.condition for flaw in alone] == ["butterfly"]
    assert mixed[0].size == pytest.approx(alone[0].size, rel=1e-9)
