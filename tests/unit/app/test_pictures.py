"""What the page draws: levels where the sound is, whatever its length and wherever its samples lie."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from classically_punk.app.pictures import picture_of
from classically_punk.audio.store import Spool, nameless_file

RATE = 22_050


def levels(picture: dict[str, Any]) -> Any:
    """(bands, columns) in dB below the loudest point."""
    octets = np.frombuffer(base64.b64decode(picture["spectrogram"]), dtype=np.uint8)
    return octets.reshape(picture["bands"], picture["columns"]) / 255 * 80 - 80


def tones(seconds: float) -> Any:
    """1 kHz at 0.5 in the first half, 4 kHz at 0.05 in the second."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    first = time_s < seconds / 2
    wave = np.where(first, 0.5 * np.sin(2 * np.pi * 1000 * time_s), 0.05 * np.sin(2 * np.pi * 4000 * time_s))
    return wave.astype(np.float32)


@pytest.mark.parametrize("seconds", [6.0, 30.0])
def test_each_tone_is_where_and_as_loud_as_it_is(seconds: float) -> None:
    picture = picture_of(tones(seconds))
    assert picture["duration_s"] == pytest.approx(seconds)
    drawn, hertz = levels(picture), np.asarray(picture["band_hz"])
    early, late = drawn[:, picture["columns"] // 4], drawn[:, 3 * picture["columns"] // 4]
    assert hertz[early.argmax()] == pytest.approx(1000, rel=0.05)
    assert hertz[late.argmax()] == pytest.approx(4000, rel=0.05)
    assert early.max() == pytest.approx(0, abs=0.5)
    # a tenth of the amplitude is 20 dB less; bands of equal area are as high as they are narrow: a quarter, 6 dB
    assert late.max() == pytest.approx(-26, abs=1.5)
    assert early[hertz > 8000].max() < -70
    low, high = np.asarray(picture["waveform_low"]), np.asarray(picture["waveform_high"])
    assert high[: high.size // 2 - 1] == pytest.approx(0.5, abs=0.01)
    assert low[low.size // 2 + 1 :] == pytest.approx(-0.05, abs=0.01)


def test_a_clip_in_a_file_is_drawn_the_same() -> None:
    samples = tones(6.0)
    file = nameless_file()
    file.write(samples.tobytes())
    assert picture_of(Spool(file, samples.size)) == picture_of(samples)


@pytest.mark.parametrize("size", [1, 500, 2048, 11_025])
def test_short_and_silent_clips_can_be_drawn(size: int) -> None:
    for samples in (tones(1.0)[:size], np.zeros(size, dtype=np.float32)):
        picture = picture_of(samples)
        assert np.isfinite(levels(picture)).all()
        assert len(picture["waveform_low"]) == min(800, size)
