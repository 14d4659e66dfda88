"""The synthetic corpus: the same from run to run, left alone when it is there, and marked in every file."""

from __future__ import annotations

import io
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from classically_punk.audio.decode import decode_file
from classically_punk.audio.inventory import walk
from classically_punk.audio.labels import folder_label
from classically_punk.audio.synthetic import main, ogg_checksum, synthesise, write_corpus
from classically_punk.errors import ClipError
from classically_punk.genres import GTZAN
from classically_punk.settings import Limits

CLIPS, SECONDS, SEED = 4, 1.5, 3


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic")
    assert write_corpus(root, CLIPS, SECONDS, SEED) == 10 * CLIPS + 2
    return root


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_every_clip_is_accepted_and_marked_and_two_files_are_rejected(synthetic: Path) -> None:
    outcomes: Counter[str] = Counter()
    genres: Counter[str | None] = Counter()
    root = os.fsencode(synthetic)
    for found in walk(root):
        try:
            decoded = decode_file(found.path, Limits(), found.size_bytes, found.modified_ns)
        except ClipError as error:
            outcomes[error.code] += 1
        else:
            assert decoded.duration_s == SECONDS
            outcomes[",".join(decoded.warnings)] += 1
            genres[folder_label(root, found.path)] += 1
    assert outcomes == {"SYNTHETIC": 10 * CLIPS, "NOT_AUDIO": 1, "TRUNCATED": 1}
    assert genres == dict.fromkeys(GTZAN, CLIPS)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(synthetic: Path, tmp_path: Path) -> None:
    write_corpus(tmp_path / "again", CLIPS, SECONDS, SEED)
    assert files(tmp_path / "again") == files(synthetic)
    write_corpus(tmp_path / "other", 1, SECONDS, SEED + 1)
    other, first = files(tmp_path / "other"), files(synthetic)
    assert not [name for name in other if other[name] == first[name] and name.endswith("00000.wav")]


def test_a_complete_corpus_is_left_alone_and_a_gap_is_filled(synthetic: Path) -> None:
    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in synthetic.rglob("*") if path.is_file()}

    before, content = times(), files(synthetic)
    assert write_corpus(synthetic, CLIPS, SECONDS, SEED) == 0
    assert times() == before
    (synthetic / "jazz" / "jazz.00002.ogg").unlink()
    (synthetic / "pop" / "pop.00001.flac").write_bytes(b"damaged")
    assert write_corpus(synthetic, CLIPS, SECONDS, SEED) == 2
    assert files(synthetic) == content


def test_formats_rotate_alike_in_every_genre(synthetic: Path) -> None:
    for genre in GTZAN:
        clips = (synthetic / genre).glob(f"{genre}.*")
        assert sorted(path.suffix for path in clips) == [".aiff", ".flac", ".ogg", ".wav"]


def test_clips_of_one_genre_differ_and_stay_within_full_scale() -> None:
    clips = [synthesise("metal", number, 1.0, SEED, 22_050, 2) for number in range(3)]
    for clip in clips:
        assert clip.shape == (22_050, 2)
        assert 0.4 < np.abs(clip).max() <= 1.0
    assert abs(np.corrcoef(clips[0][:, 0], clips[1][:, 0])[0, 1]) < 0.5


def test_the_page_checksum_is_the_one_that_libsndfile_writes() -> None:
    target = io.BytesIO()
    soundfile.write(target, np.random.default_rng(1).uniform(-1, 1, 22_050), 22_050, format="OGG")
    content, at, pages = target.getvalue(), 0, 0
    while at < len(content):
        length = 27 + content[at + 26] + sum(content[at + 27 : at + 27 + content[at + 26]])
        page = content[at : at + length]
        assert ogg_checksum(page[:22] + bytes(4) + page[26:]) == int.from_bytes(page[22:26], "little")
        at, pages = at + length, pages + 1
    assert pages > 2


def test_the_command_line_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "c"), "--clips", "1", "--seconds", "1"]) == 0
    assert "12 files written" in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path / "c"), "--clips", "0"])
    assert caught.value.code == 2
