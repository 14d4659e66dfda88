"""What is done to features before the fit: raw columns -> columns with names, alike in training, judging and serving.

The model stays linear in its coefficients: `log_variance` takes logarithms of the columns named `…_var`; `squares` puts
the square of each column beside it; `fourier` puts cosines of random directions beside them, which together approximate
a Gaussian kernel (Rahimi and Recht 2007, "Random Features for Large-Scale Kernel Machines"). Both take the logarithms
first. A transform is data (kind and numbers), never code; what it learns are the centre and scale of each column.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from classically_punk.modelling.arrays import Floats, ModelError, floats

KINDS = ("none", "log_variance", "squares", "fourier")
MAPPED = ("squares", "fourier")
VARIANCE = "_var"
FLOOR = 1e-8
"""Smallest variance whose logarithm is taken: silence has none. Music is above 1e-7 in every column of `classic57`."""


@dataclass(frozen=True)
class Transform:
    """p named columns in, `outputs` out. `centre`, `scale` (p,) standardise after the logarithms; None: no such step.

    `clip` bounds the standardised columns to ± so many; `weight` is what all added columns together may vary, as a
    share of what the plain ones do: it sets how much the ridge costs them. `count`, `width` (in the typical distance of
    two rows) and `seed` draw the directions of `fourier`. Raises ModelError if the parts do not fit together.
    """

    names: tuple[str, ...]
    kind: str = "none"
    centre: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None
    clip: float = 0.0
    weight: float = 0.0
    count: int = 0
    width: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        def need(true: bool, problem: str) -> None:
            if not true:
                raise ModelError(f"the transform {problem}")

        p = len(self.names)
        need(p >= 1 and len(set(self.names)) == p, "needs columns, each named once")
        need(self.kind in KINDS, f"is {self.kind!r}, this program knows {', '.join(KINDS)}")
        need((self.centre is None) == (self.scale is None), "needs both centre and scale, or neither")
        need(not self.needs_scale or self.scaled, f"{self.kind!r} (clip {self.clip}) needs centre and scale")
        numbers = np.asarray([*(self.centre or ()), *(self.scale or ()), self.clip, self.weight, self.width])
        need(bool(np.isfinite(numbers).all()), "holds numbers that are NaN or infinite")
        if self.centre is not None and self.scale is not None:
            need(len(self.centre) == len(self.scale) == p, f"needs centre and scale of {p} columns")
            need(min(self.scale) > 0, "needs scales above zero")
        need(self.clip >= 0, "needs a clip of zero or more")
        need(self.kind not in MAPPED or self.weight > 0, f"{self.kind!r} needs a weight above zero")
        need(0 <= self.seed < 2**63, "needs a seed of zero or more")
        need(
            self.kind != "fourier" or (1 <= self.count <= MOST and self.width > 0),
            f"'fourier' needs 1 to {MOST} directions and a width above zero",
        )

    @classmethod
    def from_json(cls, text: str) -> Transform:
        """JSON of its fields -> itself. Raises ModelError for other content."""
        try:
            raw: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(text).items()
            }
            return cls(**raw)
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"the transform cannot be read: {error}") from error

    @property
    def needs_scale(self) -> bool:
        """Whether it must know centre and scale of its columns."""
        return self.kind in MAPPED or self.clip > 0

    @property
    def scaled(self) -> bool:
        """Whether its columns come standardised: their penalty is then the same as it stands, not per deviation."""
        return self.centre is not None

    @property
    def is_identity(self) -> bool:
        """Whether columns go through as they are."""
        return self.kind == "none" and not self.scaled

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns it makes: those it got, under their own names, then the added ones."""
        if self.kind == "squares":
            return (*self.names, *(f"square:{name}" for name in self.names))
        if self.kind == "fourier":
            return (*self.names, *(f"fourier:{at:04d}" for at in range(self.count)))
        return self.names

    def logged(self, values: ArrayLike) -> Floats:
        """Rows (n, p) -> (n, p), its first step: logarithms of the variances where the kind asks for them.

        Raises ModelError if the number of columns is another or a value is not finite.
        """
        x = floats(values, "values", 2)
        if x.shape[1] != len(self.names):
            raise ModelError(f"the transform got {x.shape[1]} columns, was made for {len(self.names)}")
        if self.kind == "none":
            return x
        variance = np.asarray([name.endswith(VARIANCE) for name in self.names])
        out = x.copy()
        out[:, variance] = np.log(np.maximum(x[:, variance], FLOOR))
        return out

    def apply(self, values: ArrayLike) -> Floats:
        """Rows (n, p) -> (n, q), a column for each of `outputs`. Raises ModelError as `logged` does."""
        x = self.logged(values)
        if self.centre is None or self.scale is None:
            return x
        z = (x - np.asarray(self.centre)) / np.asarray(self.scale)
        if self.clip > 0:
            z = np.clip(z, -self.clip, self.clip)
        if self.kind == "squares":
            return np.hstack([z, np.sqrt(self.weight / 2) * (np.square(z) - 1)])  # a normal z has var(z²) = 2
        if self.kind == "fourier":
            directions, phases = fourier_directions(len(self.names), self.count, self.width, self.seed)
            height = np.sqrt(2 * self.weight * len(self.names) / self.count)
            return np.hstack([z, height * np.cos(z @ directions + phases)])
        return np.asarray(z)

    def fitted(self, means: ArrayLike, deviations: ArrayLike) -> Transform:
        """Mean and standard deviation (p,) of `logged` columns -> itself with centre and scale; constants get scale 1.

        Raises ModelError for other lengths or numbers that are not finite.
        """
        centre, spread = floats(means, "means", 1), floats(deviations, "deviations", 1)
        scale = np.where(spread > 1e-10 * np.maximum(np.abs(centre), 1e-100), spread, 1.0)
        numbers = {"centre": tuple(centre.tolist()), "scale": tuple(scale.tolist())}
        return Transform(**{**{name: getattr(self, name) for name in self.__dataclass_fields__}, **numbers})

    def weighted(self, weights: Iterable[tuple[str, float]]) -> Transform:
        """Patterns of names (`timbre_mfcc*_mean`), weights above zero -> itself with such columns times their weight.

        It is a weight of standardised columns, before the clip: below 1 the ridge costs them more, and they count for
        less in the directions of `fourier`. Raises ModelError where nothing is standardised or a pattern fits no name.
        """
        scale = None if self.scale is None else list(self.scale)
        for pattern, weight in weights:
            fitting = [at for at, name in enumerate(self.names) if fnmatchcase(name, pattern)]
            if scale is None or not fitting or not weight > 0:
                problem = "standardises no column" if scale is None else f"has no column {pattern!r}, or no such weight"
                raise ModelError(f"the transform {problem}: {weight!r}")
            for at in fitting:
                scale[at] /= weight
        return replace(self, scale=None if scale is None else tuple(scale))

    def without(self, dropped: Sequence[str]) -> Transform:
        """The same transform of the columns that are left. Raises ModelError if none are."""
        kept = [at for at, name in enumerate(self.names) if name not in set(dropped)]
        pick = {
            name: None if (values := getattr(self, name)) is None else tuple(values[at] for at in kept)
            for name in ("names", "centre", "scale")
        }
        return Transform(**{**{name: getattr(self, name) for name in self.__dataclass_fields__}, **pick})


MOST = 4000
"""Most directions: MLlib's normal solver takes 4096 columns."""


@lru_cache(maxsize=8)
def fourier_directions(columns: int, count: int, width: float, seed: int) -> tuple[Floats, Floats]:
    """Directions (columns, count), normal, over width times the root of `columns`, and phases (count,) in 0 to 2π.

    From the raw stream of a PCG64, which NumPy keeps the same for ever (its normal numbers it does not), by Box-Muller.
    """
    pairs = (columns * count + 1) // 2
    raw = np.random.PCG64(seed).random_raw(2 * pairs + count)
    uniform = (np.asarray(raw >> np.uint64(11), dtype=np.float64) + 0.5) / 2.0**53
    radius = np.sqrt(-2 * np.log(uniform[:pairs]))
    angle = 2 * np.pi * uniform[pairs : 2 * pairs]
    normal = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[: columns * count]
    directions = normal.reshape(columns, count) / (width * np.sqrt(columns))
    return directions, 2 * np.pi * uniform[2 * pairs :]
