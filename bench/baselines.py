"""Learners of scikit-learn beside the linear genre model: the published table, the same folds, paired intervals.

They say what the linear form costs, and are in no product. Strengths are common defaults, tuned on nothing.
Judging by the published lists opens their test part: that is a look, and the figures are no reason to change the model.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from classically_punk.features import PUBLISHED_NAMES
from classically_punk.modelling import crossfit, folds, metrics, protocols
from classically_punk.modelling.crossfit import Learner
from classically_punk.modelling.moments import Moments
from classically_punk.modelling.protocols import Clips, Scheme
from classically_punk.modelling.transforms import MAPPED, Transform
from classically_punk.settings import Model, Settings

ROOT = Path(__file__).resolve().parents[1]
Columns = NDArray[np.float64]
Answers = NDArray[np.int64]

OTHERS: dict[str, Callable[[int], Any]] = {
    "boosting": lambda seed: HistGradientBoostingClassifier(max_iter=150, random_state=seed),
    "rbf_svm": lambda seed: make_pipeline(StandardScaler(), SVC(C=10.0, random_state=seed)),
    "knn": lambda _: make_pipeline(StandardScaler(), KNeighborsClassifier(7)),
}


def transform_of(names: tuple[str, ...], x: Columns, chosen: Model) -> Transform:
    """The configured transform with centre and scale of all rows, as a training run makes it."""
    mapped, fourier = chosen.transform in MAPPED, chosen.transform == "fourier"
    if not mapped and chosen.clip_sd == 0:
        return Transform(names, chosen.transform)
    logged = Transform(names, "none" if chosen.transform == "none" else "log_variance").logged(x)
    unit = Transform(
        names,
        chosen.transform,
        (0.0,) * len(names),
        (1.0,) * len(names),
        clip=chosen.clip_sd,
        weight=chosen.map_weight if mapped else 0.0,
        count=chosen.fourier_count if fourier else 0,
        width=chosen.fourier_width if fourier else 0.0,
        seed=chosen.fourier_seed if fourier else 0,
    )
    return unit.fitted(logged.mean(axis=0), logged.std(axis=0))


def linear(scheme: Scheme, x: Columns, y: Answers, classes: int, scaled: bool, kind: str, lam: float | None) -> Answers:
    """Answers of the linear model on the judged clips, -1 elsewhere."""
    parts = [
        Moments.of(x[scheme.cell == cell], y[scheme.cell == cell], np.ones(int((scheme.cell == cell).sum())), classes)
        for cell in range(scheme.cells)
    ]
    learner = Learner(parts, scheme.cell, x, y, scaled, kind=kind, lam=lam)
    judged = crossfit.judge(learner, scheme.judged, scheme.lessons, calibrated=False)
    best = np.full(y.size, -1, dtype=np.int64)
    best[judged.at] = judged.best
    return best


def other(scheme: Scheme, x: Columns, y: Answers, make: Callable[[int], Any], seed: int) -> Answers:
    """Answers of another learner on the same folds, from logarithms of the variances."""
    best = np.full(y.size, -1, dtype=np.int64)
    for fold, cells in scheme.judged.items():
        train, test = (np.isin(scheme.cell, some) for some in (scheme.lessons[fold].cells, cells))
        best[test] = make(seed).fit(x[train], y[train]).predict(x[test])
    return best


def compared(answers: dict[str, Answers], y: Answers, units: list[str], seed: int) -> dict[str, metrics.MetricRow]:
    """Accuracy of each, and what each has over the first, in paired intervals, by `name` and `name_difference`."""
    judged = np.flatnonzero(next(iter(answers.values())) >= 0)
    right = {name: (best == y)[judged].astype(np.float64) for name, best in answers.items()}
    first, one = next(iter(right.values())), np.ones(judged.size)
    named = {(name, None): (hits, one) for name, hits in right.items()}
    named |= {(f"{name}_difference", None): (hits - first, one) for name, hits in right.items() if hits is not first}
    return {row.metric: row for row in metrics.shares(named, [units[at] for at in judged], seed=seed)}  # type: ignore[arg-type]


def main() -> int:
    """Measures, prints a table and writes the JSON file."""
    parser = argparse.ArgumentParser(prog="scripts/bench baselines")
    reference = ROOT.parent / "shared" / "reference"
    parser.add_argument("--json", type=Path)
    parser.add_argument("--csv", type=Path, default=reference / "features_30_sec.csv")
    parser.add_argument("--lists", type=Path, default=reference / "splits")
    parser.add_argument("--config", type=Path, default=ROOT / "conf/published57.toml")
    parser.add_argument(
        "--protocols", nargs="+", default=["published-rotation", "random-folds"], choices=protocols.ORDER
    )
    asked = parser.parse_args()
    if not asked.csv.is_file():
        print(f"{asked.csv} is not there: give the published table as --csv", file=sys.stderr)
        return 2
    settings = Settings.load(str(asked.config), {})
    table = pd.read_csv(asked.csv)
    genres = sorted(set(table["label"]))
    y = np.asarray([genres.index(label) for label in table["label"]], dtype=np.int64)
    names = tuple(PUBLISHED_NAMES)
    x = table[list(PUBLISHED_NAMES.values())].to_numpy(dtype=np.float64)
    ids, none = list(table["filename"]), [None] * len(table)
    clips = Clips(ids, ids, list(table["label"]), none, none)
    seed, model = settings.evaluation.seed, settings.model
    transform = transform_of(names, x, model)
    columns, logs = transform.apply(x), Transform(names, "log_variance").apply(x)
    figures: dict[str, float] = {}
    print("| protocol | learner | accuracy | less the model's |\n|---|---|---|---|")
    for protocol in asked.protocols:
        split = None
        if protocol in protocols.LISTED:
            split = folds.split_folds(
                asked.lists, settings.evaluation.split_name, [folds.stem_of(each) for each in ids]
            )
        scheme = protocols.scheme(protocol, clips, k=settings.evaluation.folds, seed=seed, split=split)
        answers = {"model": linear(scheme, columns, y, len(genres), transform.scaled, model.decision, model.ridge)}
        answers["least_squares"] = linear(scheme, x, y, len(genres), False, "argmax", 0.0)
        answers |= {name: other(scheme, logs, y, make, seed) for name, make in OTHERS.items()}
        rows = compared(answers, y, ids, seed)
        for name in answers:
            less = rows.get(f"{name}_difference")
            told = "" if less is None else _told(less)
            print(f"| {protocol} | {name} | {_told(rows[name])} of {rows[name].n} | {told} |", flush=True)
            figures[f"{protocol.replace('-', '_')}_{name}"] = rows[name].value or 0.0
    about = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("numpy", "scikit-learn")},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    if asked.json:
        asked.json.write_text(json.dumps(about | figures, indent=2) + "\n", encoding="utf-8")
    return 0


def _told(row: metrics.MetricRow) -> str:
    value, low, high = (100 * (number or 0.0) for number in (row.value, row.low, row.high))
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    sys.exit(main())
