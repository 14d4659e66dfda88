"""Genre labels: opaque text, taken from the parent folder or from a manifest, never inferred."""

from __future__ import annotations

GTZAN: tuple[str, ...] = (
    "blues",
    "classical",
    "country",
    "disco",
    "hiphop",
    "jazz",
    "metal",
    "pop",
    "reggae",
    "rock",
)
"""The ten genres of GTZAN, in its own order (alphabetical). Nothing but the demo and the fetch script depends on it."""
