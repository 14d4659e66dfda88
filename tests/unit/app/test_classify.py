"""`punk classify`: what it prints and how it ends, with a model whose scores can be worked out by hand."""

from __future__ import annotations

import io
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.app.conftest import LOUD, QUIET, model, sine

from classically_punk.app import answers, cli
from classically_punk.app.terminal import Counter, shown
from classically_punk.modelling import published, training_clips

WriteWav = Callable[..., Path]
KEYS = ["path", "best", "predicted", "confidence", "probabilities", "scores", "reason", "detail", "warnings"]


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_scores_and_probabilities_of_a_sine_are_those_of_the_formula(
    tmp_path: Path, write_wav: WriteWav, warehouse: str, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_wav(tmp_path / "song.wav", sine(LOUD))
    assert cli.main(["classify", str(song), "--json", warehouse]) == 0
    (told,) = lines(capsys.readouterr().out)
    rms = LOUD / math.sqrt(2)
    assert list(told) == KEYS
    assert (told["path"], told["best"], told["predicted"]) == (str(song), "loud", "loud")
    assert told["scores"] == pytest.approx({"loud": rms, "quiet": 0.25 - rms}, abs=2e-3)
    gap = (told["scores"]["loud"] - told["scores"]["quiet"]) / 0.1
    assert told["confidence"] == pytest.approx(1 / (1 + math.exp(-gap)), abs=1e-12)
    assert told["probabilities"] == pytest.approx({"loud": told["confidence"], "quiet": 1 - told["confidence"]})
    assert (told["reason"], told["detail"]) == (None, None)


def test_below_the_threshold_there_is_a_best_and_no_prediction(
    tmp_path: Path, write_wav: WriteWav, capsys: pytest.CaptureFixture[str]
) -> None:
    unsure = model(decision=published.Decision(temperature=100.0, threshold=0.9))
    published.publish(tmp_path / "warehouse", unsure)
    song = write_wav(tmp_path / "song.wav", sine(LOUD))
    assert cli.main(["classify", str(song), "--json", f"--warehouse.root={tmp_path / 'warehouse'}"]) == 0
    (told,) = lines(capsys.readouterr().out)
    assert (told["best"], told["predicted"]) == ("loud", None)
    assert cli.main(["classify", str(song), f"--warehouse.root={tmp_path / 'warehouse'}"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("not sure")
    assert "best guess: loud" in said


def test_one_object_a_file_in_order_and_rejects_are_answers(
    tmp_path: Path, write_wav: WriteWav, warehouse: str, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = write_wav(tmp_path / "quiet.wav", sine(QUIET))
    text = tmp_path / "text.wav"
    text.write_text("This is no music.\n" * 50)
    empty = tmp_path / "empty.wav"
    empty.touch()
    asked = [str(text), str(quiet), str(empty), str(quiet)]
    assert cli.main(["classify", "--json", warehouse, *asked]) == 0
    told = lines(capsys.readouterr().out)
    assert [one["path"] for one in told] == asked
    assert [one["best"] for one in told] == [None, "quiet", None, "quiet"]
    assert [one["reason"] for one in told] == ["NOT_AUDIO", None, "EMPTY_FILE", None]
    for key in ("predicted", "confidence", "probabilities", "scores"):
        assert told[0][key] is None


def test_a_folder_is_all_its_files_by_the_bytes_of_their_paths(
    tmp_path: Path, warehouse: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [b"b/deep/er/1.wav", b"b-side.wav", b"B.wav", b"b.wav", b".hidden", b"\xff.wav", "é.wav".encode(), b"a\\b"]
    for name in names:
        path = os.fsencode(tmp_path / "music") + b"/" + name
        Path(os.fsdecode(path)).parent.mkdir(parents=True, exist_ok=True)
        Path(os.fsdecode(path)).touch()
    monkeypatch.chdir(tmp_path)
    for given in ("music", "./music/", "../" + tmp_path.name + "/music", str(tmp_path / "music")):
        assert cli.main(["classify", given, "--json", warehouse]) == 0
        told = [one["path"] for one in lines(capsys.readouterr().out)]
        rest = [r".hidden", "B.wav", r"a\x5cb", "b-side.wav", "b.wav", "b/deep/er/1.wav", "é.wav", r"\xff.wav"]
        assert told == [f"{given.rstrip('/')}/{name}" for name in rest]


def test_a_pipe_in_a_folder_is_an_answer_too(
    tmp_path: Path, warehouse: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "music").mkdir()
    os.mkfifo(tmp_path / "music/pipe.wav")
    assert cli.main(["classify", str(tmp_path / "music"), "--json", warehouse]) == 0
    (told,) = lines(capsys.readouterr().out)
    assert told["reason"] == "NOT_REGULAR"


def test_a_hostile_name_cannot_speak_to_the_terminal(
    tmp_path: Path, warehouse: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\x1b[2J\rx\n\u202efake\x07.wav"
    (tmp_path / hostile).touch()
    (tmp_path / os.fsdecode(b"\xff\x9b2J")).touch()
    for extra in ([], ["--json"]):
        for name in (hostile, os.fsdecode(b"\xff\x9b2J")):
            assert cli.main(["classify", str(tmp_path / name), warehouse, *extra]) == 0
            out = capsys.readouterr().out
            assert out.count("\n") == 1  # of a reject there is nothing to explain
            assert all(c.isprintable() for c in out.rstrip("\n"))
    assert cli.main(["classify", str(tmp_path / "\x1b[31mnone"), warehouse]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_shown_keeps_what_can_be_read() -> None:
    assert shown("Björk – 日本 🎸.flac") == "Björk – 日本 🎸.flac"
    assert shown("a\x1b\n\x9b\u202e") == r"a\x1b\n\x9b\u202e"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--json"], "PATH"),
        (["{song}", "--jsno"], "--jsno"),
        (["{song}", "--warehouse.rot=x"], "warehouse.rot"),
        (["{song}", "--warehouse.root"], "needs a value"),
        (["{none}", "{warehouse}"], "no such file or folder"),
        (["", "{warehouse}"], "no such file or folder"),
        (["{song}", "--warehouse.root={none}"], "no model is published there"),
        (["{song}", "--config", "{none}"], "cannot read the configuration"),
        (["{song}", "--json", "--top", "3"], "--json tells all genres"),
        (["{song}", "--top", "0"], "--top"),
        (["{song}", "--workers", "none"], "--workers"),
        (["-", "-", "{warehouse}"], "once"),
        (["-", "{song}", "--playlists", "{none}"], "no place in a playlist"),
        (["{song}", "{warehouse}", "--playlists", "{song}/x"], "--playlists"),
    ],
)
def test_wrong_usage_ends_with_status_2_and_says_what(
    tmp_path: Path,
    write_wav: WriteWav,
    warehouse: str,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    song = write_wav(tmp_path / "song.wav", sine(LOUD))
    filled = [word.format(song=song, none=tmp_path / "none", warehouse=warehouse) for word in words]
    try:
        status: object = cli.main(["classify", *filled])
    except SystemExit as end:  # argparse ends by itself
        status = end.code
    captured = capsys.readouterr()
    assert (status, captured.out) == (2, "")
    assert said in captured.err


def test_a_model_of_other_features_is_refused(
    tmp_path: Path, write_wav: WriteWav, capsys: pytest.CaptureFixture[str]
) -> None:
    published.publish(tmp_path / "warehouse", model(feature_set="classic57@000000000000"))
    song = write_wav(tmp_path / "song.wav", sine(LOUD))
    assert cli.main(["classify", str(song), f"--warehouse.root={tmp_path / 'warehouse'}"]) == 2
    assert "classic57@000000000000" in capsys.readouterr().err


def test_the_model_is_found_from_option_then_config_then_the_folders_own_config(
    tmp_path: Path, write_wav: WriteWav, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    song = write_wav(tmp_path / "song.wav", sine(LOUD))
    for genre in ("option", "config", "folder"):
        published.publish(tmp_path / genre, model(genres=(genre, "quiet")))
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/local.toml").write_text('[warehouse]\nroot = "folder"\n')
    (tmp_path / "mine.toml").write_text('[warehouse]\nroot = "config"\n')
    monkeypatch.chdir(tmp_path)
    for words, expected in [
        (["--warehouse.root=option", "--config", "mine.toml"], "option"),
        (["--warehouse.root", "option"], "option"),
        (["--config", "mine.toml"], "config"),
        (["--config=mine.toml"], "config"),
        ([], "folder"),
    ]:
        assert cli.main(["classify", str(song), "--json", *words]) == 0
        assert lines(capsys.readouterr().out)[0]["best"] == expected


def test_limits_of_the_configuration_hold(
    tmp_path: Path, write_wav: WriteWav, warehouse: str, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_wav(tmp_path / "song.wav", sine(LOUD))
    assert cli.main(["classify", str(song), "--json", warehouse, "--limits.max_duration_s=1.0"]) == 0
    assert lines(capsys.readouterr().out)[0]["reason"] == "TOO_LONG"


def test_a_name_that_begins_with_a_dash_follows_two(
    tmp_path: Path, write_wav: WriteWav, warehouse: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    write_wav(tmp_path / "--a.b=c.wav", sine(LOUD))
    assert cli.main(["classify", "--json", warehouse, "--", "--a.b=c.wav"]) == 0
    assert lines(capsys.readouterr().out)[0]["best"] == "loud"


def modules_after(*statements: str) -> set[str]:
    """The top-level modules that a fresh process holds after some statements."""
    program = "; ".join([*statements, "import sys; print(*sys.modules, file=sys.stderr)"])
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in run.stderr.split()}


HEAVY = {
    "pyspark", "py4j", "delta", "librosa", "pandas", "pyarrow", "sklearn", "joblib", "matplotlib", "jinja2",
    "pptx", "lxml", "xlsxwriter", "PIL",
}  # fmt: skip
"""What a cold start has no time for."""


def test_classify_needs_no_spark_and_draws_nothing(tmp_path: Path, write_wav: WriteWav, warehouse: str) -> None:
    song = write_wav(tmp_path / "song.wav", sine(LOUD))
    words = ["classify", str(song), warehouse]
    loaded = modules_after("from classically_punk.app import cli", f"cli.main({words!r})")
    assert "soundfile" in loaded
    assert loaded & HEAVY == set()


def test_classify_asks_for_no_pandas_and_help_for_nothing_heavy() -> None:
    assert modules_after("import classically_punk.app.classify") & {"pandas", "matplotlib", "pyspark"} == set()
    assert modules_after("import classically_punk.app.cli") & {"numpy", "pydantic", "numba", "soundfile"} == set()


def test_a_reader_that_goes_away_is_no_crash(tmp_path: Path, warehouse: str) -> None:
    for number in range(50):
        (tmp_path / "music").mkdir(exist_ok=True)
        (tmp_path / f"music/{number}.wav").touch()
    command = [
        sys.executable,
        "-m",
        "classically_punk.app.cli",
        "classify",
        "--json",
        str(tmp_path / "music"),
        warehouse,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == cli.CLOSED_PIPE


def test_a_sentence_names_genre_confidence_and_warnings() -> None:
    line = answers.Line("a.wav", best="blues", predicted="blues", confidence=0.614, warnings=["CLIPPED"])
    assert answers.as_sentence(line) == "blues         61%  a.wav (CLIPPED)"


def test_one_song_is_told_with_the_next_genres_and_why(
    tmp_path: Path, write_wav: WriteWav, warehouse: str, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_wav(tmp_path / "song.wav", sine(0.2))
    assert cli.main(["classify", str(song), warehouse]) == 0
    told = capsys.readouterr().out.splitlines()
    # RMS 0.1414: scores 0.1414 and 0.1086, a tenth of their difference in the exponent
    share = 1 / (1 + math.exp(-(2 * 0.2 / math.sqrt(2) - 0.25) / 0.1))
    assert told[0] == f"loud          {share:.0%}  {song}"
    assert told[1] == f"  then quiet {1 - share:.0%}"
    assert re.fullmatch(r"  heard \d+ BPM", told[2])
    assert told[3].startswith("  towards loud: loudness +0.14")
    assert "higher: 0.14" in told[3]
    assert "FS; training mean 0 (mean of frame level" in told[3]
    assert len(told) == 4


def test_the_table_lists_every_feature_of_the_model(
    tmp_path: Path, write_wav: WriteWav, warehouse: str, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_wav(tmp_path / "song.wav", sine(QUIET))
    assert cli.main(["classify", str(song), "--explain", warehouse, "--top=1"]) == 0
    told = capsys.readouterr().out
    assert "then" not in told
    assert "score of quiet" in told
    assert told.count("loudness_rms_mean: higher") == 1
    assert cli.main(["classify", str(song), "--explain", "--json", warehouse]) == 0
    (line,) = lines(capsys.readouterr().out)
    assert list(line) == [*KEYS, "explanation"]
    (family,) = line["explanation"]["families"]
    assert family["features"][0]["push"] == family["push"] == pytest.approx(-QUIET / math.sqrt(2), abs=1e-3)


def test_explained_answers_name_the_nearest_training_clips(
    tmp_path: Path, write_wav: WriteWav, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["far\x1b.wav", "near.wav"]
    clips = training_clips.to_parquet(["a", "b"], names, ["loud", "quiet"], [[3.0], [0.0]])
    published.publish(tmp_path / "warehouse", model(), clips)
    root, song = f"--warehouse.root={tmp_path / 'warehouse'}", write_wav(tmp_path / "song.wav", sine(QUIET))
    assert cli.main(["classify", str(song), "--explain", "--json", root]) == 0
    (line,) = lines(capsys.readouterr().out)
    assert list(line) == [*KEYS, "explanation", "nearest"]
    rms = QUIET / math.sqrt(2)  # mean 0 and scale 1: its standing is its level
    assert [one["name"] for one in line["nearest"]] == ["near.wav", r"far\x1b.wav"]
    assert [one["distance"] for one in line["nearest"]] == pytest.approx([rms, 3 - rms], abs=1e-3)
    assert cli.main(["classify", str(song), "--explain", root]) == 0
    assert r"nearest in training: near.wav (quiet, 0.04 sd), far\x1b.wav (loud, 2.96 sd)" in capsys.readouterr().out
    (tmp_path / f"warehouse/published/{model().model_id}.clips.parquet").write_bytes(b"other")
    assert cli.main(["classify", str(song), "--explain", "--json", root]) == 0
    said = capsys.readouterr()
    assert list(*lines(said.out)) == [*KEYS, "explanation"]
    assert said.err == "punk: the list of training clips is not the file that was published with the model\n"


def test_a_song_comes_through_standard_input(tmp_path: Path, write_wav: WriteWav, warehouse: str) -> None:
    song = write_wav(tmp_path / "song.wav", sine(LOUD))
    command = [sys.executable, "-m", "classically_punk.app.cli", "classify", "-", "--json", warehouse]
    run = subprocess.run(command, input=song.read_bytes(), capture_output=True, check=True)
    (told,) = lines(run.stdout.decode())
    assert (told["path"], told["best"]) == ("-", "loud")
    assert told["scores"]["loud"] == pytest.approx(LOUD / math.sqrt(2), abs=2e-3)
    empty = subprocess.run(command, input=b"", capture_output=True, check=True)
    assert lines(empty.stdout.decode())[0]["reason"] == "EMPTY_FILE"
    large = subprocess.run([*command, "--limits.max_bytes=2000"], input=b"x" * 3000, capture_output=True, check=True)
    assert lines(large.stdout.decode())[0]["reason"] == "TOO_LARGE"


def test_help_shows_examples_and_needs_nothing() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "classically_punk.app.cli", "classify", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "punk classify --playlists Sorted Music/" in run.stdout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_line_that_is_cleared_and_log_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(0, 1000, 40))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    counter = Counter("files", 10)
    counter.at(5)
    assert capsys.readouterr().err == "punk: 5 of 10 files, 0.1 a second, 40 s left\n"
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    counter = Counter("files", 10)
    counter.at(5)
    counter.done()
    assert "[##########          ] 5 of 10 files" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    monkeypatch.setattr("sys.stdout", Terminal())
    assert not Counter("files", 10).on


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("classify", "playlists", "explain", "completion"):
        assert word in script


def test_bash_completes_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", "bash"]) == 0
    script = capsys.readouterr().out

    def completed(*words: str) -> set[str]:
        line = f"COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}; _punk; echo ${{COMPREPLY[@]}}"
        run = subprocess.run(["bash", "-c", f"{script}\n{line}"], capture_output=True, text=True, check=True)
        return set(run.stdout.split())

    assert completed("punk", "cl") == {"classify"}
    assert completed("punk", "classify", "--j") == {"--json"}
    assert completed("punk", "completion", "f") == set()
