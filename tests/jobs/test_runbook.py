"""Every command of the runbook works on the demo's warehouse; what it says of eleven incidents is said of eleven."""

from __future__ import annotations

import re
import shlex

import pytest
from tests.jobs.conftest import ROOT, answered

pytestmark = pytest.mark.timeout(900)
PAGE = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    """The lines of the page's blocks that can be run here, each once."""
    found = re.finditer(r"(<!-- not run by a test: .*? -->\n)?```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for match in found if not match[1] for line in match[2].splitlines()]
    return list(dict.fromkeys(lines))


QUERIES = [line for line in commands() if line.startswith("scripts/sql ")]
OTHERS = [line for line in commands() if line not in QUERIES]


def test_there_are_eleven_incidents_with_commands() -> None:
    parts = re.split(r"^## \d+\. ", PAGE, flags=re.MULTILINE)[1:]
    assert len(parts) == 11
    assert len([part for part in parts if "```sh" in part]) == 11
    assert len(QUERIES) > 5
    assert len(OTHERS) == 6


@pytest.mark.usefixtures("demo")
def test_every_query_of_the_page_has_an_answer() -> None:
    """All in one session: `scripts/sql` takes many."""
    statements = [word for line in QUERIES for word in shlex.split(line)[1:]]
    said = answered(shlex.join(["scripts/sql", *statements]))
    assert said.count("+\n|") >= len(QUERIES)


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("line", OTHERS)
def test_a_command_of_the_page_does_what_it_should(line: str) -> None:
    answered(line)
