"""conf/deploy against the ecosystem's own validators, which live in an environment of their own.

`scripts/test deploy` installs them (conf/deploy/validators.txt) and runs this; the default `scripts/test` does not.
Nothing is run: a container needs a registry, the others a cluster, a workspace or a scheduler.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "conf/deploy"
VALIDATORS = Path(os.environ.get("PUNK_VALIDATORS", ROOT / "build/validators"))

pytestmark = pytest.mark.skipif(not VALIDATORS.is_dir(), reason="scripts/test deploy installs the validators")


def validated(program: str, *words: str, variables: dict[str, str] | None = None) -> str:
    """Runs a Python program in the validators' environment; what it prints."""
    line = [str(VALIDATORS / "bin/python"), "-c", program, *words]
    run = subprocess.run(line, env={**os.environ, **(variables or {})}, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, (run.stdout + run.stderr)[-3000:]
    return run.stdout


def test_the_dockerfile_has_nothing_that_hadolint_minds() -> None:
    run = subprocess.run([VALIDATORS / "bin/hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "")


def test_hadolint_minds_what_it_should(tmp_path: Path) -> None:
    bad = (DEPLOY / "Dockerfile").read_text().replace("USER 185:185", "USER root")
    (tmp_path / "Dockerfile").write_text(bad)
    run = subprocess.run([VALIDATORS / "bin/hadolint", tmp_path / "Dockerfile"], capture_output=True, text=True)
    assert "DL3002" in run.stdout


STRICT = """
import sys, yaml, kubernetes_validate
for file in sys.argv[1:]:
    for document in yaml.safe_load_all(open(file)):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
        print(document["kind"])
"""


def test_kubernetes_manifests_follow_their_schemas() -> None:
    kinds = validated(STRICT, str(DEPLOY / "kubernetes.yaml"), str(DEPLOY / "pod.yaml")).split()
    assert kinds == [
        *("Namespace", "ServiceAccount", "Role", "RoleBinding"),
        *("PersistentVolumeClaim", "PersistentVolumeClaim", "NetworkPolicy", "Pod"),
    ]


OPERATOR = """
import sys, yaml, kubernetes_validate
spec = yaml.safe_load(open(sys.argv[1]))["spec"]
for name in ("driver", "executor"):
    part = spec[name]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": part["labels"]}, "spec": {
        "serviceAccountName": part.get("serviceAccount", "default"), "securityContext": part["podSecurityContext"],
        "volumes": spec["volumes"], "containers": [{"name": "spark", "image": spec["image"],
        "imagePullPolicy": spec["imagePullPolicy"], "securityContext": part["securityContext"],
        "volumeMounts": part["volumeMounts"]}]}}
    kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
    print(name)
"""


def test_pods_of_the_spark_operator_follow_their_schema() -> None:
    assert validated(OPERATOR, str(DEPLOY / "spark_application.yaml")).split() == ["driver", "executor"]


BUNDLE = """
import sys, yaml
from databricks.bundles.jobs import Job
job = yaml.safe_load(open(sys.argv[1]))["resources"]["jobs"]["pipeline"]
if len(sys.argv) > 2: job["tasks"][0][sys.argv[2]] = 1
made = Job.from_dict(job)
print(made.tasks[0].spark_python_task.python_file, made.job_clusters[0].new_cluster.num_workers)
"""


def test_the_databricks_job_is_made_of_known_fields() -> None:
    assert validated(BUNDLE, str(DEPLOY / "databricks.yml")).split() == ["../../jobs/run_pipeline.py", "2"]
    with pytest.raises(AssertionError, match="no_such_field"):
        validated(BUNDLE, str(DEPLOY / "databricks.yml"), "no_such_field")


DAG = """
import sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
(dag,) = bag.dags.values()
print(dag.dag_id, *(task.task_type for task in dag.tasks), dag.max_active_runs)
"""


def test_airflow_imports_the_dag(tmp_path: Path) -> None:
    told = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    printed = validated(DAG, str(DEPLOY / "airflow_dag.py"), variables=told)
    assert printed.strip().splitlines()[-1] == "classically_punk SparkSubmitOperator 1"
