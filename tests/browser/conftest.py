"""The system's Chromium, driven by Playwright, before a server that runs as a user would start it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.unit.app.conftest import model
from tests.unit.app.test_evaluated import report

from classically_punk.modelling import published, training_clips

HOSTILE = '<img src=x onerror=alert(1)>\u202e"'
"""A genre that no page may take for more than a name."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium with a microphone that beeps; skips where there is none that runs."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("needs Chromium: on Debian apt-get install chromium")
    if subprocess.run([found, "--version"], capture_output=True, check=False, timeout=60).returncode != 0:
        pytest.skip(f"{found} does not run")
    options = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=options)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def warehouse_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with a model of three genres and its training clips by name, and its report beside it."""
    folder = tmp_path_factory.mktemp("warehouse")
    one = model(
        genres=("loud", "quiet", HOSTILE),
        intercepts=(0.0, 0.25, 0.2),
        coefficients=((1.0,), (-1.0,), (0.0,)),
        decision=published.Decision(temperature=0.05, threshold=0.5),
    )
    clips = training_clips.to_parquet(["a", "b"], ["near.wav", HOSTILE], ["loud", "quiet"], [[0.35], [9.0]])
    published.publish(folder, one, clips)
    report(folder, counts={"synthetic": 80})
    return folder


@pytest.fixture(scope="session")
def address(warehouse_folder: Path) -> Iterator[str]:
    """Where the server is."""
    command = [sys.executable, "-m", "classically_punk.app.cli", "serve", "--port", "0"]
    with subprocess.Popen(
        [
            *command,
            f"--warehouse.root={warehouse_folder}",
            f"--reports.root={warehouse_folder}",
            "--serve.max_bytes=4000000",
        ],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        yield re.findall(r"http://\S+/", server.stdout.readline())[0]
        server.terminate()
        assert server.wait(timeout=20) == 0
