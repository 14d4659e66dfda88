"""Judging the kind of model that is published on clips it has not seen, into `predictions` and `metrics`.

A protocol deals the clips into cells; one pass takes their sums, one the mean columns of each clip, and all fits, the
choices inside them and every condition follow from these. What has been measured stands: only missing conditions run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.errors import ConfigError
from classically_punk.features import catalogue
from classically_punk.modelling import (
    costs,
    crossfit,
    digest,
    folds,
    leakage,
    metrics,
    protocols,
    reliability,
)
from classically_punk.modelling.arrays import Floats, Ints, Mask, ModelError
from classically_punk.modelling.costs import Costs
from classically_punk.modelling.crossfit import Judged, Learner
from classically_punk.modelling.folds import Split
from classically_punk.modelling.metrics import MetricRow
from classically_punk.modelling.moments import Moments
from classically_punk.modelling.protocols import Scheme
from classically_punk.modelling.robustness import answers, compared
from classically_punk.modelling.spread import Spread
from classically_punk.modelling.transforms import MAPPED, Transform
from classically_punk.settings import Settings
from classically_punk.spark import baselines, copies, robustness, schemas, vectors
from classically_punk.spark.progress import say
from classically_punk.spark.robustness import Heard
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.vectors import MAIN, Design, Training

VERSION = 2
"""Part of every digest: rises when the same settings give other numbers."""
LEAST_SQUARES = "baseline:least-squares"
LOOKS = "test_part_looks"


def evaluate_genres(warehouse: Warehouse, settings: Settings, run: Run, data: Training, model_id: str) -> None:
    """Runs every configured protocol and condition that this model was not judged under yet. Raises ConfigError."""
    if warehouse.read("models").where(F.col("model_id") == model_id).limit(1).count() == 0:
        raise ConfigError("warehouse.root", f"no model {model_id} for these clips and settings: run train_genres first")
    judged = warehouse.read("metrics").where(F.col("model_id") == model_id)
    done = {
        (row["condition"], row["evaluation_digest"])
        for row in judged.select("condition", "evaluation_digest").distinct().collect()
    }
    chosen = settings.evaluation.protocols
    columns: dict[str, Floats] = {}
    strictest = min(chosen, key=protocols.ORDER.index, default=None)
    for protocol in chosen:
        scheme, split = _dealt(protocol, settings, data)
        strict = protocol == strictest
        judging = Judging(warehouse, settings, run, data, model_id, scheme, split, strict, columns)
        missing = [name for name in judging.conditions if (name, judging.digest_of(name)) not in done]
        if not missing:
            say(f"{protocol}: measured already")
            continue
        with run.stage(f"evaluate {protocol}"):
            judging.write(missing)


def scheme_of(protocol: str, settings: Settings, data: Training) -> Scheme:
    """The deal of a protocol on these clips. Raises ConfigError."""
    return _dealt(protocol, settings, data)[0]


def _dealt(protocol: str, settings: Settings, data: Training) -> tuple[Scheme, Split | None]:
    chosen, split = settings.evaluation, None
    if protocol in protocols.LISTED:
        folder = settings.folder("evaluation.split_dir")
        stems = [folds.stem_of(str(path)) for path in data.clips["path"]]
        split = folds.split_folds(Path(folder), chosen.split_name, stems)
        if split.missing or split.left_out:
            say(f"{protocol}: {split.missing} listed tracks have no clip here, {split.left_out} clips stand in no list")
    return protocols.scheme(protocol, data.dealt, k=chosen.folds, seed=chosen.seed, split=split), split


Measure = Callable[[], list[MetricRow]]


@dataclass
class Judging:
    """One protocol over one model: what is computed once (`cached_property`) and the conditions that look at it."""

    warehouse: Warehouse
    settings: Settings
    run: Run
    data: Training
    model_id: str
    scheme: Scheme
    split: Split | None
    strictest: bool
    columns: dict[str, Floats]
    """The mean columns of clips by design, shared by all protocols; filled as they are wanted."""

    @cached_property
    def conditions(self) -> dict[str | None, Measure]:
        """By name, how each condition is measured; None is the model itself, which the others are compared with."""
        chosen = self.settings.evaluation
        told: dict[str | None, Measure] = {None: self._main}
        told |= {f"threshold:{at:g}": partial(self._threshold, at) for at in chosen.thresholds}
        told["threshold:cheapest"] = self._cheapest
        told |= {"baseline:chance": self._chance, "baseline:majority": self._majority}
        told[LEAST_SQUARES] = self._least_squares
        others = {"argmax", "score-space"} - {self.settings.model.decision}
        told |= {f"baseline:{other}": partial(self._decided, other) for other in sorted(others)}
        if self.strictest:
            if chosen.ablation:
                groups = catalogue.groups(self.settings.model.feature_set)
                told |= {f"ablation:{name}": partial(self._without, name) for name in sorted(groups)}
            if chosen.controls:
                told |= {name: partial(self._control, name) for name in self._controls}
            told |= {f"baseline:{name}": partial(self._mllib, name) for name in chosen.baselines}
            told |= {name: partial(self._altered, name) for name in chosen.robustness}
        return told

    def digest_of(self, condition: str | None) -> str:
        """What shapes a condition's numbers beside the model: where it stands in `metrics`, they are not redone."""
        chosen = self.settings.evaluation
        shaping: dict[str, Any] = {"version": VERSION, "condition": condition, "draws": chosen.bootstrap_draws}
        shaping["fold"] = dict(zip(self.data.clips["clip_id"], self.scheme.cell.tolist(), strict=True))
        if condition is None or condition.startswith("threshold:"):
            shaping["cost"] = self.settings.cost.model_dump(mode="json")
            shaping["threshold"] = self.settings.model.threshold
        if condition is not None and condition.startswith("ablation:"):
            shaping["group"] = list(catalogue.groups(self.settings.model.feature_set)[condition.partition(":")[2]])
        if condition in chosen.robustness:
            shaping["sample"] = chosen.robustness_sample
        if condition in self._controls:
            shaping["columns"] = list(self._controls[condition])
        return digest.evaluation_digest(
            self.scheme.protocol,
            seed=chosen.seed,
            folds=chosen.folds,
            split=None if self.split is None else self.split.digest,
            decision=self.settings.model.decision,
            settings=shaping,
        )

    def write(self, conditions: Iterable[str | None]) -> None:
        """Measures these conditions and appends them to `metrics`, the model itself last: where it stands, all do."""
        rows: list[tuple[Any, ...]] = []
        for condition in sorted(conditions, key=lambda name: (name is None, name or "")):
            try:
                measured = self.conditions[condition]()
            except ModelError as error:
                if condition is None:
                    raise ConfigError("evaluation.protocols", f"{self.scheme.protocol}: {error}") from error
                say(f"{self.scheme.protocol}, {condition}: not measured: {error}")
                measured = [MetricRow("accuracy", None, None, None, None, None, 0)]  # tried: not again every time
            rows += [self._row(condition, metric) for metric in measured]
        self.warehouse.append("metrics", self.warehouse.spark.createDataFrame(rows, schemas.METRICS))

    def _row(self, condition: str | None, m: MetricRow) -> tuple[Any, ...]:
        told: dict[str, Any] = {
            "run_id": self.run.run_id,
            "model_id": self.model_id,
            "protocol": self.scheme.protocol,
            "condition": condition,
            "evaluation_digest": self.digest_of(condition),
            "metric": m.metric,
            "genre": m.genre,
            "predicted_genre": m.predicted_genre,
            "value": m.value,
            "low": m.low,
            "high": m.high,
            "n": m.n,
        }
        return tuple(told[column] for column in schemas.METRICS.names)

    # what is computed once

    @cached_property
    def _designs(self) -> dict[str, Design]:
        """The model's columns, its features as they are, the controls, and mapped columns without each group."""
        names = self.data.transform.names
        told = {MAIN: self.data.design, LEAST_SQUARES: self.data.design_of(Transform(names))}
        if self.strictest and self.settings.evaluation.controls:
            told |= {name: self.data.design_of(Transform(columns)) for name, columns in self._controls.items()}
        if self.strictest and self.settings.evaluation.ablation and self.data.transform.kind in MAPPED:
            for name, members in catalogue.groups(self.settings.model.feature_set).items():
                if set(names) - set(members):
                    told[f"ablation:{name}"] = self.data.design_of(self.data.transform.without(members))
        return told

    @cached_property
    def _controls(self) -> dict[str, tuple[str, ...]]:
        """What is not music, by condition: length, and what the signal tells before and after its conditioning."""
        here = set(self.data.inputs)
        told: dict[str, tuple[str, ...]] = {"control:length": (vectors.LENGTH,)}
        for name, conditioned in (("control:raw", False), ("control:conditioned", True)):
            columns = tuple(column for column in catalogue.control_names(conditioned) if column in here)
            if columns:
                told[name] = (vectors.LENGTH, *columns)
        return told

    @cached_property
    def _columns(self) -> dict[str, Floats]:
        missing = {name: design for name, design in self._designs.items() if name not in self.columns}
        if missing:
            self.columns |= vectors.clip_columns(self.data, missing)
        return self.columns

    @cached_property
    def _sums(self) -> dict[str, list[Moments]]:
        """Of all designs in one pass, but for those whose columns are maps: they are many, and come one by one."""
        mapped = {name for name, design in self._designs.items() if design.transform.kind in MAPPED and name != MAIN}
        designs = {name: self._designs[name] for name in self._designs if name in self._columns and name not in mapped}
        return vectors.sums(self.data, self.scheme.cell, self.scheme.cells, designs)

    @cached_property
    def _spreads(self) -> list[Spread]:
        return copies.spread_parts(self.data, self.scheme.cell, self.scheme.cells)

    def _learner(self, design: str) -> Learner:
        if design not in self._columns:
            raise ModelError("some clips lack its columns")
        parts = self._sums.get(design)
        if parts is None:
            one = {design: self._designs[design]}
            parts = vectors.sums(self.data, self.scheme.cell, self.scheme.cells, one)[design]
        scaled = self._designs[design].transform.scaled
        columns, cells = self._columns[design], self.scheme.cell
        return vectors.learner(self.data, cells, parts, columns, self.settings, scaled, design, self._spreads)

    @cached_property
    def _main_learner(self) -> Learner:
        return self._learner(MAIN)

    def _judged(self, learner: Learner) -> Judged:
        """Answers alone, without temperatures."""
        return crossfit.judge(learner, self.scheme.judged, self.scheme.lessons, calibrated=False)

    @cached_property
    def _judgement(self) -> Judged:
        """The model itself."""
        return crossfit.judge(self._main_learner, self.scheme.judged, self.scheme.lessons)

    @property
    def _true(self) -> Ints:
        return self.data.classes[self._judgement.at]

    @property
    def _units(self) -> list[str]:
        return [self.data.units[at] for at in self._judgement.at]

    @property
    def _drawn(self) -> dict[str, int]:
        return {"seed": self.settings.evaluation.seed, "draws": self.settings.evaluation.bootstrap_draws}

    @cached_property
    def _costs(self) -> Costs:
        cost = self.settings.cost
        pairs = {(true, answered): price for true, answered, price in cost.pairs}
        return Costs(cost.wrong, pairs, cost.not_sure, cost.human_check)

    # the conditions

    def _main(self) -> list[MetricRow]:
        here, true, units = self._judgement, self._true, self._units
        self._write_predictions()
        told = metrics.evaluate(true, here.best, here.scores, units, self.data.genres, **self._drawn)
        told.append(metrics.worst_recall(true, here.best, units, **self._drawn))
        told += reliability.calibration_metrics(here.confidence, here.best == true, units, **self._drawn)
        answered = costs.threshold_metrics(
            self.settings.model.threshold,
            here.confidence,
            here.best,
            true,
            units,
            self.data.genres,
            self._costs,
            **self._drawn,
        )
        told += [row for row in answered if row.metric != "accuracy"]
        told.append(MetricRow("lambda", None, None, _middle(here.lams.values()), None, None, len(true)))
        told += leakage.straddling_metrics(
            {
                "clips": list(self.data.clips["clip_id"]),
                "duplicates": list(self.data.clips["audio"]),
                "near_duplicates": list(self.data.clips["recording"]),
            },
            self.scheme.fold,
        )
        told += self._looks()
        if self.scheme.protocol == "size-matched-random":
            told += self._price()
        accuracy = next(m for m in told if m.metric == "accuracy")
        if accuracy.value is not None:
            about = ", synthetic: this means nothing about music" if self.data.synthetic else ""
            say(f"{self.scheme.protocol}: {100 * accuracy.value:.1f} % of {accuracy.n} clips right{about}")
        return told

    def _compared(self, other: Judged) -> list[MetricRow]:
        return self._compared_answers(other.best)

    def _compared_answers(self, best: Ints) -> list[MetricRow]:
        """Answers on the same clips: accuracy, recalls, the worst, and their accuracy less the model's own."""
        true, one = self._true, np.ones(self._true.size)
        right, mine = (answers == true for answers in (best, self._judgement.best))
        here: dict[tuple[str, str | None], tuple[Floats, Floats]] = {
            ("accuracy", None): (right.astype(np.float64), one),
            ("accuracy_difference", None): (right.astype(np.float64) - mine, one),
        }
        for g, genre in enumerate(self.data.genres):
            of_genre = (true == g).astype(np.float64)
            here["recall", genre] = (of_genre * right, of_genre)
        worst = metrics.worst_recall(true, best, self._units, **self._drawn)
        return [*metrics.shares(here, self._units, **self._drawn), worst]

    def _threshold(self, at: float | Floats) -> list[MetricRow]:
        here = self._judgement
        return costs.threshold_metrics(
            at, here.confidence, here.best, self._true, self._units, self.data.genres, self._costs, **self._drawn
        )

    def _cheapest(self) -> list[MetricRow]:
        """The threshold that costs least on the training clips of each fold, and what it gives on the judged ones."""
        here = self._judgement
        chosen = {fold: costs.cheapest(*told, self.data.genres, self._costs) for fold, told in here.told.items()}
        if set(chosen) != set(here.fold.tolist()):
            raise ModelError("too few groups to choose a threshold from")
        at = np.asarray([chosen[fold] for fold in here.fold.tolist()])
        middle = MetricRow(
            "threshold", None, None, _middle(chosen.values()), min(chosen.values()), max(chosen.values()), at.size
        )
        return [middle, *self._threshold(at)]

    def _chance(self) -> list[MetricRow]:
        share = 1 / len(self.data.genres)
        return [MetricRow("accuracy", None, None, share, None, None, self._true.size)]

    def _majority(self) -> list[MetricRow]:
        """The genre with the most clips in what each fold learns from."""
        best = np.zeros(self._true.size, dtype=np.int64)
        for fold in set(self._judgement.fold.tolist()):
            learnt = np.isin(self.scheme.cell, self.scheme.lessons[fold].cells)
            counts = np.bincount(self.data.classes[learnt], minlength=len(self.data.genres))
            best[self._judgement.fold == fold] = int(np.argmax(counts))
        return self._compared_answers(best)

    def _least_squares(self) -> list[MetricRow]:
        """The plain regressions: features as they are, no ridge, the largest score."""
        return self._compared(self._judged(self._learner(LEAST_SQUARES).under("argmax", 0.0)))

    def _decided(self, kind: str) -> list[MetricRow]:
        """The same regressions under the other decision."""
        return self._compared(self._judged(self._main_learner.under(kind, self.settings.model.ridge)))

    def _without(self, group: str) -> list[MetricRow]:
        """The model without a group of features: from the sums that are there, or from their own if they are mapped."""
        members = set(catalogue.groups(self.settings.model.feature_set)[group])
        keep: Mask = np.asarray([name not in members for name in self.data.names])
        if not keep.any() or keep.all():
            raise ModelError("it is all of the features" if not keep.any() else "the model has none of its features")
        if self.data.transform.kind in MAPPED:
            return self._compared(self._judged(self._learner(f"ablation:{group}")))
        return self._compared(self._judged(self._main_learner.take(keep)))

    def _control(self, name: str) -> list[MetricRow]:
        """The same kind of model on what is not music. Told as `control_accuracy` too; said where it is too good."""
        told = self._compared(self._judged(self._learner(name)))
        accuracy = told[0]
        limit = self.settings.evaluation.max_control_accuracy
        if accuracy.value is not None and accuracy.value > limit and name != "control:raw":
            say(
                f"warning: {name} alone tells the genre of {100 * accuracy.value:.1f} % of {accuracy.n} clips under "
                f"{self.scheme.protocol}, more than evaluation.max_control_accuracy {100 * limit:g} %"
            )
        control = MetricRow("control_accuracy", None, None, accuracy.value, accuracy.low, accuracy.high, accuracy.n)
        return [*told, control]

    def _mllib(self, name: str) -> list[MetricRow]:
        """Another learner of MLlib on the same folds: on each clip's mean columns, before any maps, standardised."""
        plain = len(self.data.transform.names)  # maps stand behind the plain columns
        columns, best = self._columns[MAIN][:, :plain], np.zeros(self._true.size, dtype=np.int64)
        for fold in sorted(set(self._judgement.fold.tolist())):
            train = np.flatnonzero(np.isin(self.scheme.cell, self.scheme.lessons[fold].cells))
            here = self._judgement.fold == fold
            best[here] = baselines.answers(
                name,
                self.warehouse.spark,
                columns[train],
                self.data.classes[train],
                columns[self._judgement.at[here]],
                seed=self.settings.evaluation.seed,
            )
        return self._compared_answers(best)

    @cached_property
    def _heard(self) -> dict[str, Heard]:
        return robustness.heard(self.warehouse, self.settings, self.run, self.data, self._judgement.at)

    def _altered(self, condition: str) -> list[MetricRow]:
        """The same models on altered copies of the clips they judge, less what they answer to the clips as they are."""
        here, learner = self._heard[condition], self._main_learner
        before = learner.columns[here.at] if here.original is None else here.original
        copy, original = (
            answers(learner, self.scheme.judged, self.scheme.lessons, here.at, columns)
            for columns in (here.altered, before)
        )
        units = [self.data.units[at] for at in here.at]
        return compared(self.data.classes[here.at], copy, original, units, **self._drawn)

    def _price(self) -> list[MetricRow]:
        """What hearing the same artist in training is worth: this control's accuracy less that of the rotation."""
        scheme, split = _dealt("published-rotation", self.settings, self.data)
        rotated = replace(self, scheme=scheme, split=split, strictest=False)._judgement
        both, mine, theirs = np.intersect1d(self._judgement.at, rotated.at, return_indices=True)
        true = self.data.classes[both]
        more = (self._judgement.best[mine] == true).astype(np.float64) - (rotated.best[theirs] == true)
        units = [self.data.units[at] for at in both]
        return metrics.shares({("same_artist_price", None): (more, np.ones(both.size))}, units, **self._drawn)

    def _looks(self) -> list[MetricRow]:
        """How often a test part has been opened, this time included; the fixed reference does not count."""
        if self.scheme.protocol not in protocols.OPENS_TEST:
            return []
        if not is_reference(self.settings):
            self.run.counts[LOOKS] = 1  # once a run, whatever it reads there
        before = self.warehouse.read("runs").where(F.col("run_id") != self.run.run_id)
        looked = before.select(F.sum(F.element_at("counts", LOOKS)).alias("n")).first()
        past = int(looked["n"] or 0) if looked else 0
        looks = past + self.run.counts.get(LOOKS, 0)
        return [MetricRow(LOOKS, None, None, float(looks), None, None, self._true.size)]

    def _write_predictions(self) -> None:
        here, threshold = self._judgement, self.settings.model.threshold
        clips, genres = self.data.clips, self.data.genres
        rows = [
            (
                self.run.run_id,
                self.model_id,
                self.scheme.protocol,
                fold,
                clips["clip_id"].iat[at],
                clips["genre"].iat[at],
                genres[best],
                genres[best] if sure >= threshold else None,
                sure,
                dict(zip(genres, scores, strict=True)),
            )
            for at, fold, best, sure, scores in zip(
                here.at.tolist(),
                here.fold.tolist(),
                here.best.tolist(),
                here.confidence.tolist(),
                here.scores.tolist(),
                strict=True,
            )
        ]
        frame = self.warehouse.spark.createDataFrame(rows, schemas.PREDICTIONS)
        self.warehouse.merge("predictions", frame, ("model_id", "protocol", "clip_id"))


def is_reference(settings: Settings) -> bool:
    """Whether the model is the plain one known from elsewhere: 57 features, least squares, the largest score."""
    model = settings.model
    chosen = (model.feature_set, model.decision, model.ridge, model.transform, model.clip_sd)
    return chosen == ("classic57", "argmax", 0.0, "none", 0.0)


def _middle(values: Iterable[float]) -> float:
    return float(np.median(list(values)))
