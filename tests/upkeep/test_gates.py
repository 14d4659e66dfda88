"""What keeps a worse model, or one of other music, from taking the place of the one in force."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.spark.conftest import Bench
from tests.spark.test_models import invented_table

from classically_punk.features import PUBLISHED_NAMES
from classically_punk.modelling import published
from classically_punk.spark import pipeline
from classically_punk.spark.published_features import import_features
from classically_punk.spark.runs import Run

CLIPS = 60


@pytest.fixture
def trained(bench: Callable[..., Bench], tmp_path: Path) -> tuple[Bench, pd.DataFrame]:
    """A model in force, judged on its clips; and the table behind it."""
    table = invented_table(tmp_path / "table.csv", CLIPS)
    made = bench(
        tmp_path,
        features={"published_csv": str(tmp_path / "table.csv")},
        model={"feature_set": "classic57", "decision": "argmax"},
        evaluation={"protocols": ["random-folds"], "thresholds": [], "ablation": False, "controls": False},
    )
    made.run(import_features)
    made.run(pipeline.train)
    made.run(pipeline.evaluate)
    return made, table


def retrained(made: Bench, table: pd.DataFrame, **sections: dict[str, object]) -> Run:
    table.to_csv(made.settings.features.published_csv, index=False)
    made.run(import_features)
    return made.run(pipeline.train, **sections)


def in_force(made: Bench) -> str:
    return published.load_current(made.warehouse.root).model_id


def test_gates_hold_what_is_worse_or_of_other_music(trained: tuple[Bench, pd.DataFrame]) -> None:
    made, table = trained
    first = in_force(made)

    # labels dealt anew: nothing can be learnt from them, one in three is right by chance
    spoilt = table.assign(label=np.random.Generator(np.random.PCG64(3)).permutation(table["label"]))
    run = retrained(made, spoilt)
    assert in_force(made) == first
    (told,) = run.failed_gates
    assert f"of {CLIPS} clips right under random-folds" in told
    assert f"is not published, {first} stays" in told
    assert run.counts.get("gates_forced") is None
    # by the arithmetic of the test: what is in `predictions` says the same
    judged = made.warehouse.read("predictions").where("protocol = 'random-folds'").toPandas()
    right = (judged["best"] == judged["genre"]).groupby(judged["model_id"]).mean()
    assert right[first] - right.drop(first).iloc[0] > made.settings.gate.max_accuracy_loss
    assert f"{100 * right[first]:.1f} % with the model in force" in told

    forced = retrained(made, spoilt, gate={"force": True})
    assert in_force(made) != first
    assert forced.failed_gates == []
    assert forced.counts["gates_forced"] == 1
    assert forced.detail is not None
    assert forced.detail.startswith("forced: ")

    # the better one passes, and forty clips from somewhere else do not, though the old ones are judged as before
    assert retrained(made, table).failed_gates == []
    assert in_force(made) == first
    numbers = list(PUBLISHED_NAMES.values())
    strange = table.head(40).copy()
    strange["filename"] = [f"{genre}.{at + 900:05d}.au" for at, genre in enumerate(strange["label"])]
    strange[numbers] = strange[numbers] + 5 * table[numbers].std()
    run = retrained(made, pd.concat([table, strange]), gate={"max_accuracy_loss": 1.0})
    (told,) = run.failed_gates
    assert told.startswith("40 new training clips sound unlike those before")
    assert in_force(made) == first
    assert retrained(made, pd.concat([table, strange]), gate={"max_accuracy_loss": 1.0, "max_psi": 1e6}).detail is None
    assert in_force(made) != first
