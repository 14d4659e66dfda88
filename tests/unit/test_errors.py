"""Errors carry their code, say what was found, and survive the way from an executor to the driver."""

from __future__ import annotations

import pickle

import pytest

from classically_punk import errors
from classically_punk.errors import ClipError, ClipTooShortError, ConfigError

# From the list of reason codes: those that are no error of decoding one file stand in other places.
REASON_CODES = {
    "EMPTY_FILE", "TOO_SMALL", "NOT_AUDIO", "ARCHIVE", "FORMAT_NOT_ALLOWED", "HEADER_CORRUPT", "NO_SAMPLES",
    "TOO_SHORT", "TRUNCATED", "DECODE_ERROR", "DECODE_BUDGET", "TOO_LONG", "TOO_LARGE", "BAD_SAMPLE_RATE",
    "TOO_MANY_CHANNELS", "UNSUPPORTED_CODEC", "NON_FINITE", "OUT_OF_RANGE", "SILENT", "PHASE_CANCEL", "DC_OFFSET",
    "NOT_REGULAR", "UNREADABLE", "CHANGED_DURING_READ",
}  # fmt: skip


def clip_errors() -> list[type[ClipError]]:
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ClipError)]
    return [kind for kind in found if kind is not ClipError]


def example(kind: type[ClipError]) -> ClipError:
    return kind(11_025, 4) if kind is ClipTooShortError else kind("what was found")


def test_every_reason_code_has_one_error_of_its_own() -> None:
    codes = [kind.code for kind in clip_errors()]
    assert len(codes) == len(set(codes))
    assert set(codes) >= REASON_CODES


@pytest.mark.parametrize("kind", clip_errors(), ids=lambda kind: kind.__name__)
def test_a_clip_error_survives_pickling_with_code_and_words(kind: type[ClipError]) -> None:
    error = example(kind)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.code, str(again)) == (kind, error.code, str(error))


def test_too_short_says_what_was_found_and_what_is_needed() -> None:
    assert str(ClipTooShortError(needed=11_025, got=4)) == "clip has 4 samples, needs at least 11025"


def test_a_config_error_names_the_place_and_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(ConfigError("corpus.root", "/music is not a folder")))
    assert str(error) == "corpus.root: /music is not a folder"
    assert not isinstance(error, ClipError)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("s3://AKIA:wJalr/x@bucket/a", "s3://AKIA:wJalr/x@bucket/a"),  # a slash in a URI's password is written %2F
        ("s3://AKIA:wJalr%2Fx@bucket/a", "s3://***@bucket/a"),
        ("'https://ghp_token@host/x' is wrong", "'https://***@host/x' is wrong"),
        ("ftp://u:p@ss@host/x and s3://v:w@b", "ftp://***@host/x and s3://***@b"),
        ("s3://b/a?region=eu&secret_key=abc&x=1", "s3://b/a?region=eu&secret_key=***&x=1"),
        ("https://h/x?X-Amz-Signature=0af&y=2", "https://h/x?X-Amz-Signature=***&y=2"),
        ("/music/a@b/c?.wav has 3 keys", "/music/a@b/c?.wav has 3 keys"),
    ],
)
def test_secrets_of_uris_are_never_told(text: str, told: str) -> None:
    assert errors.redacted(text) == told
    assert str(ConfigError("corpus.root", text)) == f"corpus.root: {told}"
    assert str(errors.PunkError(text)) == told
