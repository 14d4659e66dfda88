"""A published model whose scores can be worked out by hand, and sounds that it hears apart.

The model hears loudness only: score(loud) = RMS, score(quiet) = 0.25 - RMS. A sine of amplitude a has RMS a / √2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classically_punk.features import catalogue
from classically_punk.modelling import published

LOUD, QUIET = 0.5, 0.05


def sine(amplitude: float, seconds: float = 1.5) -> Any:
    # 50 samples a period: every frame of the RMS holds nearly whole periods
    return amplitude * np.sin(2 * np.pi * 441 * np.arange(round(22_050 * seconds)) / 22_050)


def model(**changes: Any) -> published.PublishedModel:
    values: dict[str, Any] = {
        "model_id": "0123456789abcdef",
        "genres": ("loud", "quiet"),
        "feature_set": catalogue.feature_set_id("classic57", 3.0),
        "feature_names": ("loudness_rms_mean",),
        "means": (0.0,),
        "scales": (1.0,),
        "clip_low": None,
        "clip_high": None,
        "intercepts": (0.0, 0.25),
        "coefficients": ((1.0,), (-1.0,)),
        "lam": 0.0,
        "decision": published.Decision(temperature=0.1),
        "segment_s": 3.0,
        "training": published.Training(clips=2, groups=2, digest="0" * 64),
        "published_at": "2000-01-01T00:00:00+00:00",
        "run_id": "a-run",
    }
    return published.PublishedModel(**(values | changes))


@pytest.fixture
def warehouse(tmp_path: Path) -> str:
    """The option that leads to a warehouse with the model published."""
    published.publish(tmp_path / "warehouse", model())
    return f"--warehouse.root={tmp_path / 'warehouse'}"
