"""A published table of classic features -> `clips` and `features`, so that a model can be judged without the audio."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.audio.decode import SAMPLE_RATE_HZ
from classically_punk.errors import ConfigError
from classically_punk.features import PUBLISHED_NAMES, catalogue
from classically_punk.settings import Settings
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.withdrawn import Refused

KEY = "features.published_csv"
DECODER = "published"


def read_csv(settings: Settings) -> pd.DataFrame:
    """The configured CSV: filename, length (samples at 22 050 Hz), label and the 57 columns, all present and finite.

    Raises ConfigError naming the file and what is wrong with it.
    """
    path = Path(settings.folder(KEY))
    try:
        table = pd.read_csv(path, dtype={"filename": str, "label": str})
    except OSError as error:
        raise ConfigError(KEY, f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigError(KEY, f"{path} is not a CSV table: {error}") from None
    numbers = ["length", *PUBLISHED_NAMES.values()]
    missing = [name for name in ("filename", "label", *numbers) if name not in table.columns]
    if missing:
        raise ConfigError(KEY, f"{path} lacks the columns {', '.join(missing[:5])}")
    if table.empty:
        raise ConfigError(KEY, f"{path} has no rows")
    values = table[numbers].apply(pd.to_numeric, errors="coerce")
    bad = ~np.isfinite(values.to_numpy(dtype=float)).all(axis=1) | table[["filename", "label"]].isna().any(axis=1)
    bad |= table["filename"].duplicated()
    if bad.any():
        line = int(np.flatnonzero(bad)[0]) + 2
        raise ConfigError(KEY, f"{path}, line {line}: a value is missing or not a number, or the file stands twice")
    return pd.concat([table[["filename", "label"]], values], axis=1)


def import_features(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Rows of the published table into `clips` (decoder `published`) and `features` (segment -1, set `classic57`)."""
    table = read_csv(settings)
    table["clip_id"] = [hashlib.sha256(f"published:{name}".encode()).hexdigest() for name in table["filename"]]
    table = table[~table["clip_id"].isin(Refused.of(warehouse).ids)].reset_index(drop=True)
    ids = table["clip_id"]
    duration = table["length"] / SAMPLE_RATE_HZ
    clips = pd.DataFrame({"clip_id": ids, "path": table["filename"], "genre": table["label"], "duration_s": duration})
    keys = pd.DataFrame(
        {"clip_id": ids, "segment": -1, "start_s": 0.0, "duration_s": duration, "genre": table["label"]}
    )
    values = table[list(PUBLISHED_NAMES.values())].set_axis(list(PUBLISHED_NAMES), axis=1).astype(float)
    features = pd.concat([keys, values], axis=1)
    spark = warehouse.spark
    known = warehouse.read("clips").select("clip_id", "ingested_at", "run_id")
    with run.stage("import"):
        frame = spark.createDataFrame(clips).join(known, "clip_id", "left")
        frame = frame.withColumns(
            {
                "decoder": F.lit(DECODER),
                "sample_rate_hz": F.lit(SAMPLE_RATE_HZ),
                "channels": F.lit(1),
                "warnings": F.array().cast("array<string>"),
                "ingested_at": F.coalesce("ingested_at", F.lit(run.started_at).cast("timestamp")),
                "run_id": F.coalesce("run_id", F.lit(run.run_id)),
            }
        )
        feature_set = catalogue.feature_set_id("classic57", settings.features.segment_s)
        rows = spark.createDataFrame(features).withColumn("feature_set", F.lit(feature_set))
        warehouse.write_changed("features", rows, ("clip_id", "segment"))
        warehouse.write_changed("clips", frame, ("clip_id",))
    run.counts |= {"imported": len(table)}
    say(f"{len(table)} published rows of {table['label'].nunique()} genres")
