"""The catalogue as a contract: every entry, present and future, is held to the same promises."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from classically_punk.errors import ClipTooShortError
from classically_punk.features import PUBLISHED_NAMES, catalogue
from classically_punk.features.analysis import SAMPLE_RATE_HZ, Analysis
from classically_punk.features.catalogue import CATALOGUE, FEATURE_SETS, Feature

SECOND = np.arange(SAMPLE_RATE_HZ)
NOISE = np.random.default_rng(7).uniform(-0.5, 0.5, SAMPLE_RATE_HZ)
CLICK = np.where(SECOND == 11_000, 1.0, 0.0)
SIGNALS = {
    "silence": np.zeros(SAMPLE_RATE_HZ),
    "noise": NOISE,
    "click": CLICK,
    "tone": 0.5 * np.sin(2 * np.pi * 440 * SECOND / SAMPLE_RATE_HZ),
    "constant": np.full(SAMPLE_RATE_HZ, 0.25),
    "hardly audible": 1e-30 * NOISE,
    "far too loud": 65_536 * np.sign(NOISE),
}
ENTRIES = [pytest.param(feature, id=feature.name) for feature in CATALOGUE]

pytestmark = pytest.mark.filterwarnings("ignore:n_fft=2048 is too large", "ignore:Trying to estimate tuning")


@pytest.mark.parametrize("feature", ENTRIES)
@pytest.mark.parametrize("signal", SIGNALS)
def test_one_finite_float64_a_scalar(feature: Feature, signal: str) -> None:
    values = feature.kernel(Analysis(SIGNALS[signal].astype(np.float32)))
    assert values.shape == (len(feature.scalars),)
    assert values.dtype == np.float64
    assert np.all(np.isfinite(values))


@pytest.mark.parametrize("feature", ENTRIES)
def test_the_shortest_clip_is_described_and_one_sample_less_is_refused(feature: Feature) -> None:
    shortest = NOISE[: feature.min_samples].astype(np.float32)
    assert np.all(np.isfinite(feature.kernel(Analysis(shortest))))
    with pytest.raises(ClipTooShortError) as refused:
        feature.kernel(Analysis(shortest[:-1]))
    assert (refused.value.needed, refused.value.got) == (feature.min_samples, feature.min_samples - 1)


@pytest.mark.parametrize("feature", ENTRIES)
@pytest.mark.parametrize("length", [1025, 8820, SAMPLE_RATE_HZ])
def test_the_same_clip_gives_the_same_bits(feature: Feature, length: int) -> None:
    if length < feature.min_samples:
        pytest.skip(f"needs {feature.min_samples} samples")
    clip = NOISE[:length].astype(np.float32)
    first = feature.kernel(Analysis(clip))
    litter = [np.full(size, np.nan) for size in range(1, 4000, 7)]  # so that memory read by mistake is not the same
    del litter
    assert first.tobytes() == feature.kernel(Analysis(clip)).tobytes()


def test_names_are_unique_lower_case_and_begin_with_their_family() -> None:
    names = [column.name for column in catalogue.columns("punk")]
    assert len(set(names)) == len(names)
    for column in catalogue.columns("punk"):
        assert column.family in {"tempo", "pitch", "timbre", "loudness", "recording"}
        assert column.name.startswith(f"{column.family}_")
        assert column.name == column.name.lower()
        assert column.name.isidentifier()


def test_every_scalar_says_its_unit_its_meaning_and_its_source() -> None:
    for column in catalogue.columns("punk"):
        assert column.unit.strip(), column.name
        assert column.meaning.strip(), column.name
        assert column.source.strip(), column.name


def test_a_variance_has_the_square_of_the_unit_of_its_mean() -> None:
    units = {column.name: column.unit for column in catalogue.columns("punk")}
    assert units["timbre_centroid_mean"] == "Hz"
    assert units["timbre_centroid_var"] == "Hz²"
    assert units["timbre_mfcc20_var"] == "dB²"
    assert units["pitch_chroma_var"] == "1"
    assert units["tempo_bpm"] == "BPM"


def test_published_names_are_the_57_columns_of_the_published_table() -> None:
    curves = [
        "chroma_stft",
        "rms",
        "spectral_centroid",
        "spectral_bandwidth",
        "rolloff",
        "zero_crossing_rate",
        "harmony",
        "perceptr",
    ]
    moments = [f"{name}_{moment}" for name in curves for moment in ("mean", "var")]
    mfcc = [f"mfcc{i}_{moment}" for i in range(1, 21) for moment in ("mean", "var")]
    assert list(PUBLISHED_NAMES.values()) == [*moments, "tempo", *mfcc]


def test_the_projects_own_set_begins_with_all_57_and_integrated_loudness() -> None:
    assert FEATURE_SETS == ("classic57", "punk")
    classic, own = ([column.name for column in catalogue.columns(name)] for name in FEATURE_SETS)
    assert len(classic) == 57
    assert own[:58] == [*classic, "loudness_integrated_lufs"]


def test_a_model_sees_the_57_or_the_conditioned_ones_and_never_a_control() -> None:
    assert catalogue.model_names("classic57") == tuple(column.name for column in catalogue.columns("classic57"))
    conditioned = {scalar.name for feature in CATALOGUE if feature.conditioning != "none" for scalar in feature.scalars}
    seen = catalogue.model_names("punk")
    assert len(seen) == len(set(seen)) == 235
    assert set(seen) <= conditioned
    controls = {*catalogue.control_names(conditioned=True), *catalogue.control_names(conditioned=False)}
    assert conditioned - set(seen) == set(catalogue.control_names(conditioned=True))
    assert len(controls) == 8
    assert not controls & {*seen, *catalogue.model_names("classic57")}
    assert controls == {column.name for column in catalogue.columns("punk") if column.family == "recording"}


@pytest.mark.parametrize("name", FEATURE_SETS)
def test_every_column_that_a_model_sees_is_in_one_group(name: str) -> None:
    columns = [column for group in catalogue.groups(name).values() for column in group]
    assert sorted(columns) == sorted(catalogue.model_names(name))
    assert len(catalogue.groups(name)) >= 8


def test_groups_name_what_an_ablation_drops() -> None:
    sizes = {group: len(columns) for group, columns in catalogue.groups("punk").items()}
    assert sizes["log_mel_covariance"] == 78
    assert sizes["mfcc"] == 60
    assert sizes["contrast"] == 14
    assert sizes["bands"] == 16
    assert sizes["chroma"] == 18
    assert sizes["modulation"] == 30
    assert catalogue.groups("classic57")["tempo_bpm"] == ("tempo_bpm",)


def test_an_unknown_feature_set_is_refused() -> None:
    for look_up in (catalogue.columns, catalogue.model_names, catalogue.groups):
        with pytest.raises(ValueError, match="classic58"):
            look_up("classic58")


def test_only_rhythm_is_measured_on_the_whole_clip() -> None:
    assert {column.name for column in catalogue.columns("punk") if column.scope == "clip"} == {"tempo_bpm"}


def test_the_identity_of_a_feature_set_depends_on_set_and_segment_length() -> None:
    name, _, digest = catalogue.feature_set_id("punk", 3.0).partition("@")
    assert name == "punk"
    assert len(digest) == 12
    assert int(digest, 16) >= 0
    assert catalogue.feature_set_id("punk", 3) == catalogue.feature_set_id("punk", 3.0)
    assert catalogue.feature_set_id("punk", 3.5) != catalogue.feature_set_id("punk", 3.0)
    assert catalogue.feature_set_id("classic57", 3.0).partition("@")[2] != digest


def test_the_identity_of_a_feature_set_changes_with_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    before = catalogue.feature_set_id("punk", 3.0)
    monkeypatch.setattr(catalogue, "entries", lambda name: CATALOGUE[:-1])
    assert catalogue.feature_set_id("punk", 3.0) != before


def test_librosa_compiles_nothing_before_the_first_clip() -> None:
    """A worker must be able to make the compilation cache read-only first (`warm.read_only_cache`)."""
    code = "import sys; import classically_punk.features.warm; print('librosa.util.utils' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
