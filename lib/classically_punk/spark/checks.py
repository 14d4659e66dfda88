"""What can be checked of a configuration before Spark starts; each raises ConfigError."""

from __future__ import annotations

import os
from pathlib import Path

from classically_punk.audio import inventory, labels
from classically_punk.errors import ConfigError
from classically_punk.settings import Settings
from classically_punk.spark import published_features

SAFE_HOURS = 168.0
"""How long Delta itself keeps files that a slow reader may still want [h]."""


def corpus(settings: Settings) -> None:
    """The corpus is there and has at least one file; a manifest, where one is used, can be read."""
    root = os.fsencode(settings.folder("corpus.root"))
    if next(inventory.walk(root), None) is None:
        raise ConfigError("corpus.root", f"no files below {inventory.path_text(root)}")
    if settings.corpus.labels == "manifest":
        labels.read_manifest(Path(settings.need("corpus.manifest")), root)


def published_csv(settings: Settings) -> None:
    """The published table can be read and is whole."""
    published_features.read_csv(settings)


def protocols(settings: Settings) -> None:
    """Protocols that need lists have a folder of them."""
    if "published-split" in settings.evaluation.protocols:
        folder = settings.folder("evaluation.split_dir")
        if not folder.is_dir():
            raise ConfigError("evaluation.split_dir", f"{folder} is not a folder")


def reports(settings: Settings) -> None:
    """Reports can be written."""
    settings.writable_folder("reports.root")


def retention(settings: Settings) -> None:
    """Files are kept as long as readers of old versions may need them, or somebody has said that nobody reads."""
    hours = settings.warehouse.retention_hours
    if hours < SAFE_HOURS and not settings.warehouse.short_retention:
        problem = f"{hours:g} is below {SAFE_HOURS:g}: readers may lose files under their hands"
        raise ConfigError("warehouse.retention_hours", f"{problem}; --warehouse.short_retention=true allows it")
