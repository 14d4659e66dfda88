"""Transforms against formulas: logarithms, squares, and cosines whose products are a Gaussian kernel."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF

from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.transforms import FLOOR, Transform, fourier_directions

NAMES = ("a_mean", "a_var", "b_var", "b_mean")


def rows(n: int = 400, seed: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.normal(5, 2, n), rng.lognormal(size=n), rng.lognormal(size=n), rng.normal(-3, 9, n)])


def fitted(transform: Transform, x: np.ndarray) -> Transform:
    logged = transform.logged(x)
    return transform.fitted(logged.mean(axis=0), logged.std(axis=0))


def raw(kind: str, **numbers: object) -> Transform:
    """A transform whose scale is still to be learnt."""
    zeros, ones = (0.0,) * 4, (1.0,) * 4
    return Transform(NAMES, kind, centre=zeros, scale=ones, **numbers)  # type: ignore[arg-type]


def test_nothing_is_done_by_default() -> None:
    x = rows()
    np.testing.assert_array_equal(Transform(NAMES).apply(x), x)
    assert Transform(NAMES).outputs == NAMES
    assert Transform(NAMES).is_identity


def test_variances_become_logarithms_and_silence_has_one() -> None:
    x = rows()
    x[0, 1] = 0.0
    found = Transform(NAMES, "log_variance").apply(x)
    np.testing.assert_allclose(found[1:, 1:3], np.log(x[1:, 1:3]), rtol=1e-15)
    np.testing.assert_array_equal(found[:, [0, 3]], x[:, [0, 3]])
    assert found[0, 1] == np.log(FLOOR)


def test_columns_are_clipped_in_standard_deviations() -> None:
    x = rows()
    x[7, 3] = 1e6
    found = fitted(raw("none", clip=4.0), x).apply(x)
    expected = np.clip((x - x.mean(axis=0)) / x.std(axis=0), -4, 4)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert found.max() == 4.0


def test_weighted_columns_are_standardised_and_then_weighted_before_the_clip() -> None:
    x = rows()
    found = fitted(raw("none", clip=4.0), x).weighted([("a_*", 0.5), ("b_mean", 3.0)]).apply(x)
    z = (x - x.mean(axis=0)) / x.std(axis=0) * [0.5, 0.5, 1.0, 3.0]
    np.testing.assert_allclose(found, np.clip(z, -4, 4), atol=1e-12)


@pytest.mark.parametrize(
    ("weights", "problem"), [([("c_*", 0.5)], "no column 'c_\\*'"), ([("a_*", 0.0)], "no such weight")]
)
def test_weights_of_nothing_and_nothing_as_a_weight_are_refused(weights: list[tuple[str, float]], problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        raw("none", clip=4.0).weighted(weights)
    with pytest.raises(ModelError, match="standardises no column"):
        Transform(NAMES).weighted([("a_*", 0.5)])


def test_squares_stand_beside_the_columns_with_the_share_of_variance_asked_for() -> None:
    x = np.random.default_rng(2).normal(size=(200_000, 4))
    x[:, 1:3] = np.exp(x[:, 1:3])
    made = fitted(raw("squares", weight=0.1), x)
    found = made.apply(x)
    assert made.outputs == (*NAMES, *(f"square:{name}" for name in NAMES))
    np.testing.assert_allclose(found[:, 4:], np.sqrt(0.05) * (found[:, :4] ** 2 - 1), atol=1e-12)
    np.testing.assert_allclose(found.var(axis=0), [1.0] * 4 + [0.1] * 4, rtol=0.03)


def test_products_of_fourier_columns_approach_the_gaussian_kernel() -> None:
    x = rows(60)
    made = fitted(raw("fourier", weight=0.25, count=4000, width=1.5, seed=3), x)
    found = made.apply(x)
    assert len(made.outputs) == found.shape[1] == 4 + 4000
    kernel = RBF(length_scale=1.5 * np.sqrt(4))(found[:, :4])
    np.testing.assert_allclose(found[:, 4:] @ found[:, 4:].T, 0.25 * 4 * kernel, atol=0.08)


def test_directions_are_normal_and_those_of_the_seed() -> None:
    directions, phases = fourier_directions(50, 1000, 2.0, 7)
    assert directions.std() == pytest.approx(1 / (2 * np.sqrt(50)), rel=0.01)
    assert abs(directions.mean()) < 3 * directions.std() / np.sqrt(directions.size)
    # normal in the tails too: 4.55 % lie beyond two deviations
    assert (np.abs(directions) > 2 * directions.std()).mean() == pytest.approx(0.0455, abs=0.004)
    assert (phases >= 0).all()
    assert (phases < 2 * np.pi).all()
    np.testing.assert_array_equal(directions, fourier_directions(50, 1000, 2.0, 7)[0])
    assert not np.allclose(directions, fourier_directions(50, 1000, 2.0, 8)[0])


def test_the_first_direction_of_a_seed_is_written_down() -> None:
    """A published model names the seed only: another NumPy must draw the same. The raw stream is NumPy's promise."""
    raw_stream = np.random.PCG64(1).random_raw(3)
    u = [((int(value) >> 11) + 0.5) / 2**53 for value in raw_stream]
    expected = np.sqrt(-2 * np.log(u[0])) * np.cos(2 * np.pi * u[1])
    directions, phases = fourier_directions(1, 1, 1.0, 1)
    assert directions[0, 0] == pytest.approx(expected, rel=1e-14)
    assert phases[0] == pytest.approx(2 * np.pi * u[2], rel=1e-14)


def test_a_constant_column_stays_finite_and_columns_can_be_left_out() -> None:
    x = rows()
    x[:, 0] = 0.1
    made = fitted(raw("squares", weight=0.1), x)
    assert np.isfinite(made.apply(x)).all()
    less = made.without(["a_var"])
    np.testing.assert_allclose(less.apply(x[:, [0, 2, 3]]), made.apply(x)[:, [0, 2, 3, 4, 6, 7]], atol=1e-12)


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        ({"kind": "cubes"}, "'cubes'"),
        ({"kind": "squares", "weight": 0.1}, "needs centre and scale"),
        ({"clip": 4.0}, "needs centre and scale"),
        ({"centre": (0.0,) * 4, "scale": (0.0,) * 4}, "scales above zero"),
        ({"centre": (0.0,) * 3, "scale": (1.0,) * 3}, "of 4 columns"),
        ({"kind": "fourier", "weight": 0.1, "centre": (0.0,) * 4, "scale": (1.0,) * 4}, "directions"),
        ({"kind": "squares", "centre": (0.0,) * 4, "scale": (1.0,) * 4}, "weight above zero"),
        ({"centre": (0.0,) * 4, "scale": (float("nan"),) * 4}, "NaN"),
    ],
)
def test_parts_that_do_not_fit_are_refused(numbers: dict[str, object], problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        Transform(NAMES, **numbers)  # type: ignore[arg-type]


def test_other_columns_and_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ModelError, match="got 3 columns"):
        Transform(NAMES).apply(rows()[:, :3])
    with pytest.raises(ModelError, match="NaN"):
        Transform(NAMES, "log_variance").apply(np.full((2, 4), np.nan))
