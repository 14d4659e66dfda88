"""One file in, one answer out: the guarded decode, the kernels and the published model, as the jobs have them.

Command line and server come through here, in their own process or in those of `pool`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from classically_punk.app.answers import LINE_ALONE, Line, Told, Wanted
from classically_punk.audio.decode import Decoded
from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.errors import ClipError, unforeseen
from classically_punk.features import catalogue, describe
from classically_punk.modelling.published import PublishedModel
from classically_punk.reporting import explain

LEADING = 5
"""Features of a family that an explanation in JSON tells, unless everything is wanted."""


@dataclass(frozen=True)
class Input:
    """One file to answer for.

    `shown` is its path as given, `path` what is opened, or `content` its bytes; `reason` if the walk refused it.
    """

    shown: str
    path: bytes | None = None
    content: bytes | None = None
    reason: str | None = None
    detail: str | None = None


def answer(file: Input, model: PublishedModel, decoder: IsolatedDecoder, wanted: Wanted = LINE_ALONE) -> Told:
    """One file -> its answer; a clip's fault is an answer too, and so is an error nobody foresaw."""
    if file.reason is not None:
        return refused(file.shown, file.reason, file.detail)
    try:
        return _heard(file.shown, _decode(file, decoder), model, wanted)
    except ClipError as error:
        return refused(file.shown, error.code, str(error))
    except Exception as error:  # noqa: BLE001  the one place where an error nobody foresaw becomes an answer
        told = unforeseen(error)
        return refused(file.shown, told.code, str(told))


def refused(shown: str, reason: str, detail: str | None) -> Told:
    """The answer for a file that has none."""
    return Told(Line(shown, reason=reason, detail=detail))


def _decode(file: Input, decoder: IsolatedDecoder) -> Decoded:
    if file.content is not None:
        return decoder.decode_content(file.content)
    if file.path is None:
        raise ValueError("an input with neither a path nor content")
    return decoder.decode_file(file.path)


def _heard(path: str, clip: Decoded, model: PublishedModel, wanted: Wanted) -> Told:
    name = model.feature_set.partition("@")[0]
    needed, of_whole = _entries(model, name, wanted)
    rows = describe.describe_segments(clip.samples, model.segment_s, name, needed, of_whole)
    columns = [column.name for column in catalogue.columns(name)]
    segments, values = [row.segment for row in rows], np.stack([row.values for row in rows])
    said = model.classify(columns, segments, values)
    line = Line(
        path,
        best=said.best,
        predicted=said.predicted,
        confidence=said.confidence,
        probabilities=said.probabilities,
        scores=said.scores,
        warnings=list(clip.warnings),
    )
    beside: dict[str, Any] = {}
    if wanted.explain:
        why = explain.explain(model, columns, segments, values, said.best)
        beside |= {"why": explain.told(why), "explanation": why.as_json(LEADING)}
        beside |= {"heard": explain.in_words(columns, values[0], name)}
        if wanted.table:
            beside |= {"table": explain.table(why), "explanation": why.as_json()}
    if wanted.facts:
        standing = explain.standing(model, columns, segments, values)
        beside |= {"clip": _facts(clip), "features": dict(zip(columns, values[0].tolist(), strict=True))}
        beside |= {"standing": standing.tolist()}
    if wanted.picture:
        from classically_punk.app.pictures import picture_of

        beside["picture"] = picture_of(clip.samples)
    return Told(line, **beside)


def _entries(model: PublishedModel, feature_set: str, wanted: Wanted) -> tuple[set[str], set[str]]:
    """The entries that the model asks of segments, and those that what is wanted asks of the whole clip."""
    entries = catalogue.entries(feature_set)
    inputs, words = set(model.inputs), set(explain.worded(feature_set))
    needed = {entry.name for entry in entries if inputs.intersection(scalar.name for scalar in entry.scalars)}
    if wanted.facts:
        return needed, {entry.name for entry in entries}
    if wanted.explain:
        return needed, {entry.name for entry in entries if words.intersection(one.name for one in entry.scalars)}
    return needed, set()


def _facts(clip: Decoded) -> dict[str, Any]:
    names = ("clip_id", "audio_sha256", "duration_s", "sample_rate_hz", "channels", "container", "codec")
    return {name: getattr(clip, name) for name in names}
