"""Names for what has been done, so that it is not done twice: digests over content, never over row order or time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

Labelled = tuple[str, str, str | None]
"""clip_id, genre, group_id (None: the clip is its own group)."""


def training_digest(clips: Iterable[Labelled]) -> str:
    """Training clips with genre and group, in any order -> 16 hex digits."""
    return _digest("training", sorted(([*clip] for clip in clips), key=json.dumps))


def model_id(clips: Iterable[Labelled], feature_set: str, settings: Mapping[str, Any], seed: int) -> str:
    """Training clips, feature set (name@digest), model settings and seed -> 16 hex digits that name the model.

    Settings are plain values (text, numbers, None, lists, mappings); raises TypeError or ValueError for others.
    """
    return _digest("model", [training_digest(clips), feature_set, dict(settings), seed])


def unit_digest(unit: str) -> str:
    """What holds clips together -> 16 hex digits: says that two are the same, not which."""
    return _digest("unit", unit)


def design_digest(feature_set: str, settings: Mapping[str, Any], seed: int) -> str:
    """Feature set (name@digest), model settings and seed -> 16 hex digits: what models of other clips have in common.

    Raises TypeError or ValueError for settings that are not plain values.
    """
    return _digest("design", [feature_set, dict(settings), seed])


def slots_digest(slots: Iterable[tuple[str, int, int, str]]) -> str:
    """(batch, cell, piece, digest of its clips) of everything that is counted, in any order -> 16 hex digits."""
    return _digest("slots", sorted([*slot] for slot in slots))


def updated_model_id(design: str, slots: str, kept: Mapping[str, Any]) -> str:
    """Design, digest of the slots counted, and what the model keeps of the one before -> 16 hex digits.

    Raises TypeError or ValueError for what is not plain values.
    """
    return _digest("updated", [design, slots, dict(kept)])


def copies_digest(copies: Iterable[tuple[str, str]]) -> str:
    """(clip_id, alteration) of the copies a fit learns from, in any order -> 16 hex digits."""
    return _digest("copies", sorted([clip, line] for clip, line in copies))


def evaluation_digest(
    protocol: str,
    *,
    seed: int,
    folds: int | None = None,
    split: str | None = None,
    decision: str,
    settings: Mapping[str, Any] | None = None,
) -> str:
    """Protocol, seed, number of folds, digest of the split lists, decision, whatever else shapes it -> 16 hex digits.

    Raises TypeError or ValueError for settings that are not plain values.
    """
    return _digest("evaluation", [protocol, seed, folds, split, decision, dict(settings or {})])


def _digest(kind: str, content: Any) -> str:
    text = json.dumps([kind, content], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
