"""Corpora of any size that cost little to make: clips mixed from a few sources, no two alike, always the same bytes."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from classically_punk.audio import inventory
from classically_punk.audio.decode import SYNTHETIC_MARK
from classically_punk.audio.labels import folder_label
from classically_punk.audio.synthetic import synthesise
from classically_punk.genres import GTZAN

RATE = 22_050
SOURCE_S = 30.0
A_GENRE = 4
"""Sources of a genre."""
Sources = dict[str, list[NDArray[np.int16]]]


def synthetic_sources(seed: int = 1976) -> Sources:
    """The project's own synthetic corpus: four tracks of 30 s a genre, in numbers of 16 bits."""
    tracks = {genre: [synthesise(genre, n, SOURCE_S, seed, RATE, 1)[:, 0] for n in range(A_GENRE)] for genre in GTZAN}
    return {genre: [_in_16_bits(track) for track in some] for genre, some in tracks.items()}


def recorded_sources(corpus: Path) -> Sources:
    """Up to four tracks a genre of a folder of recordings, genre/track.*."""
    root, found = os.fsencode(corpus), Sources()
    for file in inventory.walk(root):
        genre = folder_label(root, file.path) or ""
        if len(found.setdefault(genre, [])) < A_GENRE:
            samples, rate = soundfile.read(os.fsdecode(file.path), dtype="float32", always_2d=True)
            found[genre].append(_in_16_bits(soxr.resample(samples.mean(axis=1), rate, RATE)))
    return found


def _in_16_bits(samples: NDArray[np.floating]) -> NDArray[np.int16]:
    return (32_000 * samples).clip(-32_000, 32_000).astype(np.int16)


def write_corpus(root: Path, sources: Sources, seconds: float, clips: int, first: int = 0) -> int:
    """Clips `first` … `first + clips - 1` of that length below `root`/genre -> bytes written.

    A clip is two tracks of its genre from two places, at two levels and speeds: others sound alike, but none is a copy.
    """
    total = 0
    for genre in sources:
        (root / genre).mkdir(parents=True, exist_ok=True)
    for number, genre, samples in mixed(sources, seconds, clips, first):
        content = wav(samples, f"{SYNTHETIC_MARK}: inflated {number}")
        total += len(content)
        (root / genre / f"{genre}.{number:07d}.wav").write_bytes(content)
    return total


def mixed(sources: Sources, seconds: float, clips: int, first: int = 0) -> Iterator[tuple[int, str, NDArray[np.int16]]]:
    """Number, genre and samples (n,) of each clip; a clip depends on its number alone."""
    size, genres = round(seconds * RATE), sorted(sources)
    steps = np.arange(size)
    for number in range(first, first + clips):
        genre = genres[number % len(genres)]
        chance = np.random.Generator(np.random.PCG64([number, size]))
        tracks = [sources[genre][at] for at in chance.integers(len(sources[genre]), size=2)]
        starts, speeds = chance.random(2) * [track.size for track in tracks], chance.uniform(0.8, 1.25, 2)
        levels = chance.uniform(0.25, 0.5, 2).astype(np.float32)
        places = (start + speed * steps for start, speed in zip(starts.tolist(), speeds.tolist(), strict=True))
        # a track begins anew where it ends
        parts = (track.take(at.astype(np.int64), mode="wrap") for track, at in zip(tracks, places, strict=True))
        one, other = (level * part for level, part in zip(levels, parts, strict=True))
        yield number, genre, (one + other).astype(np.int16)


def wav(samples: NDArray[np.int16], comment: str) -> bytes:
    """Mono samples (n,) as a WAV file with a comment."""
    text = comment.encode() + b"\0" * (2 - len(comment) % 2)
    info = b"INFOICMT" + struct.pack("<I", len(text)) + text
    data = samples.astype("<i2").tobytes()
    head = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    body = (
        b"WAVE" + head + b"LIST" + struct.pack("<I", len(info)) + info + b"data" + struct.pack("<I", len(data)) + data
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body
