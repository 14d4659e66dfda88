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
# # 3 · Exploring the corpus with Spark SQL
#
# Distributions, outliers, what goes together, and a map of all clips. The tables are those of the configuration named
# below: after `scripts/demo` a small synthetic corpus, of which nothing follows for music. For one of your own, name its
# configuration or its `warehouse.root`.

# %%
import os
from pathlib import Path

os.chdir(next(folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / "pyproject.toml").exists()))
CONFIG, OVERRIDES = "conf/local.toml", {}  # for example {"warehouse": {"root": "…"}}

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from pyspark.ml.feature import PCA, StandardScaler, VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.ml.stat import Correlation

from classically_punk.features import catalogue
from classically_punk.reporting.palette import palette
from classically_punk.reporting.text import visible
from classically_punk.settings import Settings
from classically_punk.spark.interactive import open_tables

spark = open_tables(Settings.load(CONFIG, OVERRIDES))
units = {column.name: column.unit for column in catalogue.columns("punk")}

# %% [markdown]
# ## What is there

# %%
spark.sql("""
  SELECT status, reason, count(*) AS files, round(sum(size_bytes) / 1e6, 1) AS MB
  FROM punk.files GROUP BY status, reason ORDER BY status, reason
""").toPandas()

# %%
spark.sql("""
  SELECT genre, count(*) AS clips, round(sum(duration_s) / 60, 1) AS minutes,
         array_join(array_sort(collect_set(container)), ', ') AS containers,
         array_join(array_sort(array_distinct(flatten(collect_list(warnings)))), ', ') AS warnings
  FROM punk.clips GROUP BY genre ORDER BY genre
""").toPandas()

# %% [markdown]
# Are containers and rates spread evenly over the genres? If one genre came from one source, a model could learn the source.

# %%
spark.sql("""
  SELECT genre, container, count(*) AS clips FROM punk.clips GROUP BY genre, container
""").toPandas().pivot_table(index="genre", columns="container", values="clips", fill_value=0, aggfunc="sum")

# %% [markdown]
# ## Distributions
#
# One number of each family, whole clips by genre: box 25–75 %, line at the median, whiskers to the last value within one and
# a half boxes, dots beyond.

# %%
shown = ["tempo_bpm", "pitch_chroma_mean", "timbre_centroid_mean", "loudness_integrated_lufs"]
whole = spark.sql("""
  SELECT c.path, c.genre, f.* EXCEPT (clip_id, genre, segment, start_s, feature_set)
  FROM punk.features f JOIN punk.clips c USING (clip_id)
  WHERE f.segment = -1 AND c.duplicate_of IS NULL AND c.genre IS NOT NULL
""").cache()
clips = whole.select("path", "genre", *shown).toPandas()
colours = palette(list(clips.genre))
genres = list(colours)

# %%
figure, axes = plt.subplots(2, 2, figsize=(11, 7), layout="constrained", sharey=True)
axes[0, 0].invert_yaxis()
for panel, name in zip(axes.flat, shown, strict=True):
    boxes = panel.boxplot(
        [clips[name][clips.genre == genre] for genre in genres], orientation="horizontal", patch_artist=True
    )
    for box, genre in zip(boxes["boxes"], genres, strict=True):
        box.set_facecolor(colours[genre])
    panel.set_yticks(range(1, len(genres) + 1), [visible(genre) for genre in genres])
    panel.set_xlabel(f"{name} ({units[name]})")

# %% [markdown]
# ## Outliers
#
# Clips that lie far from the median of their genre, in units of the middle half of its clips. An outlier is not wrong: listen
# to it first.

# %%
middle = clips.groupby("genre")[shown].transform("median")
quarters = clips.groupby("genre")[shown].quantile([0.25, 0.75]).unstack()
width = pd.DataFrame({name: quarters[name][0.75] - quarters[name][0.25] for name in shown}).replace(0, np.nan)
far = ((clips[shown] - middle) / width.loc[clips.genre].to_numpy()).assign(
    clip=[Path(path).name for path in clips.path]
)
far.melt(id_vars="clip", var_name="feature", value_name="widths").dropna().sort_values(
    "widths", key=abs, ascending=False
).head(8)

# %% [markdown]
# ## What goes together
#
# Correlations of the columns of `classic57`, by Spark MLlib. Bright squares off the diagonal are features that tell the same:
# a regression shares the weight between them as it likes.

# %%
columns = [column.name for column in catalogue.columns("classic57")]
vectors = VectorAssembler(inputCols=columns, outputCol="raw").transform(whole).select("path", "genre", "raw")
scaled = (
    StandardScaler(inputCol="raw", outputCol="z", withMean=True, withStd=True).fit(vectors).transform(vectors).cache()
)
correlation = Correlation.corr(scaled, "z").first()[0].toArray()
figure, axes = plt.subplots(figsize=(9, 8), layout="constrained")
image = axes.imshow(correlation, cmap="RdBu_r", vmin=-1, vmax=1)
axes.set_xticks(range(len(columns)), columns, rotation=90, size=6)
axes.set_yticks(range(len(columns)), columns, size=6)
figure.colorbar(image, label="correlation (-1 to 1)", shrink=0.8)
plt.show()
# %%
above = np.triu(np.abs(correlation), 1)
strongest = np.dstack(np.unravel_index(np.argsort(-above, axis=None)[:8], above.shape))[0]
pd.DataFrame(
    [(columns[i], columns[j], round(correlation[i, j], 3)) for i, j in strongest], columns=["one", "other", "r"]
)

# %% [markdown]
# ## A map of the clips
#
# The two directions in which the standardised clips differ most (principal components, by MLlib). What lies together sounds
# alike to these features. Colours are the labels, which the map does not know.

# %%
components = PCA(k=2, inputCol="z", outputCol="at").fit(scaled)
shares = components.explainedVariance.toArray()
placed = components.transform(scaled).select("genre", vector_to_array("at").alias("at")).toPandas()
where = np.stack(placed["at"])
figure, axes = plt.subplots(figsize=(8, 6), layout="constrained")
for genre in genres:
    of_genre = where[placed.genre == genre]
    axes.scatter(*of_genre.T, color=colours[genre], label=visible(genre), edgecolor="#222222", linewidth=0.4)
axes.set_xlabel(f"first component ({shares[0]:.0%} of the variance)")
axes.set_ylabel(f"second component ({shares[1]:.0%})")
figure.legend(loc="outside right upper")
plt.show()
# %% [markdown]
# What the first component is made of:

# %%
weights = pd.DataFrame(components.pc.toArray(), index=columns, columns=["first", "second"])
weights.sort_values("first", key=abs, ascending=False).head(8).round(2)

# %%
spark.stop()
