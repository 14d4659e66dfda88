"""What page and words say of near-duplicates."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from classically_punk.reporting.findings import Findings, NearDuplicate
from classically_punk.reporting.page import render
from classically_punk.reporting.text import value_text


def test_the_page_counts_near_duplicates_and_names_examples(make_findings: Callable[..., Findings]) -> None:
    plain = make_findings()
    assert "near-duplicate" not in render(plain, [])
    counts = dataclasses.replace(plain.counts, near_duplicates=3)
    pairs = [NearDuplicate("<b>loud</b>.mp3", "first.wav"), NearDuplicate("cut.ogg", "first.wav")]
    page = render(dataclasses.replace(plain, counts=counts, near_duplicates=pairs), [])
    assert "3 clips are near-duplicates of another" in page
    assert "they share a fold" in page
    assert "Near-duplicates, 2 of 3" in page
    assert '<bdi>&lt;b&gt;loud&lt;/b&gt;.mp3</bdi></td><td class="text"><bdi>first.wav</bdi>' in page
    one = dataclasses.replace(plain, counts=dataclasses.replace(counts, near_duplicates=1), near_duplicates=pairs[:1])
    assert "1 clip is a near-duplicate of another" in render(one, [])


def test_what_straddles_is_told_in_clips() -> None:
    assert value_text("straddling_near_duplicates", 0.0) == "0"
    assert value_text("straddling_clips", 12.0) == "12"
