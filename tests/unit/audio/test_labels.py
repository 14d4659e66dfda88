"""Labels stay the text they were: from the parent folder, or from a manifest."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from classically_punk.audio.labels import Label, folder_label, read_manifest
from classically_punk.errors import ConfigError

ROOT = b"/music"


@pytest.mark.parametrize(
    ("path", "label"),
    [
        (b"/music/rock/a.wav", "rock"),
        (b"/music/a.wav", None),
        (b"/music/box/set/jazz/a.wav", "jazz"),
        (b"/music/02/a.wav", "02"),
        (b"/music/genre=02/a.wav", "genre=02"),
        (b"/music/NA/a.wav", "NA"),
        (b"/music/caf\xe9/a.wav", "caf\\xe9"),
    ],
)
def test_folder_label_is_the_name_of_the_parent_folder(path: bytes, label: str | None) -> None:
    assert folder_label(ROOT, path) == label
    assert folder_label(ROOT + b"/", path) == label


ROWS = {
    "path": ["rock/a.wav", "b c.wav", "02/c\\xe9.wav"],
    "genre": ["NA", "02", ""],
    "group_id": ["", "artist, the", "007"],
    "split": ["train", "", "test"],
}
EXPECTED = {
    b"/music/rock/a.wav": Label("NA", None, "train"),
    b"/music/b c.wav": Label("02", "artist, the", None),
    b"/music/02/c\xe9.wav": Label(None, "007", "test"),
}


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_all_kinds_of_table_say_the_same(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"labels.{kind}"
    frame = pd.DataFrame(ROWS)
    if kind == "parquet":
        frame.replace("", None).to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="," if kind == "csv" else "\t", encoding="utf-8-sig")
    assert read_manifest(path, ROOT) == EXPECTED


def test_parquet_takes_paths_as_bytes_and_groups_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    pd.DataFrame({"path": [b"a\xff.wav"], "genre": ["x"], "group_id": [3]}).to_parquet(path)
    assert read_manifest(path, ROOT) == {b"/music/a\xff.wav": Label("x", "3", None)}


def test_names_that_are_not_utf8_are_read_byte_by_byte(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"path,genre\ncaf\xe9.wav,caf\xe9\n")
    assert read_manifest(path, ROOT) == {b"/music/caf\xe9.wav": Label("caf\\xe9", None, None)}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.csv", None, "cannot be read"),
        ("labels.xlsx", "path,genre\n", r"expected \.csv, \.tsv or \.parquet"),
        ("labels.csv", "", "cannot be read"),
        ("labels.csv", "file,genre\na.wav,rock\n", "no column"),
        ("labels.csv", "path\na.wav\n", "no column"),
        ("labels.csv", "path,genre\n,rock\n", "row 1"),
        ("labels.csv", "path,genre\na.wav,rock\n../b.wav,rock\n", "row 2"),
        ("labels.csv", "path,genre\n/etc/passwd,rock\n", "not below"),
        ("labels.csv", "path,genre\na.wav,rock\n./a.wav,pop\n", "twice"),
        ("labels.parquet", "not parquet", "cannot be read"),
        ("labels.csv", 'path,genre\n"a.wav,rock\n', "cannot be read"),
    ],
)
def test_a_bad_table_stops_the_run_and_names_the_place(
    name: str, content: str | None, words: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=words) as caught:
        read_manifest(tmp_path / name, ROOT)
    assert "corpus.manifest" in str(caught.value)
    assert name in str(caught.value)


def test_the_same_row_twice_is_no_contradiction(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("path,genre\na.wav,rock\n./a.wav,rock\n")
    assert read_manifest(path, ROOT) == {b"/music/a.wav": Label("rock")}
