"""Samples to numbers: tempo, pitch, timbre and loudness of a clip, by name and unit."""

from __future__ import annotations

from typing import Final

from classically_punk.features.catalogue import columns
from classically_punk.features.describe import describe_clip

PUBLISHED_NAMES: Final[dict[str, str]] = {
    column.name: column.published for column in columns("classic57") if column.published is not None
}
"""Catalogue name -> name in the published table, for its 57 values."""

__all__ = ["PUBLISHED_NAMES", "describe_clip"]
