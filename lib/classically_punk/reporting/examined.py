"""What a look into the model, its answers, the files and the run has found: plain numbers for report and slides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class AudioKind:
    """How many clips share container, codec, rate and channels."""

    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    clips: int


@dataclass(frozen=True)
class WarningCount:
    """How many accepted clips carry a warning, with one of them by path."""

    code: str
    n: int
    example: str


@dataclass(frozen=True)
class Push:
    """How far a group of features pushed a score from that of the mean training clip, in units of score."""

    family: str
    group: str
    push: float


@dataclass(frozen=True)
class Reasoning:
    """What made the published model's score of one genre: `score` = `base` + all pushes; `words` for a listener."""

    genre: str
    score: float
    base: float
    pushes: Sequence[Push]
    words: Sequence[str] = ()


@dataclass(frozen=True)
class Judgement:
    """The answer to one clip that the judging model had not learnt from.

    `scores` are those of that model. `reasons` are those of the published model, which learnt from this clip too: of
    the answer, and of the true genre where it is another; empty where features are missing.
    """

    clip_id: str
    name: str
    genre: str
    best: str
    predicted: str | None
    confidence: float
    scores: Mapping[str, float]
    reasons: Sequence[Reasoning] = ()

    @property
    def right(self) -> bool:
        """Whether the best genre is the clip's own."""
        return self.best == self.genre


@dataclass(frozen=True)
class CalibrationBin:
    """Clips of like confidence: how many, their mean confidence and the share that was right, both 0-1."""

    n: int
    confidence: float
    right: float
    low: float
    high: float


@dataclass(frozen=True)
class ScoreSpread:
    """Held-out scores of one genre's regression over its own clips (target 1) or all others (target 0).

    `residual_sd` is the deviation of target less score, 0 for a single clip.
    """

    genre: str
    target: int
    n: int
    mean: float
    residual_sd: float
    p05: float
    p25: float
    median: float
    p75: float
    p95: float


@dataclass(frozen=True)
class Weight:
    """How much one genre's regression leans on a group of features: root of the summed squares of its coefficients.

    `low`, `high`: 95 % interval by cluster-robust standard errors, where these are defined.
    """

    genre: str
    family: str
    group: str
    columns: int
    size: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Collinearity:
    """How much columns say of each other, over `rows` rows; VIF is null where there are too few rows to tell."""

    columns: int
    rows: int
    condition: float | None
    vif_median: float | None = None
    vif_worst: float | None = None
    vif_over_ten: int | None = None
    worst_column: str = ""


@dataclass(frozen=True)
class Examined:
    """What held-out answers and the published model show beside `metrics`.

    `clips` answers under `protocol` were looked at, `run_id` made them. `outside`: share of scores below 0 or above 1.
    `shown` are clips with a picture, `mistakes` the surest wrong answers.
    """

    protocol: str = ""
    run_id: str = ""
    clips: int = 0
    outside: float | None = None
    residual_skewness: float | None = None
    shown: Sequence[Judgement] = ()
    mistakes: Sequence[Judgement] = ()
    calibration: Sequence[CalibrationBin] = ()
    spreads: Sequence[ScoreSpread] = ()
    weights: Sequence[Weight] = ()
    inferred: bool = False
    collinearity: Collinearity | None = None

    def of_clip(self, clip_id: str) -> Judgement | None:
        """The answer to one of the clips shown, or None."""
        return next((one for one in self.shown if one.clip_id == clip_id), None)


@dataclass(frozen=True)
class Costs:
    """What answers cost, as configured, in a unit of one's own."""

    wrong: float
    not_sure: float
    human_check: float
    pairs: Sequence[tuple[str, str, float]] = ()


@dataclass(frozen=True)
class Pace:
    """What the newest run that described clips took: wall seconds by stage, on `cores` of the session that reports."""

    run_id: str
    clips: int
    audio_s: float
    cores: int
    seconds: Mapping[str, float]
    """By stage; those that describe are `describe` and `extract`."""

    @property
    def core_hours_per_million(self) -> float:
        """Hours of one core for a million clips like these, describing alone."""
        here = self.seconds.get("describe", 0.0) + self.seconds.get("extract", 0.0)
        return here * self.cores / 3600 * 1e6 / self.clips
