"""Why a clip got its answer: how far each feature pushed a genre's score from that of the mean training clip.

A score is linear: score = that of the mean clip + Σ coefficient · standardised value. A push is one term of that sum,
in units of score, averaged over the segments that the answer comes from. Pushes of a family or of a group of the
catalogue are sums of those of its features; single coefficients of related features mean little.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from classically_punk.features import catalogue
from classically_punk.modelling.published import PublishedModel
from classically_punk.modelling.transforms import VARIANCE
from classically_punk.reporting.text import plain, signed

COMPARED: dict[str, tuple[str, str]] = {"BPM": ("faster", "slower"), "LUFS": ("louder", "quieter")}
"""Unit -> words for above and below the training mean; all others are higher or lower."""
LOGARITHM = "ln "
"""How units of logarithms begin; they are told as what they are logarithms of."""
MIXED = "mixed"
"""The family of columns that a transform makes of all features together."""
EQUAL_SHARE = 0.01
"""Standard deviations from the mean within which a value is called average."""


@dataclass(frozen=True)
class Reason:
    """One feature: the clip's `value` and the training `mean` in `unit`, and its `push` in units of score."""

    feature: str
    family: str
    group: str
    meaning: str
    unit: str
    value: float
    mean: float
    deviation: float
    push: float

    @property
    def words(self) -> str:
        """`faster: 152 BPM; training mean 119 (beats a minute)`: a comparison that needs no list of features."""
        if self.family == MIXED:
            return self.meaning
        value, mean, unit, meaning = self.value, self.mean, self.unit, self.meaning
        above, below = COMPARED.get(unit, ("higher", "lower"))
        word = "average" if abs(self.deviation) < EQUAL_SHARE else above if self.deviation > 0 else below
        if not self.is_plain:
            return f"{word} than in training: {meaning}"
        if unit.startswith(LOGARITHM):
            value, mean, unit = float(np.exp(value)), float(np.exp(mean)), unit.removeprefix(LOGARITHM)
            meaning = meaning.removeprefix("logarithm of the ")
        behind = "" if unit in ("", "1") else f" {unit}"
        return f"{word}: {plain(_rounded(value))}{behind}; training mean {plain(_rounded(mean))} ({meaning})"

    @property
    def is_plain(self) -> bool:
        """Whether a listener can make something of its numbers: not of logarithms of logarithms."""
        return self.family != MIXED and not self.unit.startswith(LOGARITHM + "ln")


@dataclass(frozen=True)
class Group:
    """Features taken together: a family, or a group of one; `reasons` with the strongest push first."""

    name: str
    push: float
    reasons: tuple[Reason, ...]

    def leading(self, most: int) -> list[Reason]:
        """The features that pushed the way the whole group did: those in plain numbers first, then the strongest."""
        same_way = [reason for reason in self.reasons if reason.push * self.push > 0]
        return sorted(same_way, key=lambda reason: not reason.is_plain)[:most]


@dataclass(frozen=True)
class Explanation:
    """What made the score of `genre`: `score` = `mean_clip_score` + Σ push over all `reasons`."""

    genre: str
    score: float
    mean_clip_score: float
    reasons: tuple[Reason, ...]

    @property
    def families(self) -> list[Group]:
        """From the strongest push towards the genre to the strongest against it."""
        return _grouped(self.reasons, [reason.family for reason in self.reasons])

    def groups(self, family: str) -> list[Group]:
        """The groups of a family, in the same order."""
        own = [reason for reason in self.reasons if reason.family == family]
        return _grouped(own, [reason.group for reason in own])

    def as_json(self, most: int | None = None) -> dict[str, Any]:
        """For answers in JSON; of each family the `most` leading features (all if None)."""
        return {
            "genre": self.genre,
            "score": self.score,
            "mean_clip_score": self.mean_clip_score,
            "families": [
                {
                    "family": family.name,
                    "push": family.push,
                    "groups": [{"group": group.name, "push": group.push} for group in self.groups(family.name)],
                    "features": [
                        {
                            "feature": reason.feature,
                            "words": reason.words,
                            "meaning": reason.meaning,
                            "unit": reason.unit,
                            "value": reason.value,
                            "training_mean": reason.mean,
                            "push": reason.push,
                        }
                        for reason in (family.reasons if most is None else family.leading(most))
                    ],
                }
                for family in self.families
            ],
        }


def answering(segments: Sequence[int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Segment numbers (s,) -> which rows an answer comes from: those from 0, or the whole-clip row if alone."""
    numbers = np.asarray(segments, dtype=np.int64)
    return np.asarray(numbers >= 0 if (numbers >= 0).any() else numbers == -1)


def standing(model: PublishedModel, names: Sequence[str], segments: Sequence[int], values: ArrayLike) -> Any:
    """One clip's rows -> (k,): where it stands among the training clips, in standard deviations by feature."""
    rows = np.asarray(values, dtype=np.float64)[answering(segments)]
    return model.standardised(names, rows).mean(axis=0)


def explain(
    model: PublishedModel, names: Sequence[str], segments: Sequence[int], values: ArrayLike, genre: str
) -> Explanation:
    """Column names (c,), segment numbers (s,), values (s, c) -> why `genre` got its score.

    Raises PublishedModelError if a feature of the model is missing; ValueError for a genre that it does not know.
    """
    at = model.genres.index(genre)
    deviations = standing(model, names, segments, values)
    pushes = np.asarray(model.coefficients[at]) * deviations
    known, own = known_features(model), np.asarray(values, dtype=np.float64)[answering(segments)].mean(axis=0)
    heard = dict(zip(names, own.tolist(), strict=True))
    column = {name: index for index, name in enumerate(model.feature_names)}
    by_source: dict[str, float] = {}
    for name, push in zip(model.feature_names, pushes.tolist(), strict=True):
        source = source_of(name, known)
        by_source[source] = by_source.get(source, 0.0) + push
    reasons = []
    for name, push in by_source.items():
        if name not in known:
            reasons.append(Reason(name, MIXED, name, "all features together", "1", 0.0, 0.0, 0.0, push))
            continue
        family, group, meaning, unit = known[name]
        deviation = float(deviations[column[name]]) if name in column else 0.0
        reasons.append(Reason(name, family, group, meaning, unit, heard[name], _mean(model, name), deviation, push))
    reasons.sort(key=lambda reason: -abs(reason.push))
    base = float(model.intercepts[at])
    return Explanation(genre, base + float(pushes.sum()), base, tuple(reasons))


def told(explanation: Explanation, most: int = 1) -> list[str]:
    """A few lines for a reader: each family's push with the features behind it, towards the genre first."""
    lines = []
    for family in explanation.families:
        way = "towards" if family.push > 0 else "against"
        because = "; ".join(reason.words for reason in family.leading(most))
        lines.append(
            f"{way} {explanation.genre}: {family.name} {pushed(family.push)}" + (f", {because}" if because else "")
        )
    return lines


def table(explanation: Explanation) -> list[str]:
    """Every feature, a line each, under its family and group: push, value, training mean, meaning."""
    lines = [f"score of {explanation.genre} {plain(_rounded(explanation.score))} = mean clip "
             f"{plain(_rounded(explanation.mean_clip_score))} + the pushes below"]  # fmt: skip
    for family in explanation.families:
        lines.append(f"{pushed(family.push):>8}  {family.name}")
        for group in explanation.groups(family.name):
            lines.append(f"{pushed(group.push):>8}    {group.name}")
            lines += [f"{pushed(reason.push):>8}      {reason.feature}: {reason.words}" for reason in group.reasons]
    return lines


def pushed(push: float) -> str:
    """A push with its sign and three decimals."""
    return signed(f"{push:+.3f}")


def source_of(column: str, features: Container[str]) -> str:
    """A column of the model -> the feature that it is made of: itself, `x` of `square:x`, else the kind of the map."""
    kind, colon, rest = column.partition(":")
    return rest if colon and rest in features else kind if colon and column not in features else column


def in_words(names: Sequence[str], values: ArrayLike, feature_set: str) -> list[str]:
    """Whole-clip values (c,) -> those that anybody knows by their unit, such as `152 BPM` and `-9 LUFS`."""
    heard = dict(zip(names, np.asarray(values, dtype=np.float64).tolist(), strict=True))
    return [f"{plain(_rounded(heard[name]))} {unit}" for name, unit in worded(feature_set).items()]


def worded(feature_set: str) -> dict[str, str]:
    """The columns that anybody knows by their unit, and that unit."""
    return {column.name: column.unit for column in catalogue.columns(feature_set) if column.unit in COMPARED}


def _mean(model: PublishedModel, name: str) -> float:
    """The training mean of a feature in its own unit; where logarithms were averaged, what these stand for."""
    transform = model.transform
    if transform is None:
        return float(model.means[model.feature_names.index(name)])
    at = transform.names.index(name)
    mean = float(model.means[model.feature_names.index(name)]) if name in model.feature_names else 0.0
    if transform.centre is not None and transform.scale is not None:
        mean = transform.centre[at] + transform.scale[at] * mean
    return float(np.exp(mean)) if transform.kind != "none" and name.endswith(VARIANCE) else mean


def _grouped(reasons: Iterable[Reason], names: Sequence[str]) -> list[Group]:
    members: dict[str, list[Reason]] = {}
    for name, reason in zip(names, reasons, strict=True):
        members.setdefault(name, []).append(reason)
    groups = [Group(name, sum(one.push for one in own), tuple(own)) for name, own in members.items()]
    return sorted(groups, key=lambda group: -group.push)


def known_features(model: PublishedModel) -> dict[str, tuple[str, str, str, str]]:
    """Feature -> family, group, meaning, unit of every feature that the model can know."""
    name = model.feature_set.partition("@")[0]
    return {
        scalar.name: (feature.family, feature.group or feature.name, scalar.meaning, scalar.unit)
        for feature in catalogue.entries(name)
        for scalar in feature.scalars
    }


def _rounded(value: float) -> float:
    """To three significant digits, as many as a reader takes in."""
    return float(f"{value:.3g}")
