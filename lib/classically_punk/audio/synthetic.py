"""A small corpus made by arithmetic, so that everything can be tried without a single recording.

Ten folders named as GTZAN's genres, each with a tempo, harmony, timbre, drums and dynamics of its own and much chance
from clip to clip. It proves the plumbing; how well such clips are told apart says nothing about music. Every file
carries the mark `SYNTHETIC_MARK` in its comment.

    python -m classically_punk.audio.synthetic ROOT [--clips N] [--seconds S] [--seed N]
"""

from __future__ import annotations

import argparse
import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from classically_punk.audio.decode import SYNTHETIC_MARK
from classically_punk.genres import GTZAN

Signal = NDArray[np.float64]

GENERATOR_VERSION = 1
"""To be raised when the same seed would give other samples: files of an older version are written anew."""

_CYCLE_STEPS = 8_192  # one period of a tone, read at the nearest step
_NYQUIST_SHARE = 0.45  # partials above this share of the sample rate are left out

MAJOR, MINOR, SEVENTH, POWER = (0, 4, 7), (0, 3, 7), (0, 4, 7, 10), (0, 7, 12)


@dataclass(frozen=True)
class Style:
    """What sets one synthetic genre apart. Probabilities and levels are 0 to 1, pitches MIDI numbers."""

    tempo_bpm: float
    roots: tuple[int, ...]  # of the chords, one a bar, in semitones above the key
    chord: tuple[int, ...]
    register: int
    rolloff: float  # partial k has the level k ** -rolloff: small is bright
    decay_s: float
    notes_per_beat: int
    offbeat: bool  # chords between the beats
    swing: float  # delay of every second note, share of its length
    drums: float
    hats_per_beat: int
    drive: float  # distortion: gain into a soft clip, 0 for none
    noise: float
    swell: float  # depth of slow dynamics
    four_on_the_floor: bool = False  # a kick on every beat


STYLES: dict[str, Style] = {
    "blues": Style(84, (0, 0, 5, 0, 7, 5), SEVENTH, 50, 1.4, 0.50, 2, False, 0.30, 0.35, 2, 1.0, 0.004, 0.3),
    "classical": Style(72, (0, 5, 7, 0, 9, 7), MAJOR, 60, 2.2, 1.40, 2, False, 0.00, 0.00, 0, 0.0, 0.001, 0.8),
    "country": Style(104, (0, 5, 0, 7), MAJOR, 57, 1.2, 0.25, 2, False, 0.10, 0.30, 2, 0.0, 0.003, 0.2),
    "disco": Style(120, (0, 9, 5, 7), MINOR, 55, 1.1, 0.20, 4, True, 0.00, 0.75, 4, 0.0, 0.006, 0.1, True),
    "hiphop": Style(92, (0, 0, 8, 0), MINOR, 38, 2.0, 0.35, 1, False, 0.15, 0.90, 4, 0.5, 0.010, 0.1),
    "jazz": Style(132, (2, 7, 0, 9), (0, 3, 7, 10, 14), 58, 1.8, 0.35, 3, True, 0.33, 0.25, 3, 0.0, 0.004, 0.5),
    "metal": Style(150, (0, 1, 0, 6), POWER, 40, 0.7, 0.15, 4, False, 0.00, 0.80, 4, 8.0, 0.020, 0.0),
    "pop": Style(112, (0, 7, 9, 5), MAJOR, 60, 1.3, 0.30, 2, False, 0.00, 0.55, 2, 0.3, 0.004, 0.2),
    "reggae": Style(76, (0, 0, 5, 7), MINOR, 55, 1.6, 0.12, 2, True, 0.05, 0.50, 2, 0.0, 0.005, 0.1),
    "rock": Style(126, (0, 10, 5, 0), POWER, 45, 0.9, 0.30, 2, False, 0.00, 0.65, 2, 3.0, 0.010, 0.1),
}


@dataclass(frozen=True)
class _Format:
    extension: str
    container: str
    codec: str
    sample_rate_hz: int
    channels: int


# They rotate over the clips of every genre, so that container, rate and channels tell nothing of the genre.
_FORMATS = (
    _Format("wav", "WAV", "PCM_16", 22_050, 1),
    _Format("flac", "FLAC", "PCM_16", 44_100, 2),
    _Format("ogg", "OGG", "VORBIS", 44_100, 2),
    _Format("aiff", "AIFF", "PCM_16", 32_000, 1),
)


def write_corpus(root: Path, clips_per_genre: int, seconds: float, seed: int) -> int:
    """Ten folders of clips and two unusable files below the root -> how many files had to be written.

    The same arguments give the same bytes; a file that is already there as it should be is not touched.
    """
    written = 0
    for genre in GTZAN:
        folder = root / genre
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(clips_per_genre):
            shape = _FORMATS[number % len(_FORMATS)]
            path = folder / f"{genre}.{number:05}.{shape.extension}"
            comment = f"{SYNTHETIC_MARK}: {genre} {number}, {seconds:g} s, seed {seed}, generator {GENERATOR_VERSION}"
            if _comment_of(path) != comment:
                signal = synthesise(genre, number, seconds, seed, shape.sample_rate_hz, shape.channels)
                _replace(path, _encode(signal, shape, comment, serial=zlib.crc32(comment.encode())))
                written += 1
    for path, content in _unusable(root, seed).items():
        if not path.is_file() or path.read_bytes() != content:
            _replace(path, content)
            written += 1
    return written


def synthesise(genre: str, number: int, seconds: float, seed: int, rate: int, channels: int) -> Signal:
    """One clip: (round(seconds * rate), channels) within -1 to 1, the same for the same arguments."""
    style = STYLES[genre]
    chance = np.random.default_rng([seed, GTZAN.index(genre), number])
    total = round(seconds * rate)
    beat_s = 60 / (style.tempo_bpm * chance.uniform(0.9, 1.1))
    tonal = _tonal(style, chance, total, rate, beat_s)
    if style.drive:
        tonal = np.tanh((1 + style.drive * chance.uniform(0.7, 1.3)) * tonal)
    mix = tonal + style.drums * chance.uniform(0.6, 1.2) * _drums(style, chance, total, rate, beat_s)
    time_s = np.arange(total) / rate
    mix *= 1 - style.swell * 0.5 * (1 + np.sin(2 * np.pi * (time_s / chance.uniform(3, 8) + chance.uniform())))
    mix += style.noise * chance.uniform(0.5, 2.0) * chance.standard_normal(total)
    mix *= chance.uniform(0.5, 0.9) / np.max(np.abs(mix))
    if channels == 1:
        return mix[:, np.newaxis]
    width = chance.uniform(0.05, 0.25)  # the second channel lags a little: stereo without loss in the mix
    lagged = np.concatenate([np.zeros(rate // 1_000), mix])[:total]
    return np.stack([mix, (1 - width) * mix + width * lagged], axis=1)


def _tonal(style: Style, chance: np.random.Generator, total: int, rate: int, beat_s: float) -> Signal:
    signal = np.zeros(total)
    key = style.register + int(chance.integers(-4, 5))
    rolloff = style.rolloff * chance.uniform(0.85, 1.15)
    step_s = beat_s / style.notes_per_beat
    for step in range(int(total / rate / step_s) + 1):
        beat, within = divmod(step, style.notes_per_beat)
        root = key + style.roots[(beat // 4) % len(style.roots)]
        start_s = step * step_s + (style.swing * step_s if step % 2 else 0.0)
        is_chord = within == (style.notes_per_beat // 2 if style.offbeat else 0)
        if is_chord:
            pitches: tuple[int, ...] = tuple(root + interval for interval in style.chord)
        elif chance.random() < 0.6:
            pitches = (root + int(chance.choice(style.chord)) + 12 * int(chance.integers(0, 2)),)
        else:
            continue
        length_s = style.decay_s * float(chance.choice([0.7, 1.0, 1.5]))
        for pitch in pitches:
            tone = _tone(pitch, length_s, rate, rolloff)
            _mix_in(signal, tone * (chance.uniform(0.6, 1.0) / len(pitches)), start_s, rate)
    return signal


@lru_cache(maxsize=256)  # the notes of a clip repeat
def _tone(pitch: int, decay_s: float, rate: int, rolloff: float) -> Signal:
    """A note of band-limited partials whose level falls by 20 dB every `decay_s`; shared, not to be written to."""
    frequency_hz = 440 * 2 ** ((pitch - 69) / 12)
    time_s = np.arange(int(2.5 * decay_s * rate)) / rate
    steps = (frequency_hz * _CYCLE_STEPS * time_s).astype(np.intp) % _CYCLE_STEPS
    partials = max(1, min(40, int(_NYQUIST_SHARE * rate / frequency_hz)))
    envelope = np.minimum(time_s / 0.005, 1.0) * np.exp(-np.log(10) / decay_s * time_s)
    return np.asarray(_cycle(partials, rolloff)[steps] * envelope)


@lru_cache(maxsize=64)
def _cycle(partials: int, rolloff: float) -> Signal:
    phase = 2 * np.pi * np.arange(_CYCLE_STEPS) / _CYCLE_STEPS
    cycle = np.zeros(_CYCLE_STEPS)
    for partial in range(1, partials + 1):
        cycle += partial**-rolloff * np.sin(partial * phase)
    return cycle


def _drums(style: Style, chance: np.random.Generator, total: int, rate: int, beat_s: float) -> Signal:
    signal = np.zeros(total)
    if style.drums == 0:
        return signal
    time_s = np.arange(int(0.25 * rate)) / rate
    # A sine that falls from 160 to 50 Hz, white noise, and noise without its low end.
    kick = np.sin(2 * np.pi * (50 * time_s + 110 * 0.03 * (1 - np.exp(-time_s / 0.03)))) * np.exp(-time_s / 0.08)
    snare = chance.standard_normal(time_s.size) * np.exp(-time_s / 0.05) * 0.4
    hat = np.diff(chance.standard_normal(time_s.size), append=0.0) * np.exp(-time_s / 0.015) * 0.2
    for beat in range(int(total / rate / beat_s) + 1):
        _mix_in(signal, kick if beat % 2 == 0 or style.four_on_the_floor else snare, beat * beat_s, rate)
        if beat % 2 and style.four_on_the_floor:
            _mix_in(signal, snare, beat * beat_s, rate)
        for hit in range(style.hats_per_beat):
            _mix_in(signal, hat * chance.uniform(0.5, 1.0), (beat + hit / style.hats_per_beat) * beat_s, rate)
    return signal


def _mix_in(signal: Signal, sound: Signal, start_s: float, rate: int) -> None:
    start = round(start_s * rate)
    room = max(signal.size - start, 0)
    signal[start : start + sound.size] += sound[:room]


def _encode(signal: Signal, shape: _Format, comment: str, serial: int) -> bytes:
    target = io.BytesIO()
    with soundfile.SoundFile(
        target, "w", shape.sample_rate_hz, shape.channels, format=shape.container, subtype=shape.codec
    ) as sound:
        sound.comment = comment
        sound.write(signal)
    content = target.getvalue()
    return _with_serial(content, serial) if shape.container == "OGG" else content


def _with_serial(ogg: bytes, serial: int) -> bytes:
    """The same Ogg stream with a serial number of our choice: libsndfile draws one, so no two files would agree."""
    pages, at = [], 0
    while at < len(ogg):
        length = 27 + ogg[at + 26] + sum(ogg[at + 27 : at + 27 + ogg[at + 26]])
        page = bytearray(ogg[at : at + length])
        page[14:18] = struct.pack("<I", serial)
        page[22:26] = bytes(4)  # the checksum is taken with itself as zero (RFC 3533, section 6)
        page[22:26] = struct.pack("<I", ogg_checksum(bytes(page)))
        pages.append(bytes(page))
        at += length
    return b"".join(pages)


_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def ogg_checksum(page: bytes) -> int:
    """The page checksum of RFC 3533: CRC-32 with zlib's polynomial, bits in the other order, nothing inverted."""
    reflected = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)


def _unusable(root: Path, seed: int) -> dict[Path, bytes]:
    """Two files that a run has to reject: text under the name of audio, and a recording that breaks off half way."""
    shape = _FORMATS[0]
    whole = _encode(synthesise("rock", 99_999, 2.0, seed, 22_050, 1), shape, SYNTHETIC_MARK, serial=0)
    return {
        root
        / "blues"
        / "liner-notes.wav": f"Not audio but text, put here to be rejected; {SYNTHETIC_MARK}.\n".encode(),
        root / "rock" / "cut-off.wav": whole[: len(whole) // 2],
    }


def _comment_of(path: Path) -> str | None:
    if not path.is_file():
        return None
    try:
        with soundfile.SoundFile(path) as sound:
            return str(sound.comment)
    except soundfile.LibsndfileError:
        return None


def _replace(path: Path, content: bytes) -> None:
    """Written beside it and renamed, so that an interrupted run leaves no half file under the name."""
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(content)
    beside.replace(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the corpus and say what was done; the exit status is the return value."""
    parser = argparse.ArgumentParser(
        prog="python -m classically_punk.audio.synthetic", description=write_corpus.__doc__
    )
    parser.add_argument("root", type=Path, help="folder to write into, made if need be")
    parser.add_argument("--clips", type=int, default=10, help="clips per genre (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a clip (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1976, help="other seeds, other clips (default %(default)s)")
    arguments = parser.parse_args(argv)
    if arguments.clips < 1 or not arguments.seconds >= 1:
        parser.error("--clips must be at least 1 and --seconds at least 1")
    written = write_corpus(arguments.root, arguments.clips, arguments.seconds, arguments.seed)
    print(f"{arguments.root}: synthetic corpus of {len(GTZAN)} genres, {written} files written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
