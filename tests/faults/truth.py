"""What must be true of a warehouse whatever was killed: read by delta-rs and compared with an undisturbed run."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from deltalake import DeltaTable
from tests.conftest import wav_file
from tests.spark.conftest import music

TABLES = ("files", "clips", "rejects", "features", "models", "predictions", "metrics", "runs", "fingerprints")
KEYS = {"files": ("path",), "clips": ("clip_id",), "rejects": ("path",), "features": ("clip_id", "segment")}
KEYS |= {"fingerprints": ("clip_id",)}
OF_CONTENT = ("audio_sha256", "duration_s", "sample_rate_hz", "channels", "container", "codec", "warnings", "decoder")
OF_RUN = ("feature_set", "genre")

Row = dict[str, Any]


def make_pool(root: Path, clips: int, *, odd: bool = True, seed: int = 1) -> Path:
    """Distinct clips of one second in two genres; with `odd`, also files that are refused and a copy of a clip."""
    for at in range(clips):
        kind = ("hiss", "hum")[at % 2]
        wav_file(root / kind / f"{kind}.{at:05d}.wav", music(seed * 10_000 + at, kind, 1.0))
    if odd:
        (root / "hum" / "notes.wav").write_text("this is no audio at all, but long enough for a header\n" * 3)
        (root / "hiss" / "empty.wav").write_bytes(b"")
        wav_file(root / "hum" / "quiet.wav", np.zeros(22_050))
        (root / "hum" / "hum.zcopy.wav").write_bytes((root / "hum" / "hum.00001.wav").read_bytes())
    return root


def table(root: Path, name: str) -> list[Row]:
    """A table as delta-rs reads it; none yet, no rows."""
    if not (root / name / "_delta_log").is_dir() or not any((root / name / "_delta_log").glob("0*.json")):
        return []
    rows: list[Row] = DeltaTable(str(root / name)).to_pyarrow_table().to_pylist()
    return rows


def check_between(root: Path) -> None:
    """Whatever was killed: every table opens in delta-rs, and no key stands twice."""
    for name in TABLES:
        rows = table(root, name)
        if name in KEYS:
            doubled = [k for k, n in Counter(tuple(row[c] for c in KEYS[name]) for row in rows).items() if n > 1]
            assert not doubled, f"{name}: doubled {doubled[:3]}"


@dataclass(frozen=True)
class Truth:
    """An undisturbed run, by content: what each file's bytes must give, wherever the file lies."""

    clips: dict[str, Row]
    features: dict[tuple[str, int], Row]
    refused: dict[str, str]

    @classmethod
    def of(cls, root: Path) -> Truth:
        """The tables of an undisturbed warehouse -> the truth. Its refused files are still there to be hashed."""
        refused = {row["path"]: row["reason"] for row in table(root, "files") if row["status"] != "accepted"}
        return cls(
            clips={row["clip_id"]: {c: row[c] for c in OF_CONTENT} for row in table(root, "clips")},
            features={(row["clip_id"], row["segment"]): row for row in table(root, "features")},
            refused={digest(Path(path)): reason for path, reason in refused.items()},
        )

    def check(self, root: Path, corpus: Path) -> None:
        """After a run to the end: keys and values of the four tables are those of an undisturbed run on this corpus."""
        check_between(root)
        seen = {str(file): digest(file) for file in corpus.rglob("*") if file.is_file()}
        accepted = {path: clip for path, clip in seen.items() if clip not in self.refused}
        assert set(accepted.values()) <= set(self.clips), "the undisturbed run has not seen all of this corpus"
        first: dict[str, str] = {}
        for path in sorted(accepted, key=lambda path: path.encode()):
            first.setdefault(accepted[path], path)
        files = {row["path"]: (row["status"], row["reason"]) for row in table(root, "files") if row["status"] != "gone"}
        expected = {
            path: ("accepted", None if first[clip] == path else "DUPLICATE") for path, clip in accepted.items()
        } | {path: ("rejected", self.refused[clip]) for path, clip in seen.items() if clip in self.refused}
        assert files == expected
        rejects = {row["path"]: row["reason"] for row in table(root, "rejects")}
        assert rejects == {path: self.refused[clip] for path, clip in seen.items() if clip in self.refused}
        live = set(accepted.values())
        clips = {row["clip_id"]: row for row in table(root, "clips") if row["clip_id"] in live}
        assert set(clips) == live, f"lost {len(live - set(clips))} clips"
        for clip, row in clips.items():
            assert {c: row[c] for c in OF_CONTENT} == self.clips[clip]
            assert (row["path"], row["duplicate_of"]) == (first[clip], None)
            assert row["genre"] == Path(first[clip]).parent.name
        features = {(row["clip_id"], row["segment"]): row for row in table(root, "features") if row["clip_id"] in live}
        wanted = {key: row for key, row in self.features.items() if key[0] in live}
        assert set(features) == set(wanted), "features lack or double segments"
        for key, row in features.items():
            assert row == wanted[key], f"other values for {key}"


def digest(file: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
