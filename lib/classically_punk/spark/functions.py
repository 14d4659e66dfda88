"""SQL functions over audio: `punk_describe` and `punk_classify` take a path (text or bytes), `punk_describe_content` a
file's bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.types import DoubleType, MapType, StringType, StructField, StructType

from classically_punk.audio import inventory
from classically_punk.features import catalogue
from classically_punk.modelling.published import PublishedModel
from classically_punk.settings import Settings
from classically_punk.spark.extract import as_columns, task_of
from classically_punk.spark.in_force import current_model
from classically_punk.spark.worker import Worker, worker_of_this_process

ANSWER = StructType(
    [
        StructField("best", StringType()),
        StructField("predicted", StringType()),
        StructField("confidence", DoubleType()),
        StructField("probabilities", MapType(StringType(), DoubleType())),
        StructField("reason", StringType()),
    ]
)
"""Struct of `punk_classify`: as in the line of `punk classify`; `predicted` null = not sure, `reason` for a reject."""


def whole_clip_schema() -> StructType:
    """Struct of the SQL functions: every scalar of the catalogue for the whole clip, then `reason` and `detail`."""
    doubles = [StructField(column.name, DoubleType()) for column in catalogue.columns("punk")]
    return StructType([*doubles, StructField("reason", StringType()), StructField("detail", StringType())])


def register(spark: SparkSession, settings: Settings) -> None:
    """Makes the functions known to SQL in this session; a null input gives a struct of nulls with a reason."""
    schema = whole_clip_schema()
    task = task_of(settings, "sql", exhibits=False)
    root = settings.folder("warehouse.root")

    @pandas_udf(schema)  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    def punk_describe(paths: pd.Series) -> pd.DataFrame:
        worker = worker_of_this_process(task)
        return as_columns([_describe_path(worker, path) for path in paths], schema.names)

    @pandas_udf(schema)  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    def punk_describe_content(contents: pd.Series) -> pd.DataFrame:
        worker = worker_of_this_process(task)
        return as_columns([_describe_content(worker, content) for content in contents], schema.names)

    @pandas_udf(ANSWER)  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    def punk_classify(paths: pd.Series) -> pd.DataFrame:
        model = current_model(root, settings)
        worker = worker_of_this_process(task)
        return as_columns([_classified(worker, path, model) for path in paths], ANSWER.names)

    spark.udf.register("punk_classify", punk_classify)
    spark.udf.register("punk_describe", punk_describe)
    spark.udf.register("punk_describe_content", punk_describe_content)


def _describe_path(worker: Worker, path: str | bytes | None) -> dict[str, object]:
    return _whole_clip(_described(worker, path))


def _described(worker: Worker, path: str | bytes | None) -> dict[str, Any]:
    if path is None:
        return {"reason": "UNREADABLE", "detail": "the path is null"}
    return worker.describe_path(inventory.path_bytes(path) if isinstance(path, str) else bytes(path))


def _classified(worker: Worker, path: str | bytes | None, model: PublishedModel) -> dict[str, object]:
    described = _described(worker, path)
    if "reason" in described:
        return {"reason": described["reason"]}
    names = [column.name for column in catalogue.columns("punk")]
    said = model.classify(names, described["segments"], np.asarray(described["feature_values"]))
    told = {name: getattr(said, name) for name in ANSWER.names if name != "reason"}
    return told | {"reason": None}


def _describe_content(worker: Worker, content: bytes | None) -> dict[str, object]:
    return _whole_clip(worker.describe_content(b"" if content is None else bytes(content)))


def _whole_clip(described: dict[str, object]) -> dict[str, object]:
    if "reason" in described:
        return {"reason": described["reason"], "detail": described["detail"]}
    values = described["feature_values"]
    whole = values[0] if isinstance(values, list) else []
    return dict(zip((column.name for column in catalogue.columns("punk")), whole, strict=True))
