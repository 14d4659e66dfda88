"""Figures of others, each with its source: never measured here, never under the same protocol."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reported:
    """A share 0-1 that somebody published, what was done for it, and where it stands."""

    who: str
    share: float
    what: str
    source: str


LISTENERS = Reported(
    "People, after 3 s",
    0.70,
    "students naming one of ten genres after 3 s of music; agreement with record companies",
    "Gjerdingen and Perrot, “Scanning the Dial”, Journal of New Music Research 37 (2008), from a study of 1999",
)
TZANETAKIS = Reported(
    "Tzanetakis, Cook 2002",
    0.61,
    "Gaussian mixtures on 30 features, ten genres, random splits that mix artists",
    "Tzanetakis and Cook, “Musical Genre Classification of Audio Signals”, IEEE Transactions on Speech and Audio "
    "Processing 10 (2002)",
)
PRETRAINED = Reported(
    "Pretrained nets 2019",
    0.776,
    "support vector machine on the best of three pretrained networks (74.7 to 77.6 %), GTZAN with artists apart",
    "Pons and Serra, “musicnn”, late-breaking demo at ISMIR (2019)",
)
CEILING = Reported(
    "Perfect on GTZAN",
    0.945,
    "the most that can be right, given the wrong labels of that collection",
    "Sturm, “The GTZAN dataset”, arXiv 1306.1461 (2013)",
)
COMPARED: tuple[Reported, ...] = (LISTENERS, TZANETAKIS, PRETRAINED, CEILING)
