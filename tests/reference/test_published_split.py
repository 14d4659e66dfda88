"""The published table and its artist-filtered split: the figure others get, from the same solver as the product."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from classically_punk.modelling.decision import best
from classically_punk.modelling.folds import split_folds, stem_of
from classically_punk.modelling.moments import Moments, merge_all
from classically_punk.modelling.regression import scores, solve

pytestmark = pytest.mark.corpus


def test_plain_least_squares_reaches_the_known_share_across_artists(reference: Path) -> None:
    with (reference / "features_30_sec.csv").open(newline="", encoding="utf-8") as file:
        header, *lines = list(csv.reader(file))
    names = [name for name in header if name not in ("filename", "length", "label")]
    assert (len(lines), len(names)) == (1000, 57)
    columns = [header.index(name) for name in names]
    x = np.asarray([[float(line[column]) for column in columns] for line in lines])
    labels = [line[header.index("label")] for line in lines]
    genres = sorted(set(labels))
    y = np.asarray([genres.index(label) for label in labels])

    split = split_folds(reference / "splits", "filtered", [stem_of(line[header.index("filename")]) for line in lines])
    train, test = split.train, split.test
    assert (train.sum(), test.sum(), split.left_out, split.missing) == (640, 290, 70, 0)

    parts = [Moments.of(x[train][i::3], y[train][i::3], np.ones(len(y[train][i::3])), len(genres)) for i in range(3)]
    fit = solve(merge_all(parts))
    z = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    design = np.hstack([np.ones((len(z), 1)), z])
    expected = np.linalg.lstsq(design[train], np.eye(len(genres))[y[train]], rcond=None)[0]
    assert np.abs(fit.coefficients - expected[1:]).max() <= 1e-8 * np.abs(expected[1:]).max()
    np.testing.assert_allclose(fit.intercept, expected[0], atol=1e-10)

    predicted = best(scores(fit, x[test]))
    assert predicted.tolist() == np.argmax(design[test] @ expected, axis=1).tolist()
    assert 100 * np.mean(predicted == y[test]) == pytest.approx(50.3, abs=0.5)
