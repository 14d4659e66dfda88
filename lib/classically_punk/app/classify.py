"""`punk classify`: the published model, the decoder and the kernels of the jobs, without Spark."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from classically_punk.app.answering import Input, answer
from classically_punk.app.answers import Told, Wanted, as_object, as_paragraph
from classically_punk.app.terminal import Counter
from classically_punk.audio import inventory
from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.errors import ConfigError, PunkError, TooLargeError, UnforeseenError
from classically_punk.features import catalogue, warm
from classically_punk.modelling import published
from classically_punk.modelling.training_clips import TrainingClipsError
from classically_punk.settings import Settings

if TYPE_CHECKING:
    from classically_punk.app.nearest import Neighbours

DEFAULT_CONFIG = Path("conf/local.toml")
STANDARD_INPUT = b"-"
POOL_FROM = 16
"""Fewer files are answered for by this process alone: the start of others costs more than they save."""
BLOCK = 1 << 20
TOP_OF_ONE, TOP_OF_MANY = 3, 1
"""Genres that are named where nothing else is asked for."""


@dataclass(frozen=True)
class Asked:
    """What `punk classify` was asked to print; None = as fits the number of files."""

    as_json: bool = False
    top: int | None = None
    table: bool = False
    workers: int | None = None


def load(overrides: Sequence[str]) -> tuple[published.PublishedModel, Settings]:
    """`[--config FILE] [--section.key=value …]` -> the published model they lead to. Raises ConfigError."""
    root, _, settings = folders(overrides)
    return load_from(root, settings), settings


def folders(overrides: Sequence[str]) -> tuple[Path, Path | None, Settings]:
    """`[--config FILE] [--section.key=value …]` -> warehouse, reports if named, settings. Raises ConfigError."""
    settings = Settings.from_command_line(overrides)
    base = Path()
    if not settings.warehouse.root and "--config" not in overrides:
        base = _home_of_default_config()
        settings = Settings.from_command_line(["--config", str(base / DEFAULT_CONFIG), *overrides])
    settings.need("warehouse.root")
    reports = _folder(settings, "reports.root", base) if settings.reports.root else None
    return _folder(settings, "warehouse.root", base), reports, settings


def load_from(root: Path, settings: Settings) -> published.PublishedModel:
    """The model in force in a warehouse folder, which must be of features that this version measures.

    Raises ConfigError.
    """
    where = f"warehouse.root={settings.warehouse.root}"
    try:
        model = published.load_current(root)
    except PunkError as error:
        raise ConfigError(where, _problem(error)) from None
    name = model.feature_set.partition("@")[0]
    if name not in catalogue.FEATURE_SETS or model.feature_set != catalogue.feature_set_id(name, model.segment_s):
        raise ConfigError(
            where,
            f"model {model.model_id} was made of features {model.feature_set}, which this version does not measure; "
            "run train_genres again",
        )
    return model


def neighbours_of(overrides: Sequence[str], model: published.PublishedModel) -> Neighbours | None:
    """`[--config FILE] [--section.key=value …]` -> the training clips of the model there, if they were published.

    A list that cannot be used is said on stderr: answers go without.
    """
    from classically_punk.app import nearest

    root, _, _ = folders(overrides)
    try:
        return nearest.load(root, model)
    except TrainingClipsError as error:
        print(f"punk: the list of training clips {error}", file=sys.stderr)
        return None


def listed(paths: Sequence[bytes], settings: Settings) -> list[Input]:
    """Paths as given -> every file, in order; a folder's files by the bytes of their paths; `-` is standard input.

    Raises ConfigError.
    """
    if paths.count(STANDARD_INPUT) > 1:
        raise ConfigError("-", "standard input can be given once")
    files: list[Input] = []
    for given in paths:
        if given == STANDARD_INPUT:
            files.append(_standard_input(settings.limits.max_bytes))
        elif given and Path(os.fsdecode(given)).is_dir():
            files += _below(given)
        elif os.path.lexists(given):
            files.append(Input(inventory.path_text(given), given))
        else:
            raise ConfigError(inventory.path_text(given), "no such file or folder")
    return files


def answers(
    files: Sequence[Input], model: published.PublishedModel, settings: Settings, wanted: Wanted, workers: int | None
) -> Generator[Told, None, None]:
    """One answer a file, in order and as soon as it is known; by as many processes as there are cores, if it pays."""
    with ExitStack() as stack:
        limits, whole = settings.limits, settings.features.whole_clip_s
        if workers is None:
            from classically_punk.app.pool import cores

            workers = cores() if len(files) >= POOL_FROM else 1
        if workers > 1:
            from classically_punk.app.pool import Pool

            pool = stack.enter_context(Pool(limits, whole, min(workers, len(files))))
            yield from pool.answers(files, model, wanted)
        else:
            decoder = stack.enter_context(IsolatedDecoder(limits, whole))
            warm.read_only_cache()
            for file in files:
                yield answer(file, model, decoder, wanted)


def tell(
    files: Sequence[Input],
    model: published.PublishedModel,
    settings: Settings,
    asked: Asked,
    heard: Callable[[Input, Told], None] = lambda file, told: None,
    neighbours: Neighbours | None = None,
) -> bool:
    """Prints an answer for every file as soon as it is known and hands it to `heard`; whether all went as foreseen.

    With `neighbours` an answer names the nearest of them.
    """
    one = len(files) == 1
    top = asked.top if asked.top is not None else TOP_OF_ONE if one else TOP_OF_MANY
    explain = asked.table or (one and not asked.as_json)
    wanted = Wanted(explain=explain, table=asked.table, facts=neighbours is not None)
    counter = Counter("files", len(files))
    foreseen = True
    with closing(answers(files, model, settings, wanted, asked.workers)) as given:  # whatever ends this, ends them
        for number, (file, answered) in enumerate(zip(files, given, strict=True), start=1):
            told = answered
            if neighbours is not None and told.standing is not None:
                told = replace(told, nearest=neighbours.of(told.standing))
            print(as_object(told) if asked.as_json else "\n".join(as_paragraph(told, top)), flush=True)
            heard(file, told)
            foreseen = foreseen and told.line.reason != UnforeseenError.code
            counter.at(number)
    counter.done()
    return foreseen


def _folder(settings: Settings, key: str, base: Path) -> Path:
    """Only paths in the configuration of another folder need that folder: all others are relative to this one."""
    text = settings.need(key)
    return settings.folder(key) if "://" in text else base / Path(text).expanduser()


def _standard_input(most: int) -> Input:
    if sys.stdin is None or sys.stdin.isatty():
        raise ConfigError("-", "standard input is a terminal; give it audio: … | punk classify -")
    content = bytearray()
    while block := sys.stdin.buffer.read(BLOCK):
        content += block
        if len(content) > most:
            error = TooLargeError(f"more than {most} bytes")
            return Input("-", reason=error.code, detail=str(error))
    return Input("-", content=bytes(content))


def _below(folder: bytes) -> list[Input]:
    try:
        found = list(inventory.walk(folder))  # in the order of path bytes
    except ConfigError as error:
        raise ConfigError(inventory.path_text(folder), error.problem) from None
    # `path` begins with the folder as it was given, not as the walk writes it
    top = len(inventory.absolute(folder).rstrip(b"/"))
    given = folder.rstrip(b"/")
    return [
        Input(inventory.path_text(given + one.path[top:]), one.path, reason=one.reason, detail=one.detail)
        for one in found
    ]


def _home_of_default_config() -> Path:
    """The folder whose conf/local.toml counts: the current one, else the checkout this package is installed from."""
    for folder in (Path(), Path(__file__).resolve().parents[3]):
        if (folder / DEFAULT_CONFIG).is_file():
            return folder
    raise ConfigError("punk", "no model: give --warehouse.root=FOLDER or --config FILE (or run scripts/demo)")


def _problem(error: PunkError) -> str:
    return error.problem if isinstance(error, ConfigError) else str(error)
