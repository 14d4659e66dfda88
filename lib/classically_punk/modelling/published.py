"""The published model: numbers in one JSON file, which a process without a JVM loads, checks and answers with.

Layout under the warehouse: `published/<model_id>.json`, beside it the training clips by name (`training_clips`), and
`published/current.json`, which names both with their SHA-256 and is replaced last. Reading is strict: a damaged or
foreign file is refused, never half understood.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from classically_punk import atomic
from classically_punk.errors import PunkError
from classically_punk.modelling.arrays import Floats, Ints, Mask, ModelError, floats
from classically_punk.modelling.decision import KINDS, Layer
from classically_punk.modelling.transforms import Transform

SCHEMA_VERSION = 2
READABLE = (1, 2)
"""Version 1 had no `transform`: its models took their features as they are."""
FOLDER = "published"
CURRENT = "current.json"
CLIPS_ENDING = ".clips.parquet"
CLIPS_FILE, CLIPS_SHA256 = "clips_file", "clips_sha256"
"""Keys of `current.json` that name the training clips, where they were published."""


class PublishedModelError(PunkError):
    """A published model cannot be used: says which file, what was found and what was expected."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where, self.problem = where, problem

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


@dataclass(frozen=True)
class Decision:
    """How clip scores become an answer: `argmax` or `score-space`; `temperature` > 0; below `threshold` it is not sure.

    `means` (g rows of g, one a genre) and `covariance` (g rows of g) are those of `score-space`; `argmax` has none.
    """

    kind: str = "argmax"
    temperature: float = 1.0
    threshold: float = 0.0
    means: tuple[tuple[float, ...], ...] | None = None
    covariance: tuple[tuple[float, ...], ...] | None = None

    @property
    def layer(self) -> Layer:
        """The same as arrays, to decide with. Raises ModelError for a kind without its numbers."""
        means, covariance = (None if rows is None else np.asarray(rows) for rows in (self.means, self.covariance))
        return Layer(self.kind, self.temperature, self.threshold, means, covariance)


@dataclass(frozen=True)
class Training:
    """What the model was fitted on: number of clips, of groups, and the digest of the set."""

    clips: int
    groups: int
    digest: str


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of n clips: index of the `best` genre (n,), whether it is `sure` of it (n,), its `confidence`
    (n,) 0 to 1, `shares` and `scores` (n, g) of all genres."""

    best: Ints
    sure: Mask
    confidence: Floats
    shares: Floats
    scores: Floats


@dataclass(frozen=True)
class Answer:
    """One clip's answer: `best` genre; `predicted` the same, or None for not sure.

    `confidence` is the probability of `best`, 0 to 1; `probabilities` (sum 1) and `scores` (raw regressions) by genre.
    """

    best: str
    predicted: str | None
    confidence: float
    probabilities: dict[str, float]
    scores: dict[str, float]


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a model as arrays."""

    means: Floats
    scales: Floats
    low: Floats | None
    high: Floats | None
    coefficients: Floats
    intercepts: Floats


@dataclass(frozen=True)
class PublishedModel:
    """k columns in order, g genres in order: score = intercept + Σ coefficient · clip((value - mean) / scale).

    `transform` makes the columns from features, or is None where they are the features themselves.
    `coefficients` g rows of k; `clip_low`, `clip_high` k bounds in standard deviations, or None for no clipping;
    `figures` the protocols' numbers as {protocol: {name: number}}, or None. Raises PublishedModelError if the parts do
    not fit together, so that no instance is wrong.
    """

    model_id: str
    genres: tuple[str, ...]
    feature_set: str
    feature_names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    clip_low: tuple[float, ...] | None
    clip_high: tuple[float, ...] | None
    intercepts: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]
    lam: float
    decision: Decision
    segment_s: float
    training: Training
    published_at: str
    run_id: str
    figures: Mapping[str, Mapping[str, float]] | None = None
    transform: Transform | None = None
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        _check(self)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features it needs: those of its transform, or its columns themselves."""
        return self.feature_names if self.transform is None else self.transform.names

    def to_json(self) -> str:
        """One JSON object; every float reads back as the same bits."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "model") -> PublishedModel:
        """Text of `to_json` -> the model; `where` names the file in errors.

        Raises PublishedModelError for anything else: no JSON, another version, a field missing, unknown, of another
        kind, of the wrong length, NaN or infinite.
        """
        raw = _object(text, where)
        version = raw.get("schema_version")
        if version not in READABLE or isinstance(version, bool):
            known = " and ".join(str(each) for each in READABLE)
            raise PublishedModelError(where, f"schema_version is {version!r}, this program reads {known}")
        if version == 1:
            raw = {**raw, "transform": None}
        read = _Reader(where)
        read.keys("the model", raw, cls)
        decision, training = raw["decision"], raw["training"]
        read.keys("decision", decision, Decision)
        read.keys("training", training, Training)
        clipped = raw["clip_low"] is not None or raw["clip_high"] is not None
        figures = raw["figures"]
        try:
            return cls(
                model_id=read.text("model_id", raw["model_id"]),
                genres=read.texts("genres", raw["genres"]),
                feature_set=read.text("feature_set", raw["feature_set"]),
                feature_names=read.texts("feature_names", raw["feature_names"]),
                means=read.numbers("means", raw["means"]),
                scales=read.numbers("scales", raw["scales"]),
                clip_low=read.numbers("clip_low", raw["clip_low"]) if clipped else None,
                clip_high=read.numbers("clip_high", raw["clip_high"]) if clipped else None,
                intercepts=read.numbers("intercepts", raw["intercepts"]),
                coefficients=read.table("coefficients", raw["coefficients"]),
                lam=read.number("lam", raw["lam"]),
                decision=Decision(
                    kind=read.text("decision.kind", decision["kind"]),
                    temperature=read.number("decision.temperature", decision["temperature"]),
                    threshold=read.number("decision.threshold", decision["threshold"]),
                    means=None if decision["means"] is None else read.table("decision.means", decision["means"]),
                    covariance=None
                    if decision["covariance"] is None
                    else read.table("decision.covariance", decision["covariance"]),
                ),
                segment_s=read.number("segment_s", raw["segment_s"]),
                training=Training(
                    clips=read.whole("training.clips", training["clips"]),
                    groups=read.whole("training.groups", training["groups"]),
                    digest=read.text("training.digest", training["digest"]),
                ),
                published_at=read.text("published_at", raw["published_at"]),
                run_id=read.text("run_id", raw["run_id"]),
                figures=None if figures is None else read.figures(figures),
                transform=None if raw["transform"] is None else read.transform(raw["transform"]),
            )
        except PublishedModelError as error:
            raise PublishedModelError(where, error.problem) from error

    def scores(self, names: Sequence[str], values: ArrayLike) -> Floats:
        """Column names (c,) and rows of values (n, c), more columns than needed or another order allowed -> (n, g).

        Raises as `standardised`.
        """
        return np.asarray(self.standardised(names, values) @ self._numbers.coefficients.T + self._numbers.intercepts)

    def standardised(self, names: Sequence[str], values: ArrayLike) -> Floats:
        """The same input -> (n, k): what the coefficients multiply, in standard deviations from the training mean.

        Raises PublishedModelError if a feature of the model is missing, ModelError if a value is not finite.
        """
        place = {name: index for index, name in enumerate(names)}
        missing = [name for name in self.inputs if name not in place]
        if missing:
            problem = f"needs features that were not described: {', '.join(missing[:5])}"
            raise PublishedModelError(f"model {self.model_id}", problem)
        needed = np.asarray(values, dtype=np.float64)[:, [place[name] for name in self.inputs]]
        if self.transform is not None:
            made = {name: at for at, name in enumerate(self.transform.outputs)}
            needed = self.transform.apply(needed)[:, [made[name] for name in self.feature_names]]
        numbers = self._numbers
        z = (floats(needed, "features", 2) - numbers.means) / numbers.scales
        return np.asarray(z if numbers.low is None else np.clip(z, numbers.low, numbers.high))

    @cached_property
    def _numbers(self) -> _Numbers:
        """Made once: thousands of tuples to arrays would cost an answer as much as all the rest of it."""
        clipped = self.clip_low is not None and self.clip_high is not None
        return _Numbers(
            means=np.asarray(self.means),
            scales=np.asarray(self.scales),
            low=np.asarray(self.clip_low) if clipped else None,
            high=np.asarray(self.clip_high) if clipped else None,
            coefficients=np.asarray(self.coefficients),
            intercepts=np.asarray(self.intercepts),
        )

    def classify(self, names: Sequence[str], segments: Sequence[int], values: ArrayLike) -> Answer:
        """One clip's rows: column names (c,), segment numbers (s,), values (s, c) -> its answer.

        The scores are the mean over the segments from 0; the whole-clip row -1 counts only where there are no others,
        as in training. Raises PublishedModelError without rows or as `scores` does.
        """
        numbers = np.asarray(segments, dtype=np.int64)
        if numbers.size == 0:
            raise PublishedModelError(f"model {self.model_id}", "a clip without described segments has no answer")
        told = self.classify_all(names, np.zeros(numbers.size, dtype=np.int64), numbers, values)
        best, confidence = self.genres[told.best[0]], float(told.confidence[0])
        return Answer(
            best=best,
            predicted=best if told.sure[0] else None,
            confidence=confidence,
            probabilities=dict(zip(self.genres, told.shares[0].tolist(), strict=True)),
            scores=dict(zip(self.genres, told.scores[0].tolist(), strict=True)),
        )

    def classify_all(self, names: Sequence[str], clips: ArrayLike, segments: ArrayLike, values: ArrayLike) -> Answers:
        """Rows of many clips: column names (c,), the number of each row's clip (n,), side by side and rising, segment
        numbers (n,), values (n, c) -> the answers of the clips, in their order, as `classify` gives them one by one.

        Raises as `scores`.
        """
        clip, segment = np.asarray(clips, dtype=np.int64), np.asarray(segments, dtype=np.int64)
        starts = np.flatnonzero(np.diff(clip, prepend=-1))
        cut = np.maximum.reduceat(segment, starts) >= 0 if starts.size else np.zeros(0, dtype=bool)
        used = (segment >= 0) | ~np.repeat(cut, np.diff(starts, append=clip.size))
        scores = self.scores(names, np.asarray(values, dtype=np.float64)[used])
        of_clip = clip[used]
        starts = np.flatnonzero(np.diff(of_clip, prepend=-1))
        if not starts.size:
            nothing = np.empty((0, len(self.genres)))
            return Answers(np.empty(0, dtype=np.int64), np.empty(0, dtype=bool), np.empty(0), nothing, nothing)
        means = np.add.reduceat(scores, starts, axis=0) / np.diff(starts, append=of_clip.size)[:, np.newaxis]
        layer = self.decision.layer
        shares = layer.probabilities(means)
        best = np.argmax(layer.leanings(means), axis=1)
        confidence = shares[np.arange(best.size), best]
        return Answers(best, confidence >= self.decision.threshold, confidence, shares, means)


def publish(root: Path, model: PublishedModel, clips: bytes | None = None) -> Path:
    """The warehouse folder and a model -> the model's file, in force once this returns.

    `clips` is the content of `training_clips.to_parquet`, if the nearest of them are to be told by name. Each file is
    complete on disk before it takes its name, and `current.json` comes last: a reader, or a crash at any point, sees
    the old model or the new. OSError if the folder cannot be written.
    """
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    target, digest = _placed(folder, model.model_id, ".json", model.to_json().encode())
    current = {"model_id": model.model_id, "file": target.name, "sha256": digest}
    if clips is not None:
        beside, digest = _placed(folder, model.model_id, CLIPS_ENDING, clips)
        current |= {CLIPS_FILE: beside.name, CLIPS_SHA256: digest}
    atomic.replace(folder / CURRENT, (json.dumps(current, indent=1) + "\n").encode())
    return target


def take_back(root: Path) -> None:
    """The warehouse folder -> no model is in force any more. OSError if the folder cannot be written."""
    (root / FOLDER / CURRENT).unlink(missing_ok=True)


def load_current(root: Path) -> PublishedModel:
    """The warehouse folder -> the model in force, its SHA-256 verified.

    Raises PublishedModelError if nothing is published or a file is missing, unreadable, damaged or not the one named.
    """
    pointer = root / FOLDER / CURRENT
    told = _read_pointer(pointer)
    while True:
        try:
            return _load(pointer, told)
        except PublishedModelError:
            now = _read_pointer(pointer)
            if now == told:
                raise
            told = now  # another model was published meanwhile


def _placed(folder: Path, model_id: str, ending: str, content: bytes) -> tuple[Path, str]:
    """Writes a file of a model -> where it is, and its SHA-256."""
    digest = hashlib.sha256(content).hexdigest()
    target = folder / f"{model_id}{ending}"
    if _in_force(target) not in (None, digest):
        # never other content under the name that is in force: until the pointer follows, no digest would fit it
        target = folder / f"{model_id}.{digest[:12]}{ending}"
    atomic.replace(target, content)
    return target, digest


def _in_force(target: Path) -> str | None:
    """The SHA-256 of a published file, if it is whole and one that `current.json` names."""
    try:
        raw = json.loads(target.with_name(CURRENT).read_bytes())
        found = hashlib.sha256(target.read_bytes()).hexdigest()
        named = [(raw["file"], raw["sha256"]), (raw.get(CLIPS_FILE), raw.get(CLIPS_SHA256))]
        return found if (target.name, found) in named else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read_pointer(pointer: Path) -> bytes:
    return _read(pointer, f"no model is published there ({pointer.name} is missing)")


def _load(pointer: Path, told: bytes) -> PublishedModel:
    raw = _object(told, str(pointer))
    identity, name, expected = (raw.get(key) for key in ("model_id", "file", "sha256"))
    if not isinstance(identity, str) or not isinstance(expected, str) or not isinstance(name, str):
        raise PublishedModelError(str(pointer), "must name model_id, file and sha256")
    if not PLAIN_NAME.fullmatch(name):
        raise PublishedModelError(str(pointer), f"names the file {name!r}, which is not a plain file name")
    path = pointer.with_name(name)
    text = _read(path, f"is missing, though {pointer.name} names it")
    found = hashlib.sha256(text).hexdigest()
    if found != expected:
        raise PublishedModelError(str(path), f"has SHA-256 {found[:12]}…, {pointer.name} names {expected[:12]}…")
    model = PublishedModel.from_json(_decode(text, str(path)), str(path))
    if model.model_id != identity:
        raise PublishedModelError(str(path), f"holds model {model.model_id}, {pointer.name} names {identity!r}")
    return model


PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_IDENTITY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")


def _check(model: PublishedModel) -> None:
    """Raises PublishedModelError if the parts of a model do not fit together."""

    def need(true: bool, problem: str) -> None:
        if not true:
            raise PublishedModelError(f"model {model.model_id}", problem)

    def lengths(name: str, values: Sequence[Any], expected: int) -> None:
        need(len(values) == expected, f"{name} has {len(values)} entries, needs {expected}")

    g, k = len(model.genres), len(model.feature_names)
    need(model.schema_version == SCHEMA_VERSION, f"schema_version is {model.schema_version}, needs {SCHEMA_VERSION}")
    need(_IDENTITY.fullmatch(model.model_id) is not None, "model_id must be letters, digits, - and _")
    need(g >= 2 and len(set(model.genres)) == g, "genres must be two or more, each once")
    need(k >= 1 and len(set(model.feature_names)) == k, "feature_names must be one or more, each once")
    for name, values in (("means", model.means), ("scales", model.scales)):
        lengths(name, values, k)
    for name, rows in (("intercepts", model.intercepts), ("coefficients", model.coefficients)):
        lengths(name, rows, g)
    for row in model.coefficients:
        lengths("a row of coefficients", row, k)
    if model.clip_low is not None or model.clip_high is not None:
        low, high = model.clip_low or (), model.clip_high or ()
        lengths("clip_low", low, k)
        lengths("clip_high", high, k)
        need(all(a <= b for a, b in zip(low, high, strict=True)), "clip_low must not be above clip_high")
    decision = model.decision
    need(decision.kind in KINDS, f"decision is {decision.kind!r}, this program knows {' and '.join(KINDS)}")
    if decision.kind == "argmax":
        need(decision.means is None and decision.covariance is None, "argmax has no means and no covariance")
    for name, table in (("decision.means", decision.means), ("decision.covariance", decision.covariance)):
        need(decision.kind == "argmax" or table is not None, f"{decision.kind} needs {name}")
        lengths(name, table or ((),) * g, g)
        for each in table or ():
            lengths(f"a row of {name}", each, g)
    if model.transform is not None:
        unknown = sorted(set(model.feature_names) - set(model.transform.outputs))
        need(not unknown, f"its transform makes no column {', '.join(unknown[:5])}")
    everything = (
        *model.means,
        *model.scales,
        *model.intercepts,
        *(number for row in model.coefficients for number in row),
        *(model.clip_low or ()),
        *(model.clip_high or ()),
        *(number for numbers in (model.figures or {}).values() for number in numbers.values()),
        *(number for rows in (decision.means, decision.covariance) for row in rows or () for number in row),
        *(model.lam, decision.temperature, decision.threshold, model.segment_s),
    )
    need(bool(np.isfinite(np.asarray(everything, dtype=np.float64)).all()), "holds numbers that are NaN or infinite")
    need(all(scale > 0 for scale in model.scales), "scales must be above zero")
    need(model.lam >= 0 and model.segment_s > 0, "lam must be zero or more, segment_s above zero")
    need(decision.temperature > 0, "decision.temperature must be above zero")
    if decision.covariance is not None:
        spread = np.asarray(decision.covariance)
        need(bool(np.allclose(spread, spread.T, rtol=1e-9, atol=0)), "decision.covariance must be symmetric")
        need(bool((np.diag(spread) >= 0).all()), "decision.covariance must not have a negative diagonal")
    need(0 <= decision.threshold <= 1, "decision.threshold must be from 0 to 1")
    need(model.training.clips >= 1 and model.training.groups >= 1, "training needs clips and groups")


class _Reader:
    """JSON values -> typed values; each method raises PublishedModelError naming the field and what it holds."""

    def __init__(self, where: str) -> None:
        self.where = where

    def fail(self, name: str, expected: str, found: object) -> NoReturn:
        raise PublishedModelError(self.where, f"{name} must be {expected}, found {repr(found)[:60]}")

    def keys(self, name: str, value: object, kind: type[PublishedModel | Decision | Training | Transform]) -> None:
        if not isinstance(value, dict):
            self.fail(name, "an object", value)
        expected = {field.name for field in fields(kind)}
        if value.keys() != expected:
            wrong = f"lacks {sorted(expected - value.keys())}, has unknown {sorted(value.keys() - expected)}"
            raise PublishedModelError(self.where, f"{name} {wrong}")

    def text(self, name: str, value: object) -> str:
        return value if isinstance(value, str) else self.fail(name, "text", value)

    def texts(self, name: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            self.fail(name, "a list of texts", value)
        return tuple(self.text(name, each) for each in value)

    def number(self, name: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(name, "a number", value)
        try:
            return float(value)
        except OverflowError:
            self.fail(name, "a number within double precision", value)

    def whole(self, name: str, value: object) -> int:
        return self.fail(name, "a whole number", value) if type(value) is not int else value

    def numbers(self, name: str, value: object) -> tuple[float, ...]:
        if not isinstance(value, list):
            self.fail(name, "a list of numbers", value)
        return tuple(self.number(name, each) for each in value)

    def table(self, name: str, value: object) -> tuple[tuple[float, ...], ...]:
        if not isinstance(value, list):
            self.fail(name, "a list of lists of numbers", value)
        return tuple(self.numbers(name, row) for row in value)

    def transform(self, value: object) -> Transform:
        self.keys("transform", value, Transform)
        raw: dict[str, Any] = value  # type: ignore[assignment]  # `keys` has made sure
        numbers = {
            name: raw[name] if raw[name] is None else self.numbers(name, raw[name]) for name in ("centre", "scale")
        }
        try:
            return Transform(
                names=self.texts("transform.names", raw["names"]),
                kind=self.text("transform.kind", raw["kind"]),
                **numbers,
                clip=self.number("transform.clip", raw["clip"]),
                weight=self.number("transform.weight", raw["weight"]),
                count=self.whole("transform.count", raw["count"]),
                width=self.number("transform.width", raw["width"]),
                seed=self.whole("transform.seed", raw["seed"]),
            )
        except ModelError as error:
            raise PublishedModelError(self.where, str(error)) from error

    def figures(self, value: object) -> dict[str, dict[str, float]]:
        if not isinstance(value, dict) or not all(isinstance(numbers, dict) for numbers in value.values()):
            self.fail("figures", "numbers by protocol and name", value)
        return {
            protocol: {name: self.number(f"figures.{protocol}.{name}", number) for name, number in numbers.items()}
            for protocol, numbers in value.items()
        }


def _object(content: str | bytes, where: str) -> dict[str, Any]:
    """JSON text -> its one object; no NaN, no key twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise PublishedModelError(where, "is damaged: a key stands twice")
        return dict(pairs)

    def no_constant(name: str) -> NoReturn:
        raise PublishedModelError(where, f"is damaged: holds {name}")

    text = _decode(content, where) if isinstance(content, bytes) else content
    try:
        value = json.loads(text, object_pairs_hook=once, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise PublishedModelError(where, f"is damaged: not JSON ({str(error)[:80]})") from error
    if not isinstance(value, dict):
        raise PublishedModelError(where, f"must hold one JSON object, holds a {type(value).__name__}")
    return value


def _read(path: Path, if_missing: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PublishedModelError(str(path), if_missing) from error
    except OSError as error:
        raise PublishedModelError(str(path), f"cannot be read: {error.strerror}") from error


def _decode(content: bytes, where: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise PublishedModelError(where, "is damaged: not UTF-8 text") from error
