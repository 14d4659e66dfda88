"""A corpus on an S3 server that stores on disk: the same rows as from a folder, and nothing lost when it goes away."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyarrow import fs
from tests.conftest import wav_file
from tests.spark.conftest import Bench, music, settings_for

from classically_punk.errors import ConfigError
from classically_punk.spark import checks, dry_run, ingest
from classically_punk.spark.ingest import ingest_clips

ROOT = Path(__file__).resolve().parents[2]
KEY, SECRET = "AKIAPUNKTEST", "not-a-word-that-may-be-told"
BUCKET = "music"


@dataclass
class Server:
    """SeaweedFS in one process, over a folder, listening on loopback; what was stored is there after it was killed."""

    program: str
    folder: Path
    ports: dict[str, int]
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.ports['s3']}"

    @property
    def store(self) -> fs.FileSystem:
        """The store as a client sees it."""
        return fs.S3FileSystem(
            access_key=KEY,
            secret_key=SECRET,
            endpoint_override=self.address,
            scheme="http",
            region="here",
            allow_bucket_creation=True,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),
        )

    def start(self) -> None:
        who = {"accessKey": KEY, "secretKey": SECRET}
        identity = {"name": "test", "credentials": [who], "actions": ["Admin", "Read", "Write", "List"]}
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        words = [self.program, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self.folder}", "-s3"]
        words += [f"-s3.config={self.folder / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        words += ["-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=20"]
        words += [f"-{name}.port={port}" for name, port in self.ports.items()]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(words, cwd=self.folder, **quiet)  # type: ignore[call-overload]
        until = time.monotonic() + 90
        while True:
            try:
                self.store.create_dir(BUCKET)
                with self.store.open_output_stream(f"{BUCKET}/ready") as probe:
                    probe.write(b"x")
                return
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.3)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """A port for each name, with the one ten thousand above free, too."""
    found: dict[str, int] = {}
    for name in names:
        while name not in found:
            with socket.create_server(("127.0.0.1", 0)) as one, suppress(OSError, OverflowError):
                port = one.getsockname()[1] - 10_000
                with socket.create_server(("127.0.0.1", port)):
                    if port > 1024 and port not in found.values():
                        found[name] = port
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    installed = ROOT / "build/store/bin/weed"
    program = str(installed) if installed.exists() else shutil.which("weed")
    if program is None:
        pytest.skip("needs SeaweedFS, which scripts/test installs in build/store")
    made = Server(program, tmp_path_factory.mktemp("s3"), free_ports(("master", "volume", "filer", "s3")))
    try:
        made.start()
        yield made
    finally:
        made.stop()


def upload(store: fs.FileSystem, file: Path, key: str) -> None:
    with store.open_output_stream(f"{BUCKET}/{key}") as stream:
        stream.write(file.read_bytes())


def table(made: Bench, name: str) -> list[dict[str, object]]:
    return list(DeltaTable(str(made.settings.folder("warehouse.root") / name)).to_pyarrow_table().to_pylist())


def by_name(made: Bench, root: str) -> dict[str, tuple[object, ...]]:
    columns = ("size_bytes", "content_sha256", "status", "clip_id", "reason", "genre")
    return {str(row["path"]).removeprefix(root): tuple(row[c] for c in columns) for row in table(made, "files")}


def without(rows: list[dict[str, object]], *names: str) -> dict[object, dict[str, object]]:
    kept = [{name: value for name, value in row.items() if name not in names} for row in rows]
    return {(row["clip_id"], row.get("segment")): row for row in kept}


def test_an_object_store_gives_the_rows_of_a_folder_and_loses_nothing(
    described: Bench, server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store, corpus = server.store, described.settings.folder("corpus.root")
    for file in corpus.rglob("*.wav"):
        upload(store, file, f"corpus/{file.relative_to(corpus)}")
    odd = wav_file(tmp_path / "odd.wav", music(50, "hum"), 44_100)
    upload(store, odd, "corpus/hum/_a #1?%20é.wav")
    (tmp_path / "text.wav").write_text("no music\n" * 100)
    upload(store, tmp_path / "text.wav", "corpus/hum/text.wav")
    (tmp_path / "empty.wav").write_bytes(b"")
    upload(store, tmp_path / "empty.wav", "corpus/hum/empty.wav")
    root = f"s3a://{BUCKET}/corpus"
    how = {
        "s3_endpoint": f"http://{server.address}",
        "s3_region": "here",
        "s3_access_key": KEY,
        "s3_secret_key": SECRET,
    }
    how |= {"attempts": 1, "connect_timeout_s": 2, "request_timeout_s": 5, "read_timeout_s": 20}
    far = Bench(described.spark, settings_for(tmp_path / "far", corpus, corpus={"root": root}, storage=how))
    checks.corpus(far.settings)
    assert dry_run.first_plan(far.settings).actions == {"open": 18, "settle": 0}
    run = far.run(ingest_clips)
    assert (run.counts["described"], run.counts["rejected"]) == (16, 2)

    # the same values as of the folder, to the bit
    files = by_name(far, root + "/")
    assert {name: files[name] for name in by_name(described, f"{corpus}/")} == by_name(described, f"{corpus}/")
    assert files["hum/_a #1?%20é.wav"][1:] == (
        digest := sha256(odd.read_bytes()).hexdigest(),
        "accepted",
        digest,
        None,
        "hum",
    )
    assert {str(row["path"]): row["reason"] for row in table(far, "rejects")} == {
        f"{root}/hum/text.wav": "NOT_AUDIO",
        f"{root}/hum/empty.wav": "EMPTY_FILE",
    }
    assert {bytes(row["path_bytes"]) for row in table(far, "files")} == {  # type: ignore[call-overload]
        f"{root}/{name}".encode() for name in files
    }
    for name, passing in (("clips", ("path", "ingested_at", "run_id")), ("features", ())):
        found, expected = without(table(far, name), *passing), without(table(described, name), *passing)
        assert {key: found[key] for key in expected} == expected, name

    # nothing new: listed, and nothing opened
    assert far.run(ingest_clips).counts["to_open"] == 0

    # the server goes away between listing and reading: rejects that the next run makes good
    upload(store, wav_file(tmp_path / "new.wav", music(60, "hiss")), "corpus/hiss/new.wav")
    upload(store, wav_file(tmp_path / "other.wav", music(61, "hum")), "corpus/hum/hum.00001.wav")
    store.delete_file(f"{BUCKET}/corpus/clicks/clicks.00000.wav")
    plan_of = ingest.plan_of
    with pytest.MonkeyPatch.context() as patch:

        def then_gone(*words: object, **more: object) -> object:
            server.stop()
            return plan_of(*words, **more)  # type: ignore[arg-type]

        patch.setattr(ingest, "plan_of", then_gone)
        run = far.run(ingest_clips)
    assert (run.counts["to_open"], run.counts["described"], run.counts["gone"]) == (2, 0, 1)
    lost = {str(row["path"]): str(row["detail"]) for row in table(far, "rejects") if row["reason"] == "UNREADABLE"}
    assert sorted(lost) == [f"{root}/hiss/new.wav", f"{root}/hum/hum.00001.wav"]
    assert "2 files could not be read: the next run" in capfd.readouterr().err
    # and while it is away, a run says so and takes nothing for gone
    before = by_name(far, root)
    with pytest.raises(ConfigError, match=r"corpus\.root: s3a://music/corpus cannot be listed"):
        far.run(ingest_clips)
    with pytest.raises(ConfigError, match="cannot be listed"):
        checks.corpus(far.settings)
    assert by_name(far, root) == before
    server.start()
    run = far.run(ingest_clips)
    assert (run.counts["to_open"], run.counts["described"]) == (2, 2)
    states = {name: row[2] for name, row in by_name(far, root + "/").items()}
    assert states.pop("clicks/clicks.00000.wav") == "gone"
    assert {name for name, state in states.items() if state != "accepted"} == {"hum/text.wav", "hum/empty.wav"}

    # nobody is told the secret
    told = [file.read_bytes() for file in (tmp_path / "far").rglob("*") if file.is_file()]
    assert len(told) > 50
    assert not any(SECRET.encode() in content for content in told)
    assert SECRET not in "".join(capfd.readouterr())
    assert SECRET not in " ".join(lost.values())


def test_what_only_hadoop_reads_has_the_same_rows(described: Bench, tmp_path: Path) -> None:
    """Hadoop's own view file system: a scheme that nothing but its client knows."""
    corpus = tmp_path / "corpus"
    shutil.copytree(described.settings.folder("corpus.root"), corpus)
    odd = wav_file(corpus / "hum" / "a #1 [x] {y} %20é.wav", music(50, "hum"), 44_100)
    os.utime(odd, ns=(0, 1_795_634_134_002 * 10**6))  # in doubles, a millisecond less comes out
    (corpus / "hum" / "empty.wav").write_bytes(b"")
    shutil.copy(odd, corpus / "hum" / "_hidden.wav")
    (corpus / "hum" / "large.wav").write_bytes(bytes(500_000))
    hadoop = described.spark.sparkContext._jsc.hadoopConfiguration()  # type: ignore[attr-defined]
    hadoop.set("fs.viewfs.mounttable.punk.link./corpus", corpus.as_uri())
    root = "viewfs://punk/corpus"
    limits: dict[str, object] = {"max_bytes": 400_000}
    made = Bench(described.spark, settings_for(tmp_path, corpus, corpus={"root": root}, limits=limits))
    checks.corpus(made.settings)
    assert made.run(ingest_clips).counts["described"] == 16
    files, expected = by_name(made, root + "/"), by_name(described, f"{described.settings.folder('corpus.root')}/")
    assert {name: files[name] for name in expected} == expected
    assert files["hum/a #1 [x] {y} %20é.wav"][2:] == ("accepted", sha256(odd.read_bytes()).hexdigest(), None, "hum")
    assert {str(row["path"]).rpartition("/")[2]: row["reason"] for row in table(made, "rejects")} == {
        "_hidden.wav": "UNREADABLE",
        "empty.wav": "EMPTY_FILE",
        "large.wav": "TOO_LARGE",
    }
    found, truth = without(table(made, "features")), without(table(described, "features"))
    assert {key: found[key] for key in truth} == truth
    assert made.run(ingest_clips).counts["to_open"] == 1  # what could not be read is tried again
    with pytest.raises(ConfigError, match=r"nosuch://host/x cannot be listed: .*No FileSystem for scheme"):
        made.run(ingest_clips, corpus={"root": "nosuch://host/x"})
