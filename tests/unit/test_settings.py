"""Configuration: the file, the command line over it, and what is said of a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from classically_punk.errors import ConfigError
from classically_punk.settings import Settings, help_text


@pytest.fixture
def toml(tmp_path: Path) -> str:
    path = tmp_path / "my.toml"
    path.write_text('[model]\nregularisation = 0.5\n[evaluation]\nprotocols = ["random-folds"]\nfolds = 4\n')
    return str(path)


def test_the_command_line_wins_key_by_key(toml: str) -> None:
    settings = Settings.from_command_line(["--config", toml, "--evaluation.folds=7", "--model.regularisation=none"])
    assert settings.evaluation.folds == 7
    assert settings.evaluation.protocols == ("random-folds",)
    assert settings.model.ridge == 0.0
    assert Settings.from_command_line([f"--config={toml}"]).model.ridge == 0.5


def test_lists_are_json_arrays(toml: str) -> None:
    words = ["--config", toml, '--evaluation.protocols=["published-split", "group-folds"]']
    assert Settings.from_command_line(words).evaluation.protocols == ("published-split", "group-folds")


def test_the_environment_has_no_say(toml: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL", '{"regularisation": 9}')
    monkeypatch.setenv("EVALUATION__FOLDS", "9")
    assert Settings.from_command_line(["--config", toml]).evaluation.folds == 4


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("--modl.x=3", "command line: modl: unknown key; expected one of connect, corpus, "),
        ("--model.lambda=3", "command line: model.lambda: unknown key; expected one of .*, model.decision, "),
        ("--model.regularisation=-1", "command line: model.regularisation: .*greater than or equal to 0; found '-1'"),
        ("--model.decision=vote", "command line: model.decision: input should be 'argmax', 'score-space' or 'au"),
        ("--evaluation.protocols=random-folds", "should be a JSON array"),
        ("--limits.max_duration_s=nan", "command line: limits.max_duration_s: "),
        ("--evaluation", "--evaluation needs a value"),
        ("stray", "'stray' is not an option"),
    ],
)
def test_a_mistake_on_the_command_line_is_named(toml: str, word: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        Settings.from_command_line(["--config", toml, word])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[limits]\nmax_bytes = 'many'", r"my\.toml: limits\.max_bytes: .*found 'many'"),
        ("[limits]\nmax_byte = 3", r"my\.toml: limits\.max_byte: unknown key"),
        ("[limits", r"my\.toml: not a TOML file"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_the_file(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "my.toml").write_text(text)
    with pytest.raises(ConfigError, match=expected):
        Settings.from_command_line(["--config", str(tmp_path / "my.toml")])


def test_the_digest_tells_configurations_apart(toml: str) -> None:
    one, same = (Settings.from_command_line(["--config", toml]) for _ in range(2))
    assert one.digest == same.digest
    assert one.digest != Settings.from_command_line(["--config", toml, "--evaluation.seed=1"]).digest


def test_a_secret_is_told_nowhere(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('[storage]\ns3_access_key = "AKIA"\ns3_secret_key = "hush"\n')
    settings = Settings.from_command_line(["--config", str(tmp_path / "my.toml")])
    assert settings.storage.s3_secret_key.get_secret_value() == "hush"
    for said in (repr(settings), str(settings.storage), settings.model_dump_json(), help_text("x")):
        assert "hush" not in said
    with pytest.raises(ConfigError, match=r"storage\.s3_secret_key: .*; found something else") as refused:
        Settings.from_command_line(['--storage.s3_secret_key=["hush"]'])
    assert "hush" not in str(refused.value)


def test_another_secret_is_the_same_configuration(tmp_path: Path) -> None:
    digests = set()
    for secret in ("one", "other"):
        digests.add(Settings.load(None, {"storage": {"s3_secret_key": secret}}).digest)
    assert len(digests) == 1
