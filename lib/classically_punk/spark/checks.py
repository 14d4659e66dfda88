"""What can be checked of a configuration before Spark starts; each raises ConfigError."""
# ruff: noqa: PTH118 (paths are bytes here: names need not be text, which pathlib insists on)

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path

from classically_punk.audio import inventory, labels, remote
from classically_punk.errors import ConfigError
from classically_punk.features import catalogue
from classically_punk.modelling import published
from classically_punk.modelling.protocols import LISTED
from classically_punk.modelling.transforms import MAPPED
from classically_punk.settings import Settings
from classically_punk.spark import exhibits, hadoop, published_features, schemas, withdraw
from classically_punk.spark.tables import STAGING

WRITTEN = {
    "warehouse.root": {*schemas.tables(), STAGING, exhibits.FOLDER, published.FOLDER},
    "reports.root": {"plots"},
}
"""Folders of the project's own, in which nothing else may lie."""

SAFE_HOURS = 168.0
"""How long Delta itself keeps files that a slow reader may still want [h]."""


def corpus(settings: Settings) -> None:
    """The corpus is there, apart from what is written, and has a file; a manifest, where one is used, can be read.

    A folder that is watched may be empty to begin with.
    """
    root = remote.root_of(settings)
    if hadoop.is_hadoops(root):
        pass  # nobody here knows before Spark runs
    elif remote.is_remote(root):
        remote.check(root, settings.storage)  # not the whole listing: the run makes that
    else:
        _apart(root, settings)
        if next(inventory.walk(root), None) is None and not settings.run.watch:
            raise ConfigError("corpus.root", f"no files below {inventory.path_text(root)}")
    if settings.corpus.labels == "manifest":
        labels.read_manifest(Path(settings.need("corpus.manifest")), root)


def _apart(root: bytes, settings: Settings) -> None:
    """What is written neither lies in the corpus, to be read as music, nor is the corpus among what is cleaned up.

    Refused, not skipped: another run, with another warehouse, would read it all the same.
    """
    real = os.path.realpath(root)
    for key in ("warehouse.root", "reports.root"):
        section, name = key.split(".")
        if not getattr(getattr(settings, section), name):
            continue
        folder = os.path.realpath(os.fsencode(settings.folder(key)))
        if inventory.is_below(folder, real):
            told = inventory.path_text(folder)
            raise ConfigError(key, f"{told} lies in corpus.root {inventory.path_text(root)}: it would be read as music")
        within = os.path.relpath(real, folder).split(b"/")[0]
        if within not in (b"..", b".") and os.fsdecode(within) in WRITTEN[key]:
            told = inventory.path_text(os.path.join(folder, within))
            raise ConfigError("corpus.root", f"{inventory.path_text(root)} lies in {told}, whose files come and go")


def unlabelled(settings: Settings) -> None:
    """Where a corpus is named, it can be read; without one, the clips of earlier runs are meant."""
    if settings.corpus.root or settings.run.watch:
        corpus(settings)


def published_csv(settings: Settings) -> None:
    """The published table can be read and is whole."""
    published_features.read_csv(settings)


def protocols(settings: Settings) -> None:
    """Protocols that need lists have a folder of them."""
    if set(LISTED) & set(settings.evaluation.protocols):
        folder = settings.folder("evaluation.split_dir")
        if not folder.is_dir():
            raise ConfigError("evaluation.split_dir", f"{folder} is not a folder")


def column_weights(settings: Settings) -> None:
    """Weights are given to columns that there are, and that are standardised."""
    model, key = settings.model, "model.column_weights"
    if model.column_weights and model.transform not in MAPPED and model.clip_sd == 0:
        raise ConfigError(
            key, "nothing is standardised: set model.clip_sd above 0, or a transform of squares or fourier"
        )
    names = [column.name for column in catalogue.columns(model.feature_set)]
    for pattern, _ in model.column_weights:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigError(key, f"no column of {model.feature_set} is called {pattern!r}")


def reports(settings: Settings) -> None:
    """Reports can be written; a dry run only asks for the place."""
    if settings.run.dry_run:
        settings.folder("reports.root")
    else:
        settings.writable_folder("reports.root")


def withdrawal(settings: Settings) -> None:
    """Something is named, and somebody has said that nobody reads older versions: they go at once."""
    withdraw.named(settings)
    if not settings.warehouse.short_retention:
        problem = (
            "older versions of the tables hold what is withdrawn and are removed at once, under whoever reads them"
        )
        raise ConfigError("warehouse.short_retention", f"{problem}; --warehouse.short_retention=true allows it")


def retention(settings: Settings) -> None:
    """Files are kept as long as readers of old versions may need them, or somebody has said that nobody reads."""
    hours = settings.warehouse.retention_hours
    if hours < SAFE_HOURS and not settings.warehouse.short_retention:
        problem = f"{hours:g} is below {SAFE_HOURS:g}: readers may lose files under their hands"
        raise ConfigError("warehouse.retention_hours", f"{problem}; --warehouse.short_retention=true allows it")
