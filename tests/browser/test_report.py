"""The report in a real browser: nothing leaves it, nothing goes wrong in it, and everybody can read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from tests.browser.conftest import HOSTILE
from tests.unit.reporting.conftest import findings_of

from classically_punk.reporting.page import write_page
from classically_punk.reporting.pictures import write_plots

GENRES = ("blues", "jazz", HOSTILE, "<script>alert(1)</script>")


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every part, and with names that are no names."""
    folder = tmp_path_factory.mktemp("report")
    findings = findings_of(GENRES, clips=4)
    write_page(findings, write_plots(findings, folder / "plots"), folder / "report.html")
    return folder / "report.html"


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """The report, opened from the disk; what it should not do fails the test."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    context.set_default_timeout(20_000)
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
    opened.on("console", lambda message: wrong.append(message.text))
    own = (report.as_uri(), "data:")
    opened.on("request", lambda asked: None if asked.url.startswith(own) else wrong.append(asked.url))
    opened.goto(report.as_uri())
    yield opened
    context.close()
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_with_everything_open(page: Page, scheme: Any, tmp_path: Path) -> None:
    page.emulate_media(color_scheme=scheme)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.screenshot(path=tmp_path / f"{scheme}.png")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 29)"}[scheme]
    assert page.evaluate("[...document.images].every((one) => one.complete && one.naturalWidth > 100)")


def test_a_table_can_be_searched_and_says_how_much_it_found(page: Page) -> None:
    box = page.locator(
        "p.search", has=page.locator("xpath=following-sibling::div[1]//caption[contains(., 'Answering')]")
    )
    rows = page.locator("#confidence table.searchable tbody tr")
    assert rows.count() == 8
    box.locator("input").fill("threshold:0.6")
    assert rows.locator("visible=true").count() == 1
    assert box.locator("[role=status]").text_content() == "1 of 8 rows"
    box.locator("input").fill("")
    assert rows.locator("visible=true").count() == 8


def test_every_entry_of_the_contents_leads_somewhere(page: Page) -> None:
    targets = page.eval_on_selector_all("nav a", "links => links.map((one) => one.getAttribute('href').slice(1))")
    assert len(targets) == 12
    assert all(page.locator(f"#{target} h2").count() == 1 for target in targets)


def test_on_paper_everything_is_open(page: Page) -> None:
    assert page.locator("details:not([open])").count() > 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() > 0
    assert len(page.pdf()) > 100_000


def test_on_a_narrow_screen_only_tables_scroll_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
