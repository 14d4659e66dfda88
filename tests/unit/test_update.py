"""Where clips that come are put among those that were dealt before, and what of the sums that stand does not fit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from classically_punk.modelling.digest import unit_digest
from classically_punk.modelling.moments import Moments
from classically_punk.settings import Settings
from classically_punk.spark import sums, update
from classically_punk.spark.sums import Kept, Slot
from classically_punk.spark.update import NotBySumsError

GENRES = ("jazz", "rock")


def slot(clips: dict[str, int], genres: tuple[str, ...] = GENRES) -> Slot:
    y = np.repeat(np.arange(len(genres)), [clips.get(genre, 0) for genre in genres])
    x = np.random.default_rng(y.size).normal(size=(y.size, 2))
    moments = Moments.of(x, y, np.ones(y.size), len(genres))
    return Slot("m", genres, moments, moments, "d")


KEPT = Kept("design", {("r1", 0, 0): slot({"jazz": 5, "rock": 1}), ("r1", 1, 0): slot({"jazz": 1, "rock": 5})})


def came(*clips: tuple[str, str, str | None, str]) -> pd.DataFrame:
    rows = pd.DataFrame(list(clips), columns=["clip_id", "genre", "group_id", "recording"], dtype=object)
    return rows.assign(path=[f"/music/{clip}.wav" for clip in rows["clip_id"]])


def dealt(
    monkeypatch: pytest.MonkeyPatch, clips: pd.DataFrame, *kin: tuple[str, str, str, int]
) -> tuple[pd.DataFrame, int]:
    rows = pd.DataFrame(list(kin), columns=["clip_id", "unit", "recording", "cell"])
    rows[["unit", "recording"]] = rows[["unit", "recording"]].map(unit_digest)
    monkeypatch.setattr(update, "_kin", lambda *_: rows)
    run: Any = SimpleNamespace(run_id="r2")
    model: Any = SimpleNamespace(genres=GENRES)
    warehouse: Any = None
    return update.dealt(warehouse, Settings.load(None, {}), run, model, KEPT, clips, set())


def test_clips_go_to_their_artist_or_recording_and_others_to_where_their_genre_is_rare(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clips = came(
        ("a", "jazz", "miles", "a"), ("b", "jazz", None, "old"), ("c", "jazz", None, "c"), ("d", "rock", "new", "d")
    )
    kin = [("x", "group:miles", "x", 0), ("old", "clip:old", "old", 0)]
    rows, new_groups = dealt(monkeypatch, clips, *kin)
    assert rows.cell.tolist() == [0, 0, 1, 0]
    assert new_groups == 2  # c alone, and the artist of d
    assert set(rows.batch) == {"r2"}
    # b is in the group of the recording that it is a copy of
    assert rows.unit.tolist()[:2] == [unit_digest("group:miles"), unit_digest("clip:old")]


def test_without_artists_neighbours_by_name_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{at}" for at in (10, 2, 1, 11)]
    rows, _ = dealt(monkeypatch, came(*((name, "rock", None, name) for name in names)))
    assert dict(zip(rows.clip_id, rows.cell, strict=True)) == {"1": 0, "2": 0, "10": 1, "11": 1}


def test_clips_that_tie_groups_together_are_left_to_a_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    kin = [("x", "group:miles", "x", 0), ("old", "clip:old", "old", 1)]
    with pytest.raises(NotBySumsError, match="tie together groups of others"):
        dealt(monkeypatch, came(("a", "jazz", "miles", "old")), *kin)


def test_clips_of_a_new_genre_are_left_to_a_fit() -> None:
    model: Any = SimpleNamespace(genres=GENRES)
    update.need_genres(came(("a", "jazz", None, "a")), model)
    with pytest.raises(NotBySumsError, match="the model knows no samba, zouk"):
        update.need_genres(came(("a", "zouk", None, "a"), ("b", "samba", None, "b")), model)


def test_sums_of_slots_are_added_by_cell_in_the_order_of_the_models_genres() -> None:
    more = Kept("design", {**KEPT.slots, ("r2", 1, 0): slot({"rock": 2, "jazz": 3}, ("rock", "jazz"))})
    rows, clips = more.by_cell(("blues", *GENRES))
    assert [part.targets.tolist() for part in rows] == [[0, 5, 1], [0, 4, 7]]
    assert [part.rows for part in clips] == [6, 11]
    assert more.clips == 17


def test_a_genre_that_loses_its_last_clip_is_left_to_a_fit() -> None:
    model: Any = SimpleNamespace(genres=(*GENRES, "zouk"))
    with pytest.raises(NotBySumsError, match="no clip of zouk is left"):
        update.solved(KEPT, model, Settings.load(None, {}), None)


def test_the_digest_of_the_slots_knows_their_clips() -> None:
    clips = pd.DataFrame({"clip_id": ["a", "b"], "genre": "jazz", "unit": "u", "batch": "r", "cell": 0, "piece": 0})
    one, other = sums.digests(clips), sums.digests(clips.assign(genre="rock"))
    assert one.keys() == other.keys() == {("r", 0, 0)}
    assert one != other
    assert one == sums.digests(clips.iloc[::-1])
