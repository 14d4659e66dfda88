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
# # 4 · The model: from scores to a decision
#
# One linear regression per genre gives one score per genre; a small decision makes an answer of them. This page follows one
# clip through it, and then reads a wrong answer. No Spark here: the tables are read by delta-rs, the model is one JSON file of numbers.

# %%
import os
from pathlib import Path

os.chdir(next(folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / "pyproject.toml").exists()))
CONFIG, OVERRIDES = "conf/local.toml", {}  # for example {"warehouse": {"root": "…"}}

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from deltalake import DeltaTable
from IPython.display import Audio

from classically_punk.audio.decode import SAMPLE_RATE_HZ, decode_file
from classically_punk.modelling.published import load_current
from classically_punk.reporting.explain import explain, told
from classically_punk.reporting.palette import palette
from classically_punk.settings import Settings

settings = Settings.load(CONFIG, OVERRIDES)
warehouse = settings.folder("warehouse.root")
model = load_current(warehouse)
clips, features, predictions = (
    DeltaTable(str(warehouse / name)).to_pandas() for name in ("clips", "features", "predictions")
)
clips = clips.set_index("clip_id")
judged = predictions[(predictions.model_id == model.model_id) & (predictions.protocol != "classify")]
judged = judged[judged.protocol == judged.protocol.iloc[0]].set_index("clip_id").sort_values("confidence")
colours = palette(model.genres)
print(f"{len(model.genres)} regressions of {len(model.feature_names)} features, fitted on {model.training.clips} clips")
print(f"lambda {model.lam:g}, decision {model.decision.kind}, temperature {model.decision.temperature:.3f}")

# %% [markdown]
# ## One clip
#
# The answer that the model is surest of, among clips that it was judged by without having learned from them.

# %%
sure = judged.index[-1]
heard = decode_file(os.fsencode(clips.path[sure]), settings.limits)
Audio(heard.samples, rate=SAMPLE_RATE_HZ)

# %% [markdown]
# Its segments, and the scores of each: intercept + Σ coefficient · (value - mean) / scale. The clip's scores are the mean over
# its segments.

# %%
rows = features[(features.clip_id == sure) & (features.segment >= 0)].sort_values("segment")
scores = pd.DataFrame(
    model.scores(list(model.feature_names), rows[list(model.feature_names)]), columns=model.genres, index=rows.segment
)
scores.round(2)

# %%
answer = model.classify(list(model.feature_names), rows.segment, rows[list(model.feature_names)])
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained", sharey=True)
left.barh(model.genres, list(answer.scores.values()), color=[colours[genre] for genre in model.genres])
left.set_xlabel("score (1 = the genre, 0 = not)")
right.barh(model.genres, list(answer.probabilities.values()), color=[colours[genre] for genre in model.genres])
right.set(xlabel="probability (0–1)", xlim=(0, 1))
left.invert_yaxis()
print(f"label {clips.genre[sure]}, answer {answer.best}, confidence {answer.confidence:.2f}")

# %% [markdown]
# A score is no probability: it may lie below 0 or above 1. The decision turns scores into shares that sum to 1; how sharply,
# says the temperature, which was fitted to the scores of clips held out.

# %% [markdown]
# ## Why
#
# The score is a sum, so it can be taken apart without a rest: each term is the push of one feature.

# %%
why = explain(model, list(model.feature_names), rows.segment, rows[list(model.feature_names)], answer.best)
print("\n".join(told(why, most=2)))

# %%
parts = pd.Series({family.name: family.push for family in why.families})
print(f"mean clip {why.mean_clip_score:+.3f}, pushes {parts.sum():+.3f}, together {why.score:+.3f}")
parts.round(3).to_frame("push")

# %% [markdown]
# ## Reading a wrong answer
#
# The surest of the answers that differ from the label (or, if all are right, the least sure one). Its scores are those of a
# model that had not learned from it.

# %%
wrong = judged[judged.best != judged.genre]
case = (wrong if len(wrong) else judged.head(1)).iloc[-1]
print(f"{len(wrong)} of {len(judged)} answers differ from the label ({case.protocol})")
print(f"{Path(clips.path[case.name]).name}: label {case.genre}, answer {case.best}, confidence {case.confidence:.2f}")
ranked = pd.Series(dict(case.scores), name="score").sort_values(ascending=False)
ranked.head(4).round(3).to_frame()

# %%
heard = decode_file(os.fsencode(clips.path[case.name]), settings.limits)
Audio(heard.samples, rate=SAMPLE_RATE_HZ)

# %% [markdown]
# What spoke for the answer rather than the label (the runner-up, where the answer is right)? The difference of the pushes,
# feature by feature, by the published model.
# That model has learned from the clip since, so its own answer may be right.

# %%
rows = features[(features.clip_id == case.name) & (features.segment >= 0)].sort_values("segment")
given = (model, list(model.feature_names), rows.segment, rows[list(model.feature_names)])
rival = case.genre if case.genre != case.best else ranked.index[ranked.index != case.best][0]
pushes = {
    genre: pd.Series({reason.feature: reason.push for reason in explain(*given, genre).reasons})
    for genre in (case.best, rival)
}
difference = (pushes[case.best] - pushes[rival]).sort_values()
ends = pd.concat([difference.head(6), difference.tail(6)])
figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
axes.barh(ends.index, ends, color=np.where(ends > 0, colours[case.best], colours[rival]))
axes.axvline(0, color="#222222", linewidth=0.8)
axes.set_xlabel(f"push for {case.best} less push for {rival} (score)", parse_math=False)
plt.show()
# %% [markdown]
# How far is the clip from the other clips of that genre? In standard deviations of the training, for the features of the picture:

# %%
own = model.standardised(list(model.feature_names), rows[list(model.feature_names)]).mean(axis=0)
kin = features[(features.genre == rival) & (features.segment >= 0) & (features.clip_id != case.name)]
others = model.standardised(list(model.feature_names), kin[list(model.feature_names)]).mean(axis=0)
pd.DataFrame({"this clip": own, f"other {rival}": others}, index=model.feature_names).loc[ends.index].round(2)
