"""What can be checked of a configuration before Spark starts; each raises ConfigError."""

from __future__ import annotations

import os
from pathlib import Path

from classically_punk.audio import inventory, labels
from classically_punk.errors import ConfigError
from classically_punk.settings import Settings
from classically_punk.spark import published_features


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
