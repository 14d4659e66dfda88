"""What a server of tables insists on before it starts, and what is said of an address that is none."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from classically_punk.errors import ConfigError
from classically_punk.spark import connect


def test_no_server_without_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for token in (None, "", "short"):
        monkeypatch.delenv(connect.TOKEN, raising=False)
        if token is not None:
            monkeypatch.setenv(connect.TOKEN, token)
        assert connect.serve_tables([f"--warehouse.root={tmp_path}"]) == 2
        told = capfd.readouterr().err
        assert f"error: {connect.TOKEN}: set it to a secret of 16 signs or more" in told
        assert "short" not in told


def test_no_server_without_a_warehouse(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert connect.serve_tables([f"--warehouse.root={tmp_path}/nowhere"]) == 2
    assert "nowhere does not exist: run a job first" in capfd.readouterr().err


@pytest.mark.parametrize("url", ["", "127.0.0.1:15002", "http://127.0.0.1:15002", "sc://", "sc://:15002"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match=r"--remote: .* is not sc://HOST:PORT"):
        connect.remote_session(url)


def test_a_port_that_is_none() -> None:
    with pytest.raises(ConfigError, match=r"--remote: 'sc://localhost:99999': Port out of range"):
        connect.remote_session("sc://localhost:99999")


def test_nobody_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConfigError, match=rf"--remote: nobody answers at sc://127.0.0.1:{port}: Connection refused"):
        connect.remote_session(f"sc://127.0.0.1:{port}")
