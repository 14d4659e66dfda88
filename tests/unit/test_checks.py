"""What a job checks of its places before Spark starts, and what it tells of them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from classically_punk.errors import ConfigError
from classically_punk.settings import Settings
from classically_punk.spark import checks, ingest, withdraw
from classically_punk.spark.jobs import USAGE, run_job

SECRET = "s3://AKIAEXAMPLE:wJalrXUtnFEMI@bucket/music"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "music" / "jazz").mkdir(parents=True)
    (tmp_path / "music" / "jazz" / "a.wav").write_bytes(b"x")
    return tmp_path / "music"


def settings(corpus: Path, **places: Path) -> Settings:
    return Settings.load(None, {"corpus": {"root": str(corpus)}} | {k: {"root": str(v)} for k, v in places.items()})


@pytest.mark.parametrize("key", ["warehouse", "reports"])
@pytest.mark.parametrize("place", [".", "out", "jazz/../out", "../link"])
def test_what_is_written_may_not_lie_in_the_corpus(corpus: Path, key: str, place: str) -> None:
    (corpus.parent / "link").symlink_to(corpus / "out")
    with pytest.raises(ConfigError, match=rf"^{key}\.root: .*lies in corpus\.root"):
        checks.corpus(settings(corpus, **{key: corpus / place}))


def test_beside_or_around_the_corpus_it_may(corpus: Path) -> None:
    checks.corpus(settings(corpus, warehouse=corpus.parent / "music-warehouse", reports=corpus.parent))
    checks.corpus(settings(corpus, warehouse=corpus.parent))
    checks.corpus(settings(corpus))


@pytest.mark.parametrize("name", ["files", "features", "published", "_staging"])
def test_the_corpus_may_not_lie_in_a_folder_that_runs_clean_up(tmp_path: Path, name: str) -> None:
    music = tmp_path / name / "music"
    music.mkdir(parents=True)
    (music / "a.wav").write_bytes(b"x")
    with pytest.raises(ConfigError, match="whose files come and go"):
        checks.corpus(settings(music, warehouse=tmp_path))


@pytest.mark.parametrize(
    "words",
    [
        [f"--corpus.root={SECRET}"],
        [f"--warehouse.root={SECRET}"],
        [f"--limits.max_bytes={SECRET}"],
        [f"--config={SECRET}"],
        [f"--{SECRET}=x"],
        [SECRET],
    ],
)
def test_a_password_in_an_address_is_not_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_job("ingest_clips", words, ingest.ingest_clips, checks.corpus) == USAGE
    told = capsys.readouterr()
    assert "wJalrXUtnFEMI" not in told.out + told.err
    assert told.err.startswith("punk: error: ")


def test_a_new_password_is_no_new_configuration() -> None:
    first, second, other = (
        Settings.load(None, {"corpus": {"root": root}}).digest
        for root in ("s3://user:one@bucket/a", "s3://user:two@bucket/a", "s3://user:one@bucket/b")
    )
    assert first == second != other


def test_a_takedown_names_something_and_says_that_nobody_reads(tmp_path: Path) -> None:
    named = {"withdraw": {"clips": ["a.wav", " a.wav "]}}
    with pytest.raises(ConfigError, match=r"warehouse.short_retention: .* --warehouse.short_retention=true allows it"):
        checks.withdrawal(Settings.load(None, named))
    told = Settings.load(None, named | {"warehouse": {"short_retention": True}})
    checks.withdrawal(told)
    assert withdraw.named(told) == ["a.wav"]
    with pytest.raises(ConfigError, match=r"withdraw.clips: names no clip"):
        checks.withdrawal(Settings.load(None, {"warehouse": {"short_retention": True}}))
    with pytest.raises(ConfigError, match=r"withdraw.list: cannot read .*none.txt: No such file"):
        withdraw.named(Settings.load(None, {"withdraw": {"list": str(tmp_path / "none.txt")}}))
    (tmp_path / "list.txt").write_text("\n b.wav\nc d.wav\n\n")
    assert withdraw.named(Settings.load(None, {"withdraw": {"list": str(tmp_path / "list.txt")}})) == [
        "b.wav",
        "c d.wav",
    ]


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ({"column_weights": [["timbre_mfcc*_mean", 0.5]]}, "nothing is standardised"),
        (
            {"column_weights": [["timbre_mfcc*_mean", 0.5], ["no_such*", 2]], "clip_sd": 4},
            r"no column of .* 'no_such\*'",
        ),
        ({"column_weights": [["timbre_mfcc*_mean", 0.5]], "transform": "fourier", "feature_set": "classic57"}, None),
        ({}, None),
    ],
)
def test_weights_are_for_columns_that_are_there_and_standardised(model: dict[str, object], problem: str | None) -> None:
    chosen = Settings.load(None, {"model": {"feature_set": "classic57"} | model})
    with nullcontext() if problem is None else pytest.raises(ConfigError, match=problem):
        checks.column_weights(chosen)
