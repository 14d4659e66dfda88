"""What conf/deploy promises, held without the validators: not root, pinned, one version of everything, real paths."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "conf/deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def loaded(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def project() -> dict[str, Any]:
    told: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return told


def test_the_image_is_pinned_and_runs_as_nobody_in_particular() -> None:
    images = re.findall(r"^ARG \w+_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert len(images) == 2
    assert all(re.search(r":\d+\.\d+", image) for image in images)
    asked = re.search(r"apt-get install -y --no-install-recommends (.*?) &&", DOCKERFILE)
    assert asked is not None
    assert all("=" in package for package in asked[1].split())
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["185:185"]


def test_what_the_image_copies_is_what_a_release_holds() -> None:
    copied = re.findall(r"^(?:COPY|ADD) (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    made = (ROOT / "release/__main__.py").read_text()
    for name in " ".join(copied).split():
        stem = name.strip("*/")
        assert stem in made, f"{name} is not made by the release"


def test_one_version_everywhere() -> None:
    version = project()["version"]
    (spark,) = [text.split("==")[1] for text in project()["dependencies"] if text.startswith("pyspark")]
    application = loaded("spark_application.yaml")["spec"]
    pod = loaded("pod.yaml")["spec"]["containers"][0]
    kubernetes = (ROOT / "conf/spark/kubernetes.conf").read_text()
    assert application["image"] == pod["image"] == f"classically-punk:{version}"
    assert f"classically-punk:{version}\n" in kubernetes
    assert application["sparkVersion"] == spark
    assert f"apache/spark:{spark}-" in DOCKERFILE


def containers() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    pod = loaded("pod.yaml")["spec"]
    yield "pod", pod["securityContext"], pod["containers"][0]["securityContext"]
    application = loaded("spark_application.yaml")["spec"]
    for name in ("driver", "executor"):
        yield name, application[name]["podSecurityContext"], application[name]["securityContext"]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_no_pod_has_rights(at: int) -> None:
    _, pod, container = list(containers())[at]
    assert pod["runAsNonRoot"] is True
    assert pod["runAsUser"] == 185
    assert container["allowPrivilegeEscalation"] is False
    assert container["readOnlyRootFilesystem"] is True
    assert container["capabilities"] == {"drop": ["ALL"]}


def test_the_operator_has_the_same_configuration_as_spark_submit() -> None:
    """What both can say is said alike; the operator says the rest in fields of its own."""
    told = loaded("spark_application.yaml")["spec"]["sparkConf"]
    lines = (ROOT / "conf/spark/kubernetes.conf").read_text().splitlines()
    pairs = dict(line.split(None, 1) for line in lines if line.strip() and not line.startswith("#"))
    elsewhere = ("spark.kubernetes.", "spark.driver.", "spark.executor.", "spark.submit.", "spark.ui.enabled")
    assert told == {key: value for key, value in pairs.items() if not key.startswith(elsewhere)}


def test_jobs_and_configurations_that_are_named_exist() -> None:
    application = loaded("spark_application.yaml")["spec"]
    bundle = loaded("databricks.yml")["resources"]["jobs"]["pipeline"]["tasks"][0]
    named = [application["mainApplicationFile"], application["arguments"][0]]
    places = [re.sub(r"^.*?/opt/punk/", "", text) for text in named]
    places.append(str((DEPLOY / bundle["spark_python_task"]["python_file"]).resolve().relative_to(ROOT)))
    places += [str((DEPLOY / each["requirements"]).resolve().relative_to(ROOT)) for each in bundle["libraries"][:1]]
    assert [place for place in places if not (ROOT / place).is_file()] == []
