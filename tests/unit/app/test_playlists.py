"""A collection taken apart: playlists that name each file once, whatever files and genres are called."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from tests.hostile import BYTES, ONLY_IN_A_TABLE
from tests.unit.app.conftest import LOUD, QUIET, model, sine

from classically_punk.app import cli
from classically_punk.app.answering import Input
from classically_punk.app.answers import Line, Told
from classically_punk.app.playlists import REJECTS, Playlists, entry, file_names
from classically_punk.modelling import published

WriteWav = Callable[..., Path]


def test_a_folder_becomes_one_playlist_a_genre_and_a_list_of_rejects(
    tmp_path: Path, write_wav: WriteWav, warehouse: str, capsys: pytest.CaptureFixture[str]
) -> None:
    unsure = model(decision=published.Decision(temperature=0.1, threshold=0.7))
    published.publish(tmp_path / "warehouse", unsure)
    loud = write_wav(tmp_path / "music/a/loud.wav", sine(LOUD))
    quiet = write_wav(tmp_path / "music/quiet.wav", sine(QUIET))
    between = write_wav(tmp_path / "music/between.wav", sine(0.125 * 2**0.5))  # both scores 0.125
    (tmp_path / "music/text.wav").write_text("no music\n" * 50)
    out = tmp_path / "sorted"
    words = ["classify", str(tmp_path / "music"), "--playlists", str(out), warehouse]
    assert cli.main(words) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 4
    assert "1 in loud.m3u8" in captured.err
    assert {path.name for path in out.iterdir()} == {"loud.m3u8", "quiet.m3u8", "not sure.m3u8", REJECTS}
    assert (out / "loud.m3u8").read_text() == f"#EXTM3U\n{loud}\n"
    assert (out / "quiet.m3u8").read_text() == f"#EXTM3U\n{quiet}\n"
    assert (out / "not sure.m3u8").read_text() == f"#EXTM3U\n{between}\n"
    rejects = (out / REJECTS).read_text().splitlines()
    assert rejects[1].split("\t")[:2] == [f"{tmp_path}/music/text.wav", "NOT_AUDIO"]
    loud.unlink()
    assert cli.main(words) == 0
    assert (out / "loud.m3u8").read_text() == "#EXTM3U\n", "what is no more is in no playlist"


@pytest.mark.parametrize("name", [*BYTES, b"#EXTINF:0,x", b"\n#EXTM3U\n/etc/passwd", b"http:x"], ids=str)
def test_an_entry_is_one_line_that_names_this_file_alone(name: bytes) -> None:
    line = entry(b"/music/" + name)
    assert line.isprintable()
    assert line.startswith(("/music/", "file:///music/"))
    if line.startswith("file://"):
        assert unquote_to_bytes(line.removeprefix("file://")) == b"/music/" + name
    else:
        assert os.fsencode(line) == b"/music/" + name


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert entry(b"#a.wav") == f"{tmp_path}/#a.wav"


def test_genres_become_distinct_plain_file_names_inside_the_folder(tmp_path: Path) -> None:
    genres = (
        [os.fsdecode(name) for name in BYTES] + list(ONLY_IN_A_TABLE) + ["Rock", "rock", "r&b", "not sure", "rejects"]
    )
    names = file_names(genres)
    assert len({name.casefold() for name in names.values()}) == len(genres)
    assert names["Rock"] == "Rock.m3u8"
    assert names["rock"] != "rock.m3u8"
    assert names["r&b"] == "r&b.m3u8"
    for name in names.values():
        assert Path(name).name == name
        assert not name.startswith((".", "-"))
        assert len(name.encode()) < 220
        assert name.isprintable()
    playlists = Playlists(tmp_path / "out", genres)
    for genre in genres:
        playlists.take(Input("x", b"/x"), Told(Line("x", best=genre, predicted=genre, confidence=1.0)))
    playlists.write()
    assert {path.parent for path in tmp_path.rglob("*.m3u8")} == {tmp_path / "out"}
    assert len(list((tmp_path / "out").iterdir())) == len(genres) + 1


def test_rejects_stay_one_line_each(tmp_path: Path) -> None:
    playlists = Playlists(tmp_path, ["jazz"])
    for name in ("a\nb\tc", "\udcff", "\x1b[2J"):
        playlists.take(Input(name, b"/x"), Told(Line(name, reason="NOT_AUDIO", detail=name)))
    playlists.write()
    lines = (tmp_path / REJECTS).read_text().split("\n")
    assert [line.count("\t") for line in lines] == [2, 2, 2, 2, 0]
