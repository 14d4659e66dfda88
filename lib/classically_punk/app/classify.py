"""`punk classify`: the published model, the decoder and the kernels of the jobs, without Spark."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from classically_punk.app.terminal import Counter, shown
from classically_punk.audio import inventory
from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.errors import ClipError, ConfigError, PunkError
from classically_punk.features import catalogue, describe, warm
from classically_punk.modelling import published
from classically_punk.settings import Settings

DEFAULT_CONFIG = Path("conf/local.toml")


@dataclass(frozen=True)
class Input:
    """One file to answer for: `shown` is its path as given, `path` what is opened; `reason` if the walk refused it."""

    shown: bytes
    path: bytes
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Line:
    """One answer: the keys of the JSON object, in this order. Of a reject only path, reason and detail are set."""

    path: str
    best: str | None = None
    predicted: str | None = None
    confidence: float | None = None
    probabilities: dict[str, float] | None = None
    scores: dict[str, float] | None = None
    reason: str | None = None
    detail: str | None = None
    warnings: list[str] = field(default_factory=list)


def load(overrides: Sequence[str]) -> tuple[published.PublishedModel, Settings]:
    """`[--config FILE] [--section.key=value …]` -> the published model they lead to. Raises ConfigError."""
    settings = Settings.from_command_line(overrides)
    base = Path()
    if not settings.warehouse.root and "--config" not in overrides:
        base = _home_of_default_config()
        settings = Settings.from_command_line(["--config", str(base / DEFAULT_CONFIG), *overrides])
    text = settings.need("warehouse.root")
    # only paths in the configuration of another folder need that folder: all others are relative to this one
    root = settings.folder("warehouse.root") if "://" in text else base / Path(text).expanduser()
    try:
        model = published.load_current(root)
    except PunkError as error:
        raise ConfigError(f"warehouse.root={text}", _problem(error)) from None
    name = model.feature_set.partition("@")[0]
    if name not in catalogue.FEATURE_SETS or model.feature_set != catalogue.feature_set_id(name, model.segment_s):
        raise ConfigError(
            f"warehouse.root={text}",
            f"model {model.model_id} was made of features {model.feature_set}, which this version does not measure; "
            "run train_genres again",
        )
    return model, settings


def listed(paths: Iterable[bytes]) -> list[Input]:
    """Paths as given -> every file, in order; a folder's files by the bytes of their paths. Raises ConfigError."""
    files: list[Input] = []
    for given in paths:
        if given and Path(os.fsdecode(given)).is_dir():
            files += _below(given)
        elif os.path.lexists(given):
            files.append(Input(given, given))
        else:
            raise ConfigError(inventory.path_text(given), "no such file or folder")
    return files


def answer(file: Input, model: published.PublishedModel, decoder: IsolatedDecoder) -> Line:
    """One file -> its answer; a clip's fault is an answer too."""
    path = inventory.path_text(file.shown)
    name = model.feature_set.partition("@")[0]
    if file.reason is not None:
        return Line(path, reason=file.reason, detail=file.detail)
    try:
        clip = decoder.decode_file(file.path)
        rows = describe.describe_segments(clip.samples, model.segment_s, name)
    except ClipError as error:
        return Line(path, reason=error.code, detail=str(error))
    columns = [column.name for column in catalogue.columns(name)]
    said = model.classify(columns, [row.segment for row in rows], np.stack([row.values for row in rows]))
    return Line(
        path,
        best=said.best,
        predicted=said.predicted,
        confidence=said.confidence,
        probabilities=said.probabilities,
        scores=said.scores,
        warnings=list(clip.warnings),
    )


def tell(files: Sequence[Input], model: published.PublishedModel, decoder: IsolatedDecoder, as_json: bool) -> None:
    """Prints one line per file as soon as it is known."""
    warm.read_only_cache()
    counter = Counter("files", len(files))
    for number, file in enumerate(files, start=1):
        line = answer(file, model, decoder)
        print(as_object(line) if as_json else as_sentence(line), flush=True)
        counter.at(number)
    counter.done()


def as_object(line: Line) -> str:
    """The answer as one line of JSON, in ASCII: no name can break a terminal or an encoding."""
    return json.dumps(asdict(line), allow_nan=False)


def as_sentence(line: Line) -> str:
    """The answer for a reader: genre, confidence, path; or the reason why there is none."""
    path = shown(line.path)
    if line.best is None or line.confidence is None:
        return f"{'-':<12}       {path}: {line.reason}, {shown(line.detail or '')}"
    genre = shown(line.best)
    if line.predicted is None:
        genre = f"{genre}?"  # the best guess, below the model's threshold
    warned = f" ({', '.join(line.warnings)})" if line.warnings else ""
    return f"{genre:<12} {line.confidence:>4.0%}  {path}{warned}"


def _below(folder: bytes) -> list[Input]:
    try:
        found = list(inventory.walk(folder))  # in the order of path bytes
    except ConfigError as error:
        raise ConfigError(inventory.path_text(folder), error.problem) from None
    # `path` begins with the folder as it was given, not as the walk writes it
    top = len(inventory.absolute(folder).rstrip(b"/"))
    given = folder.rstrip(b"/")
    return [Input(given + one.path[top:], one.path, one.reason, one.detail) for one in found]


def _home_of_default_config() -> Path:
    """The folder whose conf/local.toml counts: the current one, else the checkout this package is installed from."""
    for folder in (Path(), Path(__file__).resolve().parents[3]):
        if (folder / DEFAULT_CONFIG).is_file():
            return folder
    raise ConfigError("punk classify", "no model: give --warehouse.root=FOLDER or --config FILE (or run scripts/demo)")


def _problem(error: PunkError) -> str:
    return error.problem if isinstance(error, ConfigError) else str(error)
