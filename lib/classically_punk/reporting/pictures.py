"""Every plot of the report as a PNG file."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from classically_punk import atomic
from classically_punk.reporting import figures
from classically_punk.reporting.findings import Findings
from classically_punk.reporting.palette import palette
from classically_punk.reporting.plots import FAINT
from classically_punk.reporting.telling import by_family, differences, thresholds
from classically_punk.reporting.text import short, slug

PANELS = 6  # columns drawn of one family
MOST_EXHIBITS = 40  # genres with a picture of one clip; keeps the page small with hundreds of genres
KINDS: tuple[str, ...] = ("family", "scores", "confusion", "exhibit", "model", "checks")


@dataclass(frozen=True)
class Plot:
    """One PNG: what it shows (`kind` and `subject`, e.g. family and timbre), and in words for who cannot see it."""

    kind: str
    subject: str
    path: Path
    caption: str


def write_plots(findings: Findings, folder: Path) -> list[Plot]:
    """Every plot of the report as a PNG in `folder`; the same findings give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    album = Album(findings, folder)
    album.families()
    album.protocols()
    album.model()
    album.checks()
    album.exhibits()
    written = {plot.path for plot in album.plots}
    for kind in KINDS:  # an earlier run may have had other genres
        for old in folder.glob(f"{kind}-*.png"):
            if old not in written:
                old.unlink()
    return album.plots


class Album:
    """The pictures of one set of findings, as they are drawn."""

    def __init__(self, findings: Findings, folder: Path) -> None:
        self.f, self.folder = findings, folder
        self.colours = palette(findings.names)
        self.plots: list[Plot] = []

    def families(self) -> None:
        """The columns of each family by genre."""
        for number, (family, columns) in enumerate(by_family(self.f.features).items(), start=1):
            shown = columns[:PANELS]
            part = f" {len(shown)} of {len(columns)} columns: what listeners ask for, then those that differ most."
            self._keep(
                figures.family_figure(shown, self.colours),
                "family",
                family,
                f"family-{number}-{slug(family)}",
                f"{family} by genre: box 25–75 %, line at the median, whiskers 5–95 % of clips."
                + (part if len(shown) < len(columns) else ""),
            )

    def protocols(self) -> None:
        """Recall, F1 and confusion under each protocol."""
        for number, protocol in enumerate(self.f.evaluated, start=1):
            self._keep(
                figures.scores_figure(self.f, protocol, self.colours),
                "scores",
                protocol,
                f"scores-{number}-{slug(protocol)}",
                f"Recall and F1 per genre under {protocol}, with 95 % intervals.",
            )
            if (confusion := self.f.confusion(protocol)) is not None:
                self._keep(
                    figures.confusion_figure(*confusion),
                    "confusion",
                    protocol,
                    f"confusion-{number}-{slug(protocol)}",
                    f"Confusion matrix under {protocol}: clips as figures, share of the true genre as shade.",
                )

    def model(self) -> None:
        """What the regressions lean on, and what they answer to clips they have not seen."""
        looked = self.f.examined
        self._keep(
            figures.weights_figure(looked.weights),
            "model",
            "weights",
            "model-1-weights",
            "How much each genre's regression leans on each group of features: root of the summed squares of its "
            "coefficients, per standard deviation.",
        )
        self._keep(
            figures.spreads_figure(looked, self.colours),
            "model",
            "spreads",
            "model-2-spreads",
            f"Predicted against target, {looked.clips} held-out clips: scores of a genre's own clips (coloured, target "
            "1) and of all others (grey, target 0); box 25–75 %, line at the median, whiskers 5–95 %.",
        )

    def checks(self) -> None:
        """Calibration, thresholds, ablation and other conditions, under the strictest protocol that has them."""
        main = self.f.evaluated[0] if self.f.evaluated else ""
        self._keep(
            figures.calibration_figure(self.f.examined),
            "checks",
            "calibration",
            "checks-1-calibration",
            f"Calibration on {self.f.examined.clips} held-out clips: share right by confidence in bins of equal "
            "numbers, with Wilson 95 % intervals; on the dashed line a confidence of 70 % is right seven times in ten.",
        )
        now = self.f.find(main, "cost_per_1000")
        self._keep(
            figures.thresholds_figure(thresholds(self.f), now.value if now is not None else None),
            "checks",
            "thresholds",
            "checks-2-thresholds",
            "Left: accuracy of the answers against the share answered, one point a threshold. Right: expected cost per "
            "1000 clips against the threshold. 95 % intervals.",
        )
        for number, (kind, caption) in enumerate(DIFFERENCES.items(), start=3):
            self._keep(
                figures.differences_figure(differences(self.f, kind)),
                "checks",
                kind,
                f"checks-{number}-{kind}",
                caption,
            )

    def exhibits(self) -> None:
        """One clip of each genre."""
        shown = sorted(self.f.exhibits, key=lambda one: one.genre)[:MOST_EXHIBITS]
        for number, exhibit in enumerate(shown, start=1):
            self._keep(
                figures.exhibit_figure(exhibit, self.colours.get(exhibit.genre, FAINT)),
                "exhibit",
                exhibit.genre,
                f"exhibit-{number:02d}-{slug(exhibit.genre)}".rstrip("-"),
                f"Waveform, spectrogram, chroma and MFCC of one clip of {short(exhibit.genre, 60)}.",
            )

    def _keep(self, figure: Figure | None, kind: str, subject: str, name: str, caption: str) -> None:
        if figure is None:
            return
        path = self.folder / f"{name}.png"
        with warnings.catch_warnings():  # a sign that the font lacks is drawn as a box: no news for the log
            warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
            drawn = io.BytesIO()
            figure.savefig(drawn, format="png", dpi=figures.DPI, metadata={"Software": None})
        atomic.replace(path, drawn.getvalue())
        self.plots.append(Plot(kind, subject, path, caption))


DIFFERENCES = {
    "ablation": "What the model loses without each group of features, with 95 % intervals of paired draws.",
    "baseline": "Other models on the same clips, less this one, with 95 % intervals of paired draws.",
    "altered": "The same models on altered copies of the clips, less what they answer to the clips as they are.",
}
