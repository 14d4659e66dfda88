"""Every key of every properties file is one that Spark knows: a misspelt key would be passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[2]
FREE = ("spark.executorEnv.", "spark.yarn.appMasterEnv.", "spark.kubernetes.driverEnv.")
"""Beginnings after which any name may follow."""
VOLUMES = tuple(f"spark.kubernetes.{who}.volumes.persistentVolumeClaim." for who in ("driver", "executor"))
OF_A_VOLUME = ("options.claimName", "mount.path", "mount.readOnly")
OF_A_SINK = tuple(f"spark.metrics.conf.*.sink.prometheusServlet.{key}" for key in ("class", "path"))
"""Read by Spark's metrics by name alone; tests/jobs/test_serve_tables.py reads what comes of them."""
NAMED_IN_DELTA = {"spark.databricks.delta.snapshotPartitions", "spark.sql.catalog.spark_catalog"}
REGISTRIES = (
    "org.apache.spark.internal.config.package$",
    "org.apache.spark.internal.config.UI$",
    "org.apache.spark.internal.config.Network$",
    "org.apache.spark.internal.config.Python$",
    "org.apache.spark.internal.config.Deploy$",
    "org.apache.spark.sql.internal.SQLConf$",
    "org.apache.spark.sql.internal.StaticSQLConf$",
    "org.apache.spark.deploy.yarn.config.package$",
    "org.apache.spark.deploy.k8s.Config$",
)
"""Objects of Spark that register their keys when they are loaded."""


def keys(name: str) -> list[str]:
    lines = (ROOT / "conf/spark" / name).read_text().splitlines()
    return [line.split(None, 1)[0] for line in lines if line.strip() and not line.startswith("#")]


def known(spark: SparkSession, key: str) -> bool:
    if key.startswith(FREE) or key in NAMED_IN_DELTA or key in OF_A_SINK:
        return True
    if key.startswith(VOLUMES):
        return key.endswith(OF_A_VOLUME)
    assert spark.sparkContext._jvm is not None
    entry = spark.sparkContext._jvm.org.apache.spark.internal.config.ConfigEntry.findEntry(key)
    return entry is not None or key in ("spark.master", "spark.driver.host", "spark.kubernetes.namespace")


@pytest.fixture(scope="module")
def registries(spark: SparkSession) -> None:
    assert spark.sparkContext._jvm is not None
    for name in REGISTRIES:
        spark.sparkContext._jvm.java.lang.Class.forName(name)


@pytest.mark.parametrize("name", ["local.conf", "standalone.conf", "yarn.conf", "kubernetes.conf"])
def test_spark_knows_every_key(spark: SparkSession, registries: None, name: str) -> None:
    found = keys(name)
    assert len(found) > 10
    assert len(set(found)) == len(found), "a key stands twice"
    assert [key for key in found if not known(spark, key)] == []


def test_a_misspelt_key_is_found(spark: SparkSession, registries: None) -> None:
    for wrong in ("spark.io.encryption.enable", "spark.yarn.maxAppAttempt", "spark.kubernetes.container.img"):
        assert not known(spark, wrong)
