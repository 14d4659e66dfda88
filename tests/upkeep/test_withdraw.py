"""A recording is taken out for good: by path, with its copies; it does not come back under any name or coding."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from tests.spark.conftest import Bench, make_corpus
from tests.spark.test_models import frame
from tests.upkeep.test_sums import assert_nowhere

from classically_punk.modelling import published
from classically_punk.settings import Settings
from classically_punk.spark import exhibits, health, pipeline, withdraw
from classically_punk.spark.ingest import ingest_clips
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.withdraw import withdraw_clips


def as_flac(content: bytes, level: float = 0.5) -> bytes:
    samples, rate = soundfile.read(io.BytesIO(content), dtype="int16")
    target = io.BytesIO()
    soundfile.write(target, samples, rate, format="FLAC", subtype="PCM_16", compression_level=level)
    return target.getvalue()


def test_a_recording_is_taken_out_with_its_copies_and_stays_out(bench: Callable[..., Bench], tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", clips=3)
    one = corpus / "hum/hum.00001.wav"
    content = one.read_bytes()
    (corpus / "hum/same-bytes.wav").write_bytes(content)
    (corpus / "hum/same-audio.flac").write_bytes(as_flac(content))
    made = bench(corpus, model={"altered_copies": 1, "altered_sample": 3})
    root = made.settings.writable_folder("warehouse.root")
    made.run(ingest_clips)
    made.run(pipeline.train)
    clips = frame(made, "clips")
    gone = sorted(clips[clips.path.str.contains("hum.00001|same-audio")].clip_id)
    assert len(gone) == 2
    kept = exhibits.kept(root)

    def note(warehouse: Warehouse, settings: Settings, run: Run) -> None:
        withdraw._note(warehouse, dict.fromkeys(withdraw._resolved(warehouse, [str(one)])), run)

    made.run(note)  # a run that is killed after its note is finished by the same command
    run = made.run(withdraw_clips, withdraw={"clips": [str(one)]}, warehouse={"short_retention": True})
    assert not run.failed_gates
    assert (run.counts["withdrawn"], run.counts["files_withdrawn"]) == (2, 3)
    assert_nowhere(root, gone)
    assert exhibits.kept(root) == kept - set(gone)
    files = frame(made, "files").set_index("path")
    taken = files.loc[[str(one), str(corpus / "hum/same-bytes.wav"), str(corpus / "hum/same-audio.flac")]]
    assert set(taken.status) == {"skipped"}
    assert set(taken.reason) == {"WITHDRAWN"}
    assert taken.clip_id.isna().all()
    assert sorted(set(taken.content_sha256)) == gone
    assert set(frame(made, "rejects").path) == set(taken.index)
    model = published.load_current(root)
    assert model.training.clips == 8
    rows = frame(made, "models").groupby("model_id").fitted_by.first()
    assert rows[model.model_id] == "sums"
    assert len(list((root / "published").glob("*.clips.parquet"))) == 1
    copied = frame(made, "altered_features")
    assert copied.clip_id.nunique() == 3  # another clip of its genre took its place, if it had one

    (corpus / "hum/again.wav").write_bytes(content)
    (corpus / "hum/again.flac").write_bytes(as_flac(content, level=0))  # other bytes, the same audio
    one.unlink()
    run = made.run(ingest_clips)
    assert not run.failed_gates
    assert run.counts["to_open"] == 2
    files = frame(made, "files").set_index("path")
    again = files.loc[[str(corpus / f"hum/again.{kind}") for kind in ("wav", "flac")]]
    assert list(again.status) == ["skipped"] * 2
    assert list(again.reason) == ["WITHDRAWN"] * 2
    assert again.clip_id.isna().all()
    assert again.content_sha256.notna().all()
    assert files.status[str(one)] == "gone"
    assert len(frame(made, "clips")) == 8
    assert health.problems(made.warehouse) == []
    # coefficients are those of a fit by MLlib to the same clips and copies
    made.run(pipeline.train)
    fitted = published.load_current(root)
    assert fitted.model_id != model.model_id
    apart = np.abs(np.asarray(fitted.coefficients) - np.asarray(model.coefficients)).max()
    assert apart <= 1e-8 * np.abs(fitted.coefficients).max()
