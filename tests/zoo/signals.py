"""Whole files with sound that is none, or not quite: values, silence, channels; and what lies beyond the limits."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tests.zoo.case import RATE, Case, Signal, accepted, encoded, pcm16, rejected, stereo, tone
from tests.zoo.wav import chunk, fmt, riff, u8, wav, with_fmt

MUSIC = tone()
N = MUSIC.size
RAMP = np.arange(N)


def floats(samples: ArrayLike) -> bytes:
    return encoded("WAV", "FLOAT", samples)


def doubles(samples: ArrayLike) -> bytes:
    block = np.asarray(samples, dtype="<f8")
    return with_fmt(fmt(3, channels=1 if block.ndim == 1 else block.shape[1], bits=64), block.tobytes())


def with_sample(value: float, at: int = 999) -> Signal:
    return np.where(at == RAMP, value, MUSIC)


def pair(left: ArrayLike, right: ArrayLike) -> Signal:
    return np.stack([np.asarray(left), np.asarray(right)], axis=1)


def silent_for(share: float, start: float = 0.0) -> Signal:
    return np.where((start * N <= RAMP) & ((start + share) * N > RAMP), 0, MUSIC)


def many(channels: int, frames: int = 4_000) -> bytes:
    return with_fmt(fmt(channels=channels), pcm16(np.tile(MUSIC[:frames, np.newaxis], channels)))


def at_rate(rate: int, seconds: float = 1.5) -> bytes:
    return wav(tone(seconds, rate), rate)


def claiming_rate(rate: int) -> bytes:
    return riff(chunk(b"fmt ", fmt(rate=rate)), chunk(b"data", pcm16(MUSIC)))


def click() -> Signal:
    return np.where(RAMP == N // 2, 0.9, 0.0)


def sine(hertz: float, level: float = 1.0) -> Signal:
    return np.asarray(level * np.sin(2 * np.pi * hertz * RAMP / RATE))


LOUD = sine(110.2, 4.0)
VALUES = [
    rejected("NON_FINITE", "values, NaN", lambda: floats(with_sample(np.nan))),
    rejected("NON_FINITE", "values, NaN in the last sample", lambda: floats(with_sample(np.nan, N - 1))),
    rejected("NON_FINITE", "values, nothing but NaN", lambda: floats(MUSIC * np.nan)),
    rejected("NON_FINITE", "values, infinity", lambda: floats(with_sample(np.inf))),
    rejected("NON_FINITE", "values, minus infinity", lambda: floats(with_sample(-np.inf))),
    rejected(
        "NON_FINITE",
        "values, infinities that cancel in the mix",
        lambda: floats(pair(with_sample(np.inf), with_sample(-np.inf))),
    ),
    rejected("NON_FINITE", "values, NaN in the second channel", lambda: floats(pair(MUSIC, with_sample(np.nan)))),
    rejected("NON_FINITE", "values, NaN in doubles", lambda: doubles(with_sample(np.nan))),
    rejected("NON_FINITE", "values, NaN in AIFF", lambda: encoded("AIFF", "FLOAT", with_sample(np.nan))),
    rejected("NON_FINITE", "values, NaN in W64", lambda: encoded("W64", "FLOAT", with_sample(np.nan))),
    rejected("OUT_OF_RANGE", "values, 70000", lambda: floats(with_sample(70_000.0))),
    rejected("OUT_OF_RANGE", "values, minus 70000", lambda: floats(with_sample(-70_000.0))),
    rejected("OUT_OF_RANGE", "values, 32 bits stored as floats", lambda: floats(MUSIC * 2**31)),
    rejected("OUT_OF_RANGE", "values, 1e300 in doubles", lambda: doubles(with_sample(1e300))),
    rejected("OUT_OF_RANGE", "values, 3e38 in floats", lambda: floats(with_sample(3e38))),
    rejected("OUT_OF_RANGE", "values, a step above 2^16", lambda: floats(with_sample(65_536.0078125))),
    accepted("values, 2", lambda: floats(with_sample(2.0)), "OUT_OF_RANGE"),
    accepted("values, all four times too loud", lambda: floats(8 * MUSIC / MUSIC.max()), "OUT_OF_RANGE"),
    accepted("values, 16 bits stored as floats", lambda: floats(np.round(32_768 * MUSIC)), "OUT_OF_RANGE"),
    accepted("values, 2^16", lambda: floats(with_sample(65_536.0)), "OUT_OF_RANGE"),
    accepted("values, 1.001", lambda: floats(with_sample(1.001)), "OUT_OF_RANGE"),
    accepted("values, 1", lambda: floats(with_sample(1.0))),
    accepted("values, a 16-bit step above 1", lambda: floats(with_sample(1 + 2.0**-15))),
    accepted("values, denormal numbers among music", lambda: floats(with_sample(1e-42))),
    accepted("values, minus zero", lambda: floats(with_sample(-0.0))),
]

SILENCE = [
    rejected("SILENT", "silence, 16 bits", lambda: wav(np.zeros(N))),
    rejected("SILENT", "silence, stereo", lambda: wav(np.zeros((N, 2)))),
    rejected("SILENT", "silence, 8 bits, whose zero is 128", lambda: with_fmt(fmt(bits=8), b"\x80" * N)),
    rejected("SILENT", "silence, floats", lambda: floats(np.zeros(N))),
    rejected("SILENT", "silence, floats of minus zero", lambda: floats(np.full(N, -0.0))),
    rejected("SILENT", "silence, denormal numbers", lambda: floats(np.full(N, 1e-40) * np.sign(MUSIC))),
    rejected("SILENT", "silence, music at -150 dB", lambda: doubles(MUSIC * 1e-7)),
    rejected("SILENT", "silence, AIFF", lambda: encoded("AIFF", samples=np.zeros(N))),
    rejected("SILENT", "silence, AU", lambda: encoded("AU", samples=np.zeros(N))),
    rejected("SILENT", "silence, CAF", lambda: encoded("CAF", samples=np.zeros(N))),
    rejected("SILENT", "silence, FLAC", lambda: encoded("FLAC", samples=np.zeros(N))),
    rejected("SILENT", "silence, Vorbis", lambda: encoded("OGG", samples=np.zeros(N))),
    rejected("SILENT", "silence, MP3", lambda: encoded("MP3", samples=np.zeros(N))),
    rejected("SILENT", "silence, Opus", lambda: encoded("OGG", "OPUS", np.zeros(72_000), 48_000)),
    rejected("SILENT", "silence, ALAC", lambda: encoded("CAF", "ALAC_16", np.zeros(N))),
    rejected("DC_OFFSET", "constant, a quarter", lambda: wav(np.full(N, 0.25))),
    rejected("DC_OFFSET", "constant, full scale", lambda: wav(np.full(N, -1.0))),
    rejected("DC_OFFSET", "constant, 8 bits of zero, which is -1", lambda: with_fmt(fmt(bits=8), bytes(N))),
    rejected("DC_OFFSET", "constant, another in each channel", lambda: wav(np.tile([0.25, -0.1], (N, 1)))),
    rejected("DC_OFFSET", "constant, floats", lambda: floats(np.full(N, 0.5))),
    rejected("DC_OFFSET", "constant, one step of 16 bits", lambda: wav(np.full(N, 2.0**-15))),
    accepted("offset of 2 % under music", lambda: wav(0.02 + MUSIC), "DC_OFFSET"),
    accepted("offset of -30 % under music", lambda: wav(-0.3 + MUSIC), "DC_OFFSET"),
    accepted("offset of 0.5 % under music", lambda: wav(0.005 + MUSIC)),
    accepted("offset in 8 bits", lambda: with_fmt(fmt(bits=8), u8(0.1 + MUSIC)), "DC_OFFSET"),
    accepted("silence of 20 % in front", lambda: wav(silent_for(0.2)), "PARTLY_SILENT"),
    accepted("silence of 50 % at the end", lambda: wav(silent_for(0.5, 0.5)), "PARTLY_SILENT"),
    accepted("silence of 33 % in the middle", lambda: wav(silent_for(0.34, 0.33)), "PARTLY_SILENT"),
    accepted("silence of 5 %", lambda: wav(silent_for(0.05))),
    accepted("silence but for a click", lambda: wav(click()), "PARTLY_SILENT"),
    accepted(
        "silence in both channels for a third",
        lambda: wav(pair(silent_for(0.34), silent_for(0.34) * 0.5)),
        "PARTLY_SILENT",
    ),
    accepted("very quiet music", lambda: encoded("WAV", "PCM_24", 1e-3 * MUSIC)),
]

CHANNELS = [
    rejected("PHASE_CANCEL", "channels, opposite", lambda: wav(pair(MUSIC, -MUSIC))),
    rejected("PHASE_CANCEL", "channels, opposite in floats", lambda: floats(pair(MUSIC, -MUSIC))),
    rejected("PHASE_CANCEL", "channels, opposite but for a hundredth", lambda: wav(pair(MUSIC, -0.99 * MUSIC))),
    rejected("PHASE_CANCEL", "channels, opposite in FLAC", lambda: encoded("FLAC", samples=pair(MUSIC, -MUSIC))),
    rejected("PHASE_CANCEL", "channels, opposite in Vorbis", lambda: encoded("OGG", samples=pair(MUSIC, -MUSIC))),
    rejected("PHASE_CANCEL", "channels, opposite on an offset", lambda: wav(pair(0.2 + MUSIC / 2, 0.2 - MUSIC / 2))),
    rejected(
        "PHASE_CANCEL",
        "channels, four that cancel",
        lambda: wav(np.stack([MUSIC, -MUSIC, MUSIC / 2, -MUSIC / 2], axis=1)),
    ),
    accepted("channels, opposite but half as loud", lambda: wav(pair(MUSIC, -0.5 * MUSIC))),
    accepted("channels, the same twice", lambda: wav(pair(MUSIC, MUSIC))),
    accepted("channels, one late by 10 ms", lambda: wav(pair(MUSIC, np.roll(MUSIC, 220)))),
    accepted("channels, second dead", lambda: wav(pair(MUSIC, 0 * MUSIC)), "DEAD_CHANNEL"),
    accepted("channels, first dead", lambda: wav(pair(0 * MUSIC, MUSIC)), "DEAD_CHANNEL"),
    accepted("channels, five of six dead", lambda: wav(np.pad(MUSIC[:, np.newaxis], ((0, 0), (2, 3)))), "DEAD_CHANNEL"),
    accepted("channels, second dead in floats", lambda: floats(pair(MUSIC, 0 * MUSIC)), "DEAD_CHANNEL"),
    accepted("channels, second dead in FLAC", lambda: encoded("FLAC", samples=pair(MUSIC, 0 * MUSIC)), "DEAD_CHANNEL"),
    accepted("channels, first dead in AIFF", lambda: encoded("AIFF", samples=pair(0 * MUSIC, MUSIC)), "DEAD_CHANNEL"),
    *(
        accepted(
            f"channels, {count}",
            lambda count=count: wav(np.stack([np.roll(MUSIC, 3 * k) for k in range(count)], axis=1)),
        )
        for count in (3, 4, 5, 6, 7, 8)
    ),
    *(
        rejected("TOO_MANY_CHANNELS", f"channels, {count}", lambda count=count: many(count))
        for count in (9, 16, 24, 64)
    ),
    rejected("TOO_MANY_CHANNELS", "channels, 1025 in the header", lambda: with_fmt(fmt(channels=1_025), pcm16(MUSIC))),
    rejected(
        "TOO_MANY_CHANNELS", "channels, 65535 in the header", lambda: with_fmt(fmt(channels=65_535), pcm16(MUSIC))
    ),
    rejected(
        "TOO_MANY_CHANNELS",
        "channels, 9 in AIFF",
        lambda: encoded("AIFF", samples=np.tile(MUSIC[:2_000, np.newaxis], 9)),
    ),
    rejected(
        "TOO_MANY_CHANNELS",
        "channels, 12 in Vorbis",
        lambda: encoded("OGG", samples=np.tile(MUSIC[:20_000, np.newaxis], 12)),
    ),
]

CLIPPING = [
    accepted("clipped, 16 bits", lambda: wav(np.clip(LOUD, -1, 1)), "CLIPPED"),
    accepted("clipped, 8 bits", lambda: with_fmt(fmt(bits=8), u8(np.clip(LOUD, -1, 1))), "CLIPPED"),
    accepted("clipped, 24 bits", lambda: encoded("WAV", "PCM_24", np.clip(LOUD, -1, 1)), "CLIPPED"),
    accepted("clipped, floats", lambda: floats(np.clip(LOUD, -1, 1)), "CLIPPED"),
    accepted("clipped, FLAC", lambda: encoded("FLAC", samples=np.clip(LOUD, -1, 1)), "CLIPPED"),
    accepted("clipped, a square wave", lambda: wav(np.sign(sine(100.3))), "CLIPPED"),
    accepted("clipped in one channel", lambda: wav(pair(MUSIC, np.clip(LOUD, -1, 1))), "CLIPPED"),
    accepted("clipped at -0.1 dB, as limiters leave it", lambda: wav(np.clip(LOUD, -0.99, 0.99)), "CLIPPED"),
    accepted("loud, not clipped", lambda: wav(sine(61.7, 0.999))),
    accepted("loud, one single over", lambda: wav(with_sample(1.0))),
]

RATES = [
    *(
        accepted(f"rate, {rate} Hz", lambda rate=rate: at_rate(rate))
        for rate in (
            4_000,
            6_000,
            8_000,
            11_025,
            12_000,
            16_000,
            24_000,
            32_000,
            37_800,
            44_056,
            44_100,
            47_999,
            48_000,
            88_200,
            96_000,
            176_400,
            192_000,
            352_800,
            384_000,
        )
    ),
    *(
        rejected("BAD_SAMPLE_RATE", f"rate, {rate} Hz", lambda rate=rate: claiming_rate(rate))
        for rate in (0, 1, 100, 3_999, 384_001, 705_600, 768_000, 2_822_400, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
    ),
]

LENGTHS = [
    *(
        rejected("TOO_SHORT", f"length, {count} samples", lambda count=count: wav(MUSIC[:count]))
        for count in (1, 2, 100, 1_024, 5_000, 11_024)
    ),
    rejected("TOO_SHORT", "length, 0.4 s at 48 kHz", lambda: at_rate(48_000, 0.4)),
    rejected("TOO_SHORT", "length, 0.4 s of FLAC", lambda: encoded("FLAC", samples=MUSIC[:8_820])),
    rejected("TOO_SHORT", "length, 0.3 s of Vorbis", lambda: encoded("OGG", samples=MUSIC[:6_615])),
    rejected("TOO_SHORT", "length, 0.3 s of MP3", lambda: encoded("MP3", samples=MUSIC[:6_615])),
    accepted("length, 0.5 s", lambda: wav(MUSIC[:11_025]), "TOO_SHORT", seconds=0.5),
    accepted(
        "length, 0.75 s of FLAC", lambda: encoded("FLAC", samples=MUSIC[: 3 * RATE // 4]), "TOO_SHORT", seconds=0.75
    ),
    accepted("length, 0.75 s of AU", lambda: encoded("AU", samples=MUSIC[: 3 * RATE // 4]), "TOO_SHORT", seconds=0.75),
    accepted("length, 0.99995 s", lambda: wav(MUSIC[:22_049]), "TOO_SHORT", seconds=1.0),
    accepted("length, 1 s", lambda: wav(MUSIC[:22_050]), seconds=1.0),
    accepted(
        "length, 60 s, the limit",
        lambda: with_fmt(fmt(bits=8, rate=8_000), u8(np.resize(MUSIC, 480_000))),
        seconds=60.0,
    ),
    rejected("TOO_LONG", "length, 60.001 s", lambda: with_fmt(fmt(bits=8, rate=8_000), u8(np.resize(MUSIC, 480_008)))),
    rejected(
        "TOO_LONG",
        "length, 61 s of Vorbis",
        lambda: encoded("OGG", samples=np.resize(tone(rate=8_000), 488_000), rate=8_000),
    ),
]

WARNINGS_TOGETHER = [
    accepted(
        "several: cut, short and clipped",
        lambda: wav(np.clip(LOUD[:16_000], -1, 1))[:-20],
        "TRUNCATED",
        "TOO_SHORT",
        "CLIPPED",
        seconds=None,
    ),
    accepted(
        "several: a dead channel, partly silent",
        lambda: wav(pair(silent_for(0.4), 0 * MUSIC)),
        "DEAD_CHANNEL",
        "PARTLY_SILENT",
    ),
    accepted("several: far too loud, on an offset", lambda: floats(4 * (MUSIC + 0.2)), "OUT_OF_RANGE", "DC_OFFSET"),
    accepted(
        "several: uncounted and clipped",
        lambda: riff(chunk(b"fmt ", fmt()), chunk(b"data", pcm16(np.clip(LOUD, -1, 1)), 0xFFFFFFFF)),
        "LENGTH_UNKNOWN",
        "CLIPPED",
    ),
    accepted("a synthetic mark in the comment", lambda: _marked(), "SYNTHETIC"),
    accepted("several: stereo, nothing wrong", lambda: wav(stereo())),
]


def _marked() -> bytes:
    comment = b"synthetic, not a recording\0"
    listed = chunk(b"LIST", b"INFO" + chunk(b"ICMT", comment))
    return riff(chunk(b"fmt ", fmt()), listed, chunk(b"data", pcm16(MUSIC)))


CASES: list[Case] = VALUES + SILENCE + CHANNELS + CLIPPING + RATES + LENGTHS + WARNINGS_TOGETHER
