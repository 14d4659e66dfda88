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
# # 5 · Reliability and cost
#
# How good are the answers, how well does the model know it, and what follows for money? All figures are those of clips that
# the judging model had not learned from. On the demo's synthetic corpus they say nothing about music.

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

from classically_punk.modelling.published import load_current
from classically_punk.reporting import plots
from classically_punk.reporting.palette import palette
from classically_punk.settings import Settings

warehouse = Settings.load(CONFIG, OVERRIDES).folder("warehouse.root")
model = load_current(warehouse)
predictions, metrics, runs, rejects = (
    DeltaTable(str(warehouse / name)).to_pandas() for name in ("predictions", "metrics", "runs", "rejects")
)
metrics = metrics[(metrics.model_id == model.model_id) & metrics.condition.isna()]
judged = predictions[(predictions.model_id == model.model_id) & (predictions.protocol != "classify")]
protocol = judged.protocol.iloc[0]
judged, metrics = judged[judged.protocol == protocol], metrics[metrics.protocol == protocol]
judged = judged.assign(right=judged.best == judged.genre).sort_values("confidence", ascending=False)

# %% [markdown]
# ## How good
#
# The interval says how far chance alone would carry the figure with other clips of the same kind (95 %, bootstrap over groups).

# %%
overall = metrics[metrics.genre.isna()].set_index("metric")[["value", "low", "high", "n"]]
print(protocol)
overall.round(3)

# %%
recall = metrics[(metrics.metric == "recall") & metrics.genre.notna()].sort_values("genre")
colours = palette(list(recall.genre))
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
middle = recall.value.to_numpy()
spread = np.clip([middle - recall.low, recall.high - middle], 0, None)
axes.barh(recall.genre, middle, xerr=spread, color=list(colours.values()), ecolor="#222222", capsize=3)
axes.axvline(1 / len(recall), color="#222222", linestyle=":", label="chance")
axes.set(xlabel="recall: share of the genre's clips found (0–1), 95 % interval", xlim=(0, 1.02))
axes.invert_yaxis()
figure.legend(loc="outside upper right")
plt.show()
# %% [markdown]
# ## What is taken for what

# %%
names = list(recall.genre)
counts = pd.crosstab(judged.genre, judged.best).reindex(index=names, columns=names, fill_value=0)
figure, axes = plt.subplots(figsize=(7, 6), layout="constrained")
plots.draw_confusion(axes, names, counts.to_numpy())

# %% [markdown]
# ## Does it know how sure it is
#
# In each bin of confidence: the mean of what was said, and the share that was right. On the line they agree. Bins of few clips
# lie off it by chance.

# %%
bins = pd.cut(judged.confidence, np.linspace(0, 1, 11))
said = judged.groupby(bins, observed=True).agg(
    clips=("right", "size"), said=("confidence", "mean"), right=("right", "mean")
)
gap = (said.clips / said.clips.sum() * (said.said - said.right).abs()).sum()
figure, axes = plt.subplots(figsize=(4.6, 4.4), layout="constrained")
axes.plot([0, 1], [0, 1], color="#999999", linewidth=1)
axes.scatter(said.said, said.right, s=20 + 4 * said.clips, color="#332288")
axes.set(xlabel="confidence (0–1)", ylabel="share right (0–1)", xlim=(0, 1.02), ylim=(0, 1.02))
print(f"mean gap, weighted by clips (ten bins): {gap:.3f}")
said.round(2)

# %% [markdown]
# ## Answering only where it is sure
#
# Clips ordered by confidence: how right are the answers, if only so many are given?

# %%
coverage = np.arange(1, len(judged) + 1) / len(judged)
accuracy = judged.right.cumsum().to_numpy() / np.arange(1, len(judged) + 1)
figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
axes.plot(coverage, accuracy, drawstyle="steps-post", color="#332288")
axes.set(xlabel="share of clips answered (0–1)", ylabel="share right of those (0–1)", ylim=(min(accuracy) - 0.05, 1.01))
plt.show()
# %% [markdown]
# ## What a thousand answers cost
#
# Prices are assumptions: put in your own. What lies below the threshold goes to a person, who costs less than an error and is
# taken to be right.

# %%
WRONG, CHECK = 1.00, 0.40  # money per wrong answer and per check: invented

# %%
thresholds = np.linspace(0, 1, 101)
asked = np.array([(judged.confidence < t).mean() for t in thresholds])
errors = np.array([((judged.confidence >= t) & ~judged.right).mean() for t in thresholds])
cost = 1000 * (asked * CHECK + errors * WRONG)
best = int(np.argmin(cost))
figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
axes.stackplot(
    thresholds, 1000 * errors * WRONG, 1000 * asked * CHECK, labels=["errors", "checks"], colors=["#cc6677", "#88ccee"]
)
axes.axvline(thresholds[best], color="#222222", linestyle=":")
axes.set(xlabel="threshold of confidence (0–1)", ylabel="cost of 1000 answers (money)", xlim=(0, 1))
axes.legend()
print(f"cheapest at {thresholds[best]:.2f}: {cost[best]:.0f}, of which {1000 * asked[best]:.0f} checks;", end=" ")
print(f"without checks {cost[0]:.0f}, everything checked {1000 * CHECK:.0f}")

# %% [markdown]
# A threshold chosen on the clips that it is then judged by is kind to itself: with so few of them, take it as a shape, not as
# a price.

# %% [markdown]
# ## What a run costs
#
# Seconds of each stage of the newest finished run that described something, and what it could not use.

# %%
done = runs[(runs.state == "done")].sort_values("started_at")
told = [(run.started_at, dict(run.counts), dict(run.seconds)) for run in done.itertuples()]
started, counted, seconds = next(one for one in reversed(told) if one[1].get("described"))
stages = pd.Series(seconds).sort_values()
figure, axes = plt.subplots(figsize=(7, 0.8 + 0.28 * len(stages)), layout="constrained")
axes.barh(stages.index, stages, color="#44aa99")
axes.set_xlabel(f"seconds (of {stages.sum():.0f}, for {counted['described']} clips)")
plt.show()
print(f"{len(rejects)} files could not be used")
rejects.reason.value_counts().to_frame("files") if len(rejects) else None
