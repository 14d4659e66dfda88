# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 2 · The features, one by one
#
# A feature is one number that describes a clip. This page plays sounds in which one property changes while all others
# stay, and looks which numbers move: tempo, pitch, brightness, loudness, noise. Names, units and meanings come from the
# catalogue, so this page grows with it.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Audio

from classically_punk.audio.probes import LADDERS, MIDDLE, RATE_HZ, sound
from classically_punk.features import catalogue, describe_clip
from classically_punk.features.exhibit import exhibit_of
from classically_punk.reporting import plots

# %% [markdown]
# ## What there is

# %%
columns = pd.DataFrame([vars(column) for column in catalogue.columns("punk")]).set_index("name")
entries = pd.DataFrame(
    [(entry.family, entry.name, len(entry.scalars), entry.source) for entry in catalogue.CATALOGUE],
    columns=["family", "entry", "numbers", "how it is made"],
)
entries.groupby("family", sort=False).agg(entries=("entry", "size"), numbers=("numbers", "sum"))

# %%
pd.options.display.max_colwidth = 90
entries.set_index(["family", "entry"])

# %% [markdown]
# ## The sounds
#
# One note on every beat. Each ladder has five steps, of which the third is the same in all of them. The middle:

# %%
Audio(sound(MIDDLE), rate=RATE_HZ)

# %%
steps = pd.DataFrame(
    [describe_clip(sound(probe), RATE_HZ, "punk") for ladder in LADDERS.values() for probe in ladder],
    index=pd.MultiIndex.from_product([LADDERS, range(1, 6)], names=["ladder", "step"]),
)
moved = steps.groupby("ladder", sort=False).agg(np.ptp).T
share = (moved / moved.max(axis=1).replace(0, 1).to_numpy()[:, None]).join(columns[["family", "unit", "meaning"]])

# %% [markdown]
# `share` is how far a number moves on each ladder, against the ladder that moves it most: 1 is what it hears best, 0 what
# it is deaf to. Below, the representatives of each family; the rest of the page goes ladder by ladder.

# %%
shown = ["tempo_bpm", "pitch_chroma_mean", "timbre_centroid_mean", "timbre_crossings_mean", "timbre_mfcc02_mean"]
shown += ["loudness_rms_mean", "loudness_integrated_lufs"]
steps[shown].round(2)

# %%
figure, axes = plt.subplots(len(shown), len(LADDERS), figsize=(11, 1.5 * len(shown)), sharex=True, sharey="row")
for panel, ladder in zip(axes[0], LADDERS, strict=True):
    panel.set_title(ladder, size=10)
for row, name in zip(axes, shown, strict=True):
    for panel, ladder in zip(row, LADDERS, strict=True):
        panel.plot(steps.loc[ladder, name], "o-", markersize=3)
    row[0].set_ylabel(f"{name.partition('_')[2]}\n({columns.unit[name]})", size=8)
figure.supxlabel("step of the ladder")
figure.tight_layout()

# %% [markdown]
# ## Tempo
#
# The first and the last step of `faster`: 80 and 160 beats a minute. A beat tracker finds the time between onsets again; it
# may also take half or double of it. Its values lie on a grid, since it counts frames of 512 samples.

# %%
Audio(np.concatenate([sound(LADDERS["faster"][0]), sound(LADDERS["faster"][-1])]), rate=RATE_HZ)

# %%
pd.DataFrame({"played": [p.tempo_bpm for p in LADDERS["faster"]], "found": steps.loc["faster", "tempo_bpm"]}).round(1)

# %% [markdown]
# ## Pitch
#
# From A2 (110 Hz) to A4 (440 Hz), in steps of half an octave. Chroma folds all octaves into twelve pitch classes. Its mean
# over classes tells how many sound at once, not which: for that, see the picture.

# %%
Audio(np.concatenate([sound(probe, 1.0) for probe in LADDERS["higher"]]), rate=RATE_HZ)

# %%
figure, axes = plt.subplots(1, 6, figsize=(11, 3), layout="constrained", width_ratios=[10, 10, 10, 10, 10, 1])
for panel, probe in zip(axes, LADDERS["higher"], strict=False):
    plots.draw_matrix(panel, axes[-1], "chroma", exhibit_of(sound(probe)))
    panel.set_title(f"MIDI {probe.pitch_midi:g}", size=10)
    panel.label_outer()

# %%
share[share.family == "pitch"].drop(columns=["family"]).round(2).sort_values("higher", ascending=False).head(10)

# %% [markdown]
# ## Timbre
#
# The same note with ever stronger high partials: dull, then bright. The spectral centroid is where the spectrum has its
# centre of mass; it moves with the pitch as well. The second cepstral coefficient is the slope of the spectrum: positive for
# dull sounds, negative for bright ones.

# %%
Audio(np.concatenate([sound(probe, 1.0) for probe in LADDERS["brighter"]]), rate=RATE_HZ)

# %%
share[share.family == "timbre"].drop(columns=["family"]).round(2).sort_values("brighter", ascending=False).head(10)

# %% [markdown]
# ## Loudness
#
# Steps of 6 dB. A feature that is deaf to the level is 0 on this ladder: what tells a genre should not depend on the volume
# at which a record was cut. Those that are not:

# %%
share[share["louder"] > 0.01].round(2).sort_values("louder", ascending=False).head(15)

# %% [markdown]
# ## Noise
#
# White noise behind the notes, from 80 dB below them to as strong as they are.

# %%
Audio(np.concatenate([sound(probe, 1.0) for probe in LADDERS["noisier"]]), rate=RATE_HZ)

# %%
share.drop(columns=["family"]).round(2).sort_values("noisier", ascending=False).head(10)

# %% [markdown]
# ## All at a glance
#
# Every entry of the catalogue against every ladder: the mean share of its numbers.

# %%
of_entry = {scalar.name: entry.name for entry in catalogue.CATALOGUE for scalar in entry.scalars}
picture = share[list(LADDERS)].groupby(of_entry, sort=False).mean()
figure, axes = plt.subplots(figsize=(6, 1.2 + 0.27 * len(picture)), layout="constrained")
image = axes.imshow(picture, aspect="auto", cmap="cividis", vmin=0, vmax=1)
axes.set_xticks(range(len(LADDERS)), list(LADDERS))
axes.set_yticks(range(len(picture)), list(picture.index), size=8)
figure.colorbar(image, label="share of the ladder that moves it most (0–1)")
plt.show()
