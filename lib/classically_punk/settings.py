"""Configuration: one TOML file, every key of which can be overridden as `--section.key=value`.

Nothing is read from the environment. An unknown key or a bad value is a `ConfigError` that names the file (or the
command line), the key and what was expected, before Spark starts. Relative paths are relative to the current folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from classically_punk.errors import ConfigError, redacted

COMMAND_LINE = "command line"

Condition = Literal[
    "length:10",
    "length:5",
    "length:3",
    "mp3:128",
    "mp3:64",
    "gain:+6",
    "gain:-6",
    "resampled:44100-stereo",
    "noise:30",
]
"""What may become of a clip before it is judged, as `audio.alterations` reads it."""


class Section(BaseModel):
    """A table of the TOML file: unknown keys are refused, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Corpus(Section):
    """Where the audio lies and where its labels come from."""

    root: str = Field(
        "", description="folder of audio files, genre/track.ext; or its URI: s3://, gs://, abfs://, hdfs://"
    )
    manifest: str = Field("", description="table with columns path, genre, group_id, split; paths relative to the root")
    labels: Literal["folder", "manifest", "none"] = Field("folder", description="source of genre labels")
    feedback: bool = Field(False, description="train also on clips that people sent to punk serve and labelled")


NO_SECRET = SecretStr("")


class Storage(Section):
    """How a corpus on an object store is reached (`corpus.root` is a URI); a local folder needs nothing of it.

    Where no key is given, the provider's own chain is asked: a role of the machine, its profile, its environment.
    """

    s3_endpoint: str = Field("", description="S3: URL of another server than Amazon's, http://HOST:PORT")
    s3_region: str = Field("", description="S3: region of the bucket; empty = it is asked for")
    s3_anonymous: bool = Field(False, description="S3: ask without credentials, for public buckets")
    s3_access_key: SecretStr = Field(NO_SECRET, description="S3: access key")
    s3_secret_key: SecretStr = Field(
        NO_SECRET, description="S3: secret key, only in the file: a command line is public"
    )
    s3_session_token: SecretStr = Field(NO_SECRET, description="S3: session token of temporary keys")
    gs_endpoint: str = Field("", description="Google: URL of another server than Google's")
    gs_anonymous: bool = Field(False, description="Google: ask without credentials, for public buckets")
    azure_account: str = Field("", description="Azure: account; empty = as in abfs://CONTAINER@ACCOUNT.dfs.…")
    azure_key: SecretStr = Field(NO_SECRET, description="Azure: key of the account")
    azure_sas_token: SecretStr = Field(NO_SECRET, description="Azure: shared access signature")
    connect_timeout_s: float = Field(10.0, gt=0, le=600, description="longest that a connection may take [s]")
    request_timeout_s: float = Field(30.0, gt=0, le=3600, description="longest silence of a server that was asked [s]")
    attempts: int = Field(3, ge=1, le=20, description="how often a request is made that a server may yet answer")
    read_timeout_s: float = Field(300.0, ge=1, description="longest that reading one file may take [s]")


class Warehouse(Section):
    """Where the Delta tables and the published models lie."""

    root: str = Field("", description="folder of the Delta tables")
    retention_hours: float = Field(
        168.0, ge=0, description="clean_warehouse keeps replaced files this long, for readers of old versions [h]"
    )
    short_retention: bool = Field(False, description="allow retention_hours below 168, while nobody reads")


class Reports(Section):
    """Where report, slides, metrics and plots are written."""

    root: str = Field("", description="folder of report.html, slides.pptx, metrics.json and plots/")
    pdf: bool = Field(True, description="slides.pdf too, where LibreOffice is installed")


class Features(Section):
    """How clips are described."""

    published_csv: str = Field("", description="published feature table, for import_features")
    segment_s: float = Field(3.0, ge=1.0, le=60.0, description="length of a segment [s]")
    whole_clip_s: float = Field(600.0, ge=60.0, le=7200.0, description="longer clips are described in chunks [s]")


class Model(Section):
    """What is fitted."""

    feature_set: Literal["classic57", "punk"] = Field("punk", description="columns the model sees")
    decision: Literal["argmax", "score-space", "auto"] = Field(
        "auto", description="how scores become a genre; auto: score-space where genres are of unequal size, else argmax"
    )
    mean_shrinkage: float = Field(
        0.0, ge=0, le=1, description="score-space: share by which genre means are drawn to where all genres lie alike"
    )
    threshold: float = Field(0.0, ge=0, le=1, description="below this confidence the answer is not sure; 0 = never")
    regularisation: Literal["none", "auto"] | Annotated[float, Field(ge=0)] = Field(
        1.0, description="lambda, the same for every genre; auto = by inner folds of the training clips"
    )
    transform: Literal["none", "log_variance", "squares", "fourier"] = Field(
        "none", description="what is done to features before the fit"
    )
    clip_sd: float = Field(0.0, ge=0, description="bounds of standardised columns; 0 = none [sd]")
    column_weights: tuple[tuple[str, Annotated[float, Field(gt=0, le=100)]], ...] = Field(
        (), description='weights of standardised columns, by patterns of names: [["timbre_mfcc*_mean", 0.5], …]'
    )
    map_weight: float = Field(
        0.05, gt=0, le=100, description="what squares or fourier columns vary, share of the plain"
    )
    fourier_count: int = Field(300, ge=1, le=4000, description="random directions of the fourier transform")
    fourier_width: float = Field(1.0, gt=0, description="width of its kernel, in the typical distance of two clips")
    fourier_seed: int = Field(0, ge=0, lt=1 << 63, description="seed of its directions")
    update: Literal["fit", "sums"] = Field(
        "fit", description="how a model follows its clips: a fit by MLlib, or sums of what was added and taken away"
    )
    altered_copies: int = Field(4, ge=0, le=16, description="altered copies of a clip that a fit learns from; 0 = off")
    altered_sample: int = Field(100, ge=1, le=100_000, description="clips that are altered, at most")
    altered_strength: float = Field(5.0, ge=0, le=1000, description="share of lambda on what alterations change")

    @property
    def ridge(self) -> float | None:
        """Lambda as a number: 0 where regularisation is `none`, None where it is `auto`."""
        if self.regularisation == "auto":
            return None
        return 0.0 if isinstance(self.regularisation, str) else self.regularisation


class Withdraw(Section):
    """What withdraw_clips takes out."""

    clips: tuple[str, ...] = Field((), description="clip_id or path of what is taken out, a JSON array")
    list: str = Field("", description="file of the same, one a line")
    near_duplicates: bool = Field(False, description="altered copies of the same recordings too")


Protocol = Literal[
    "group-folds", "published-rotation", "published-split", "block-folds", "size-matched-random", "random-folds"
]


class Evaluation(Section):
    """How the model is judged."""

    protocols: tuple[Protocol, ...] = Field(("group-folds",), description="protocols to run, a JSON array")
    folds: int = Field(5, ge=2, le=100, description="folds of the cross-validation")
    seed: int = Field(0, ge=0, description="seed of folds and bootstrap")
    bootstrap_draws: int = Field(1000, ge=100, le=100_000, description="resamples behind an interval")
    split_dir: str = Field("", description="folder of train/valid/test lists, for published and size-matched protocols")
    split_name: str = Field("filtered", description="which lists: {train,valid,test}_NAME.txt")
    robustness: tuple[Condition, ...] = Field((), description="conditions to judge held-out clips under")
    robustness_sample: int = Field(300, ge=1, le=100_000, description="clips to judge under each condition, at most")
    thresholds: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9), description="confidences at which coverage, accuracy and cost are told"
    )
    ablation: bool = Field(True, description="judge the model without each group of features, strictest protocol")
    controls: bool = Field(True, description="judge what is not music as if it were, strictest protocol")
    max_control_accuracy: float = Field(0.3, ge=0, le=1, description="warn where what is not music tells more")
    baselines: tuple[Literal["logistic", "random-forest", "svm"], ...] = Field(
        (), description="MLlib models to compare with, strictest protocol; seconds to minutes each"
    )


class Cost(Section):
    """What answers cost, in a unit of one's own; a right one costs nothing."""

    wrong: float = Field(1.0, ge=0, description="a wrong genre, where its pair has no cost of its own")
    pairs: tuple[tuple[str, str, Annotated[float, Field(ge=0)]], ...] = Field(
        (), description='a wrong genre by pair: [["true", "answered", cost], …]'
    )
    not_sure: float = Field(0.0, ge=0, description="a clip without an answer")
    human_check: float = Field(0.3, ge=0, description="a person who listens to a clip without an answer")


class Gate(Section):
    """What a new model must pass before it takes the place of the one in force; else the run ends with status 3."""

    max_accuracy_loss: float = Field(
        0.1, ge=0, le=1, description="share of clips, judged with both, that the new model may get wrong more"
    )
    max_psi: float = Field(
        0.5, ge=0, description="population stability index of new training clips, middle of the features, over chance"
    )
    force: bool = Field(False, description="publish although a gate failed; the run records it")


class Limits(Section):
    """What a file may be, and how many may fail."""

    max_bytes: int = Field(1 << 30, ge=1 << 10, description="largest file [bytes]")
    max_duration_s: float = Field(4 * 3600.0, gt=0, description="longest clip [s]")
    max_missing_share: float = Field(0.01, ge=0, le=1, description="what a truncated file may lack and be accepted")
    max_reject_share: float = Field(1.0, ge=0, le=1, description="more rejects than this share end with status 3")
    max_channels: int = Field(8, ge=1, le=1024, description="most channels")
    min_sample_rate_hz: int = Field(4_000, ge=1, description="lowest sample rate [Hz]")
    max_sample_rate_hz: int = Field(384_000, ge=1, description="highest sample rate [Hz]")
    max_decode_s: float = Field(300.0, ge=1, description="longest that decoding one file may take [s]")
    max_decoder_bytes: int = Field(256 << 20, ge=64 << 20, description="memory of the decoder above its start [bytes]")


class Serve(Section):
    """How `punk serve` listens, and what it takes on."""

    address: str = Field("127.0.0.1", description="where it listens; anything but loopback is open to others")
    port: int = Field(8000, ge=0, le=65_535, description="port, 0 for a free one")
    hosts: tuple[str, ...] = Field((), description="names beside those of loopback that it may be asked under")
    workers: int = Field(0, ge=0, le=1024, description="processes that decode and describe, 0 for one a core")
    queue: int = Field(30, ge=0, le=10_000, description="requests that may wait for them; more are told to come again")
    max_bytes: int = Field(32 << 20, ge=1 << 10, description="largest upload [bytes]")
    max_duration_s: float = Field(600.0, gt=0, description="longest clip [s]")
    max_decode_s: float = Field(20.0, ge=1, description="longest that decoding an upload may take [s]")
    max_upload_s: float = Field(30.0, gt=0, description="longest that an upload may take to arrive [s]")
    max_answer_s: float = Field(60.0, ge=1, description="longest that an answer may take once it is begun [s]")


class Connect(Section):
    """Where `serve_tables` listens; who knows its token may do whatever the server's own user may."""

    address: str = Field("127.0.0.1", description="where it listens; anything but loopback is open to others")
    port: int = Field(15_002, ge=1, le=65_535, description="port")


class Run(Section):
    """How a run behaves."""

    dry_run: bool = Field(False, description="say what the job would do, and do nothing (pipeline, ingest, classify)")
    log: Literal["text", "json"] = Field("text", description="lines of a run: for people, or JSON objects with its id")
    lineage: str = Field("", description="file that OpenLineage events are appended to, a line each (none: empty)")
    files_per_task: int = Field(256, ge=1, le=10_000, description="most files a Spark task opens (32 MiB a task)")
    watch: bool = Field(False, description="ingest_clips, classify_clips: look at corpus.root again and again")
    watch_every_s: float = Field(10.0, ge=0.1, le=86_400, description="time between two looks [s]")
    watch_for_s: float = Field(0.0, ge=0, description="begin no round after so long; 0 = until it is told to end [s]")


class Settings(BaseSettings):
    """Everything a job needs to know, checked."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    corpus: Corpus = Corpus()
    storage: Storage = Storage()
    warehouse: Warehouse = Warehouse()
    reports: Reports = Reports()
    features: Features = Features()
    model: Model = Model()
    evaluation: Evaluation = Evaluation()
    cost: Cost = Cost()
    gate: Gate = Gate()
    limits: Limits = Limits()
    withdraw: Withdraw = Withdraw()
    run: Run = Run()
    serve: Serve = Serve()
    connect: Connect = Connect()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line (given to the constructor) over the TOML file; never the environment."""
        return init_settings, TomlConfigSettingsSource(settings_cls)

    @classmethod
    def from_command_line(cls, argv: Sequence[str]) -> Settings:
        """`[--config FILE] [--section.key=value …]` -> settings. Raises ConfigError."""
        file, overrides = _parse(argv)
        return cls.load(file, overrides)

    @classmethod
    def load(cls, file: str | None, overrides: Mapping[str, Mapping[str, Any]]) -> Settings:
        """A TOML file (or none) under overrides {section: {key: value}} -> settings. Raises ConfigError."""
        if file is not None:
            _check_toml(Path(file))

        class Configured(cls):  # type: ignore[valid-type,misc]
            model_config = SettingsConfigDict(toml_file=file)

        try:
            read = Configured(**overrides)
        except ValidationError as error:
            raise _explained(error, file, overrides) from None
        return cls.model_construct(**{name: getattr(read, name) for name in cls.model_fields})

    @property
    def digest(self) -> str:
        """SHA-256 of every value but passwords, 16 hex digits: says whether two runs were configured alike."""
        text = redacted(json.dumps(self.model_dump(mode="json"), sort_keys=True))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def need(self, key: str) -> str:
        """The value of `section.key`, which must not be empty. Raises ConfigError."""
        section, name = key.split(".")
        value = str(getattr(getattr(self, section), name))
        if not value:
            raise ConfigError(key, f"not set; give it in the configuration or as --{key}=…")
        return value

    def folder(self, key: str) -> Path:
        """`section.key` as an absolute local folder. Raises ConfigError where it is not set or not local."""
        text = self.need(key)
        if text.startswith("file://"):
            text = text.removeprefix("file://")
        elif "://" in text:
            raise ConfigError(key, f"{text!r} is not a local folder; only corpus.root may lie elsewhere")
        return Path(text).expanduser().absolute()

    def location(self, key: str) -> bytes:
        """`section.key` as the bytes of an absolute local path, or of a URI as it is written. Raises ConfigError."""
        text = self.need(key)
        is_uri = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) and not text.startswith("file://")
        return os.fsencode(text) if is_uri else os.fsencode(self.folder(key))

    def present_warehouse(self) -> Path:
        """`warehouse.root`, which some job has made. Raises ConfigError."""
        root = self.folder("warehouse.root")
        if not root.is_dir():
            raise ConfigError("warehouse.root", f"{root} does not exist: run a job first")
        return root

    def writable_folder(self, key: str) -> Path:
        """`folder(key)`, made if it is missing and proven writable. Raises ConfigError."""
        folder = self.folder(key)
        probe = folder / f".probe-{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise ConfigError(key, f"cannot write to {folder}: {error.strerror or error}") from None
        return folder


def help_text(program: str) -> str:
    """Usage and every key with its default and meaning, a line each."""
    lines = [f"usage: {program} --config FILE [--section.key=value …]", ""]
    for section, field in Settings.model_fields.items():
        keys: Mapping[str, Any] = field.default.__class__.model_fields
        for key, inner in keys.items():
            default = json.dumps(inner.default, default=str)
            option = f"--{section}.{key}={default}"
            lines.append(f"  {option:<46} {inner.description}")
    return "\n".join(lines)


def _parse(argv: Sequence[str]) -> tuple[str | None, dict[str, dict[str, Any]]]:
    file: str | None = None
    overrides: dict[str, dict[str, Any]] = {}
    words = iter(argv)
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--"):
            raise ConfigError(COMMAND_LINE, f"{word!r} is not an option; expected --config FILE or --section.key=value")
        if not equals:
            value = next(words, "")
            if not value or value.startswith("--"):
                raise ConfigError(COMMAND_LINE, f"--{name} needs a value")
        if name == "config":
            file = value
            continue
        section, dot, key = name.partition(".")
        if not dot or not section or not key:
            raise ConfigError(COMMAND_LINE, f"unknown option --{name}; expected --config FILE or --section.key=value")
        overrides.setdefault(section, {})[key] = _value(name, value)
    return file, overrides


def _value(name: str, text: str) -> Any:
    if not text.startswith("["):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        # A folder may well be called "[live]"; only a list-valued key insists on JSON, and it then says so.
        return text


def _check_toml(path: Path) -> None:
    try:
        with path.open("rb") as file:
            tomllib.load(file)
    except OSError as error:
        raise ConfigError(str(path), f"cannot read the configuration: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"not a TOML file: {error}") from None


def _explained(error: ValidationError, file: str | None, overrides: Mapping[str, Mapping[str, Any]]) -> ConfigError:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"][:2]]
    section, key = (*place, "")[:2]
    given_here = key in overrides.get(section, {}) or (not key and section in overrides)
    where = COMMAND_LINE if given_here or file is None else file
    name = ".".join(place)
    if first["type"] == "extra_forbidden":
        known = _known_keys(section)
        return ConfigError(f"{where}: {name}", f"unknown key; expected one of {', '.join(known)}")
    messages = {e["msg"] for e in error.errors() if [str(p) for p in e["loc"][:2]] == place}
    expected = " or ".join(sorted(m[:1].lower() + m[1:] for m in messages))
    expected = expected.replace("a valid tuple", "a JSON array")
    found = "something else" if _is_secret(section, key) else repr(first["input"])
    return ConfigError(f"{where}: {name}", f"{expected}; found {found}")


def _is_secret(section: str, key: str) -> bool:
    field = Settings.model_fields.get(section)
    known = field.default.__class__.model_fields.get(key) if field is not None else None
    return known is not None and known.annotation is SecretStr


def _known_keys(section: str) -> list[str]:
    field = Settings.model_fields.get(section)
    if field is None:
        return sorted(Settings.model_fields)
    return sorted(f"{section}.{key}" for key in field.default.__class__.model_fields)
