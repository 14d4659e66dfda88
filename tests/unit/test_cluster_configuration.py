"""What the configurations of Spark promise: loopback at home, authentication and encryption on a cluster, no secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from classically_punk.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def properties(name: str) -> dict[str, str]:
    """The keys of a properties file and their values."""
    lines = (ROOT / "conf" / "spark" / name).read_text().splitlines()
    pairs = [line.split(None, 1) for line in lines if line.strip() and not line.startswith("#")]
    return {key: value.strip() for key, value in pairs}


CLUSTERS = ("standalone.conf", "yarn.conf", "kubernetes.conf")


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_cluster_authenticates_and_encrypts_and_shows_no_page(name: str) -> None:
    found = properties(name)
    for key in ("spark.authenticate", "spark.network.crypto.enabled", "spark.io.encryption.enabled"):
        assert found[key] == "true", key
    assert found["spark.network.crypto.saslFallback"] == "false"
    assert found["spark.acls.enable"] == "true"
    assert found["spark.ui.enabled"] == "false"


def test_the_local_configuration_is_bound_to_loopback() -> None:
    found = properties("local.conf")
    assert found["spark.driver.host"] == found["spark.driver.bindAddress"] == "127.0.0.1"
    assert found["spark.ui.enabled"] == "false"


@pytest.mark.parametrize("name", ["local.conf", *CLUSTERS])
def test_no_key_holds_a_secret_and_such_keys_are_redacted(name: str) -> None:
    found = properties(name)
    redacted = re.compile(found["spark.redaction.regex"])
    assert [key for key in found if redacted.search(key)] == []
    for key in ("spark.authenticate.secret", "fs.s3a.secret.key", "fs.s3a.access.key", "x.password", "session.token"):
        assert redacted.search(key), key


def test_the_cluster_configuration_is_read() -> None:
    assert Settings.from_command_line(["--config", str(ROOT / "conf/cluster.toml")]).corpus.labels == "folder"
