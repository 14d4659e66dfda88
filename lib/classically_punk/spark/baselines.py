"""MLlib's other learners on the folds that the model is judged on: what a comparison needs, and no more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pyspark.ml import Estimator
from pyspark.ml.classification import LinearSVC, LogisticRegression, OneVsRest, RandomForestClassifier
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.modelling.arrays import Floats, Ints

NAMES = ("logistic", "random-forest", "svm")
REGULARISATION = 0.01
TREES = 100


def answers(name: str, spark: SparkSession, x: Floats, y: Ints, judged: Floats, *, seed: int) -> Ints:
    """Training clips (n, p) of classes (n,) and clips to judge (m, p) -> (m,) answered classes.

    Columns are standardised by the training clips. The strengths are common ones, not tuned. Raises ValueError for an
    unknown name.
    """
    scale = x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    train, test = ((part - x.mean(axis=0)) / scale for part in (x, judged))
    known, label = np.unique(y, return_inverse=True)  # MLlib wants classes 0, 1, … without gaps
    model = _estimator(name, seed).fit(_frame(spark, train, label.astype(np.float64)))
    said = model.transform(_frame(spark, test, np.arange(len(test), dtype=np.float64)))
    found = said.select("label", "prediction").toPandas().sort_values("label")
    return np.asarray(known[found["prediction"].to_numpy().astype(np.int64)], dtype=np.int64)


def _estimator(name: str, seed: int) -> Estimator[Any]:
    if name == "logistic":
        return LogisticRegression(regParam=REGULARISATION, maxIter=100, family="multinomial")
    if name == "random-forest":
        return RandomForestClassifier(numTrees=TREES, maxDepth=12, seed=seed)
    if name == "svm":
        return OneVsRest(classifier=LinearSVC(regParam=REGULARISATION, maxIter=50), parallelism=4)
    raise ValueError(f"unknown learner {name!r}, expected one of {', '.join(NAMES)}")


def _frame(spark: SparkSession, x: Floats, label: Floats) -> DataFrame:
    table = pd.DataFrame({"label": label, "x": list(x)})
    frame = spark.createDataFrame(table, "label double, x array<double>")
    return frame.select("label", array_to_vector(F.col("x")).alias("features"))
