"""The published model as the executors and jobs use it."""

from __future__ import annotations

from pathlib import Path

from classically_punk.errors import ConfigError
from classically_punk.features import catalogue
from classically_punk.modelling import published
from classically_punk.modelling.published import PublishedModel, PublishedModelError
from classically_punk.settings import Settings


def current_model(root: Path, settings: Settings) -> PublishedModel:
    """The published model, which must be of features that this version measures. Raises ConfigError."""
    try:
        model = published.load_current(root)
    except PublishedModelError as error:
        raise ConfigError("warehouse.root", f"{error.problem}: run train_genres first") from None
    name = model.feature_set.partition("@")[0]
    known = catalogue.feature_set_id(name, model.segment_s) if name in catalogue.FEATURE_SETS else None
    if model.feature_set != known or model.segment_s != settings.features.segment_s:
        found = f"model {model.model_id} was made of features {model.feature_set}"
        raise ConfigError("warehouse.root", f"{found}, which these settings do not measure; run train_genres again")
    return model
