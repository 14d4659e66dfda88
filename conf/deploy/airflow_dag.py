"""The pipeline once a night by Airflow, on a standalone cluster, from the release in `PUNK_RELEASE` (a `dist/`).

An example: not run by this project's tests, which let Airflow import it. The connection `punk_spark` names the master;
its secret is where the head of conf/spark/standalone.conf says, on the machine that submits.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG

RELEASE = Path(os.environ.get("PUNK_RELEASE", "/opt/punk"))
PLACES = Path(os.environ.get("PUNK_DATA", "/data/punk"))
PYTHON = str(RELEASE / "env" / "bin" / "python3")


def first(pattern: str) -> str:
    """The file of the release that fits; the pattern itself where there is none, as when the DAG is only checked."""
    return str(next(iter(sorted(RELEASE.glob(pattern))), RELEASE / pattern))


with DAG(
    dag_id="classically_punk",
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    # One writer a warehouse: a second run would end with status 2.
    max_active_runs=1,
    # Any run can be repeated: what a failed one has done is found done. A gate that failed fails again.
    default_args={"retries": 1, "retry_delay": timedelta(minutes=5)},
    tags=["classically-punk"],
) as dag:
    run_pipeline = SparkSubmitOperator(
        task_id="run_pipeline",
        conn_id="punk_spark",
        application=str(RELEASE / "jobs" / "run_pipeline.py"),
        application_args=[
            f"--config={RELEASE / 'conf' / 'cluster.toml'}",
            f"--corpus.root={PLACES / 'corpus'}",
            f"--warehouse.root={PLACES / 'warehouse'}",
            f"--reports.root={PLACES / 'reports'}",
        ],
        properties_file=str(RELEASE / "conf" / "spark" / "standalone.conf"),
        py_files=first("*.zip"),
        archives=first("*-env.tar.gz") + "#env",
        jars=",".join(sorted(map(str, RELEASE.glob("jars/*.jar")))) or first("jars/*.jar"),
        conf={"spark.pyspark.python": "./env/bin/python3", "spark.pyspark.driver.python": PYTHON},
    )
