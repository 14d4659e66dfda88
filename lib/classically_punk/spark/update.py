"""The model in force, brought up to its clips by the sums that are kept: no row is read of clips that stay.

Clips that came are counted as a batch of their own; slots that lost a clip are counted anew; everything is added up and
solved. Coefficients are those of a fit to the same clips. Lambda, temperature, threshold and the kind of decision stay
as they were chosen; means and covariance of the decision follow from the sums.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any, cast

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.features import catalogue
from classically_punk.modelling import digest, folds, published, training_clips
from classically_punk.modelling.arrays import Floats, Ints, ModelError
from classically_punk.modelling.crossfit import Learner, Lesson
from classically_punk.modelling.decision import Layer
from classically_punk.modelling.moments import Moments
from classically_punk.modelling.published import PublishedModel, PublishedModelError
from classically_punk.modelling.regression import Fit
from classically_punk.modelling.spread import Spread
from classically_punk.modelling.training_clips import TrainingClipsError
from classically_punk.modelling.transforms import MAPPED, Transform
from classically_punk.settings import Settings
from classically_punk.spark import altered, copies, genre_models, neighbours, schemas, sums, vectors
from classically_punk.spark.genre_models import Source
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.sums import Kept, Key, Slot
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.vectors import MAIN, OF_CLIPS, Training

ONE = "clip_id string"
MOST_CAME = 200_000
"""Rows that came, beyond which comparing all clips is no dearer than asking for these."""


class NotBySumsError(ModelError):
    """The model cannot follow its clips by sums and has to be fitted: says why."""


@dataclass(frozen=True, eq=False)
class Changes:
    """What is to be counted: rows of `summed_clips` that came, that went, and that stay in a slot that lost a clip."""

    came: pd.DataFrame
    went: pd.DataFrame
    stay: pd.DataFrame
    new_groups: int
    """Groups among those that came of which no clip was there; -1 where that is not known."""

    @property
    def keys(self) -> list[Key]:
        """The slots to count, in one order."""
        found = pd.concat([self.came, self.went])[list(sums.KEY)].drop_duplicates()
        return sorted((str(batch), int(cell), int(piece)) for batch, cell, piece in found.itertuples(index=False))

    @property
    def members(self) -> pd.DataFrame:
        """Whoever is in these slots now."""
        return pd.concat([self.came, self.stay], ignore_index=True)


def updated(warehouse: Warehouse, settings: Settings, run: Run) -> str | None:
    """Brings the model in force up to the clips of now -> its id; None, said why, where it has to be fitted."""
    try:
        with run.stage("sums"):
            return _updated(warehouse, settings, run)
    except NotBySumsError as error:
        say(f"not by sums, but by a fit: {error}")
        return None


def speaks_of(warehouse: Warehouse, settings: Settings, data: Training) -> str | None:
    """The id of the model in force, if it was made by sums of just these clips under these settings."""
    if warehouse.read("models").where("fitted_by = 'sums'").limit(1).isEmpty():
        return None
    try:
        model, kept = standing(warehouse, settings)
    except NotBySumsError:
        return None
    mine = warehouse.read("models").where((F.col("model_id") == model.model_id) & (F.col("fitted_by") == "sums"))
    if kept.clips != len(data.clips) or mine.limit(1).isEmpty():
        return None
    known = warehouse.read(sums.CLIPS).select("clip_id", "genre").collect()
    same = {tuple(each) for each in known} == set(zip(data.clips["clip_id"], data.clips["genre"], strict=True))
    return model.model_id if same else None


def standing(warehouse: Warehouse, settings: Settings) -> tuple[PublishedModel, Kept]:
    """The model in force and the sums behind it. Raises NotBySumsError where they do not stand under these settings."""
    try:
        model = published.load_current(warehouse.root)
    except PublishedModelError as error:
        raise NotBySumsError(error.problem) from None
    chosen = settings.model
    if chosen.transform in MAPPED or chosen.clip_sd > 0:
        raise NotBySumsError("the transform takes centre and scale from all clips, so that one clip moves every row")
    kept = sums.kept(warehouse)
    if kept is None:
        raise NotBySumsError("no sums stand, or a run that died left some of them")
    feature_set = catalogue.feature_set_id(chosen.feature_set, settings.features.segment_s)
    if model.feature_set != feature_set or kept.design != sums.design_of(settings, feature_set):
        raise NotBySumsError("model and sums are of other features or settings")
    if model.model_id not in kept.models:
        raise NotBySumsError(f"the sums are not those of the model in force, {model.model_id}")
    if len(kept.slots) > sums.MOST_SLOTS:
        raise NotBySumsError(f"they are in {len(kept.slots)} slots, which one fit makes few of")
    return model, kept


def _updated(warehouse: Warehouse, settings: Settings, run: Run) -> str:
    known: dict[str, Any] = {}
    data: Training | None = None
    warehouse.at_once(
        lambda: known.update(standing=standing(warehouse, settings)),
        lambda: known.update(compared=compared(warehouse, settings)),
        lambda: known.update(wanted=altered.training_copies(warehouse, settings)),
    )
    model, kept = cast("tuple[PublishedModel, Kept]", known["standing"])
    wanted: pd.DataFrame = known["wanted"]
    came, went, stay, files = known["compared"]
    need_genres(came, model)
    members = pd.concat([came, stay], ignore_index=True)
    warehouse.at_once(
        lambda: known.update(dealt=dealt(warehouse, settings, run, model, kept, came, set(went["clip_id"]))),
        lambda: known.update(data=_rows(warehouse, settings, model, members, wanted, files)),
    )
    changes, data = Changes(known["dealt"][0], went, stay, known["dealt"][1]), known["data"]
    try:
        changes, slots = counted(changes, kept, data)
        if not slots and kept.models == {model.model_id}:
            sums.note(warehouse, settings)
            say(f"model {model.model_id} stands already")
            return model.model_id
        after = Kept(kept.design, {**kept.slots, **slots})
        if data is not None and not wanted.empty:
            data = copies.attached(warehouse, settings, data, wanted)
        spreads = _spreads(warehouse, data, changes, after.cells)
        fit, layer = solved(after, model, settings, spreads)
        if fit.columns_of(_transform(settings).outputs) != model.feature_names:
            raise NotBySumsError("a column that was constant varies now, or the other way round")
        name = _name(model, after, None if data is None else data.copies_digest)
        source = _source(warehouse, settings, model, after, changes)
        rows = genre_models.model_rows(settings, run, source, name, fit, None, layer)
        slots = {key: replace(slot, model_id=name) for key, slot in slots.items()}
        listed, added, gone = _listed(warehouse, model), set(changes.came["clip_id"]), set(changes.went["clip_id"])
        fresh = _columns(data) if added else None
        # its name tells of this run's batch, if there is one
        new = any(batch == run.run_id for batch, _, _ in slots)
        warehouse.at_once(
            lambda: sums.store(warehouse, run, kept.design, slots, changes.came, sorted(gone)),
            lambda: known.update(stands=_told(warehouse, name, rows, new=new)),
        )
        sums.note(warehouse, settings)
        genre_models.publish(
            warehouse,
            name,
            lambda new: neighbours.carried(listed, model, new, data, fresh, added, gone),
            None if known["stands"] else rows,
        )
    finally:
        if data is not None:
            data.unpersist()
    run.counts |= {"clips_added": len(added), "clips_taken_out": len(gone), "slots_counted": len(slots)}
    told = f"{len(added)} clips added, {len(gone)} taken out, {len(slots)} of {len(after.slots)} slots counted"
    say(f"model {name} by sums of {source.clips} clips: {told}; lambda, temperature and threshold as they were")
    return name


def _told(warehouse: Warehouse, name: str, rows: list[tuple[Any, ...]], *, new: bool) -> bool:
    """Whether the rows of a model stood already; now they do. A `new` one cannot have stood."""
    if not new and not warehouse.read("models").where(F.col("model_id") == name).limit(1).isEmpty():
        return True
    warehouse.append("models", warehouse.spark.createDataFrame(rows, schemas.MODELS))
    return False


def need_genres(came: pd.DataFrame, model: PublishedModel) -> None:
    """Raises NotBySumsError for clips of a genre that the model does not have."""
    strange = sorted(set(came["genre"]) - set(model.genres))
    if strange:
        raise NotBySumsError(f"the model knows no {', '.join(strange)}")


def compared(
    warehouse: Warehouse, settings: Settings
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """The clips of now against those in the sums, by clip and label: clips that came (clip_id and `vectors.OF_CLIP`),
    and rows of `summed_clips` that went, and that stay in a slot that lost one. With another label a clip does both.
    Last the data files of features that came with them, where that is known.
    """
    arrived = _arrived(warehouse, settings)
    if arrived is not None:
        none = pd.DataFrame(columns=schemas.SUMMED_CLIPS.names)
        return arrived[0], none, none, arrived[1]
    now, known = vectors.learnable(warehouse, settings), warehouse.read(sums.CLIPS)
    # two hashes of 64 bits stand for clip and label: numbers are grouped in a tenth of the time of their texts
    pair = (F.xxhash64("clip_id", "genre").alias("one"), F.xxhash64("genre", "clip_id").alias("other"))
    side = F.lit(1).alias("now"), F.lit(-1).alias("now")
    every = now.select(*pair, side[0]).unionByName(known.select(*pair, side[1]))
    differs = every.groupBy("one", "other").agg(F.sum("now").alias("now")).where("now != 0").localCheckpoint()
    found: dict[str, pd.DataFrame] = {}

    def those(rows: DataFrame, of: int) -> pd.DataFrame:
        keys = F.broadcast(differs.where(F.col("now") == of).select("one", "other"))
        told = rows.select("*", *pair).join(keys, ["one", "other"], "left_semi").select(*rows.columns)
        return told.toPandas().sort_values("clip_id", ignore_index=True)

    warehouse.at_once(
        lambda: found.update(came=those(now, 1)),
        lambda: found.update(went=those(known, -1)),
    )
    came, went = found["came"], found["went"]
    stay = went.iloc[:0]
    if len(went):
        keys = warehouse.spark.createDataFrame(went[list(sums.KEY)].drop_duplicates())
        gone = warehouse.spark.createDataFrame([(clip,) for clip in went["clip_id"]], ONE)
        of_slots = known.join(F.broadcast(keys), list(sums.KEY), "left_semi")
        stay = of_slots.join(F.broadcast(gone), "clip_id", "left_anti").select(*known.columns).toPandas()
    return _without_nan(came), went, stay, ()


def _arrived(warehouse: Warehouse, settings: Settings) -> tuple[pd.DataFrame, tuple[str, ...]] | None:
    """Clips that came, and the files of their features, by what the logs of the tables say; None where they do not."""
    added = sums.added_since(warehouse, settings)
    if added is None or sum(each.rows for each in added.values()) > MOST_CAME:
        return None
    ids = sorted(set().union(*(warehouse.values_in(name, each.files, "clip_id") for name, each in added.items())))
    if not ids:
        return pd.DataFrame(columns=["clip_id", *vectors.OF_CLIP]), ()
    only = warehouse.spark.createDataFrame([(clip,) for clip in ids], ONE)
    found: dict[str, pd.DataFrame] = {}
    known = warehouse.read(sums.CLIPS).select("clip_id", "genre")
    warehouse.at_once(
        lambda: found.update(came=vectors.learnable(warehouse, settings, only).toPandas()),
        lambda: found.update(counted=_having(known, clip_id=ids).toPandas()),
    )
    came, was = found["came"], found["counted"][["clip_id", "genre"]]
    was = was[was["clip_id"].isin(ids)]
    now = dict(zip(came["clip_id"], came["genre"], strict=True))
    if any(now.get(clip) != genre for clip, genre in zip(was["clip_id"], was["genre"], strict=True)):
        return None  # a clip that is counted has gone or changed
    came = came[~came["clip_id"].isin(was["clip_id"])].sort_values("clip_id", ignore_index=True)
    return _without_nan(came), added["features"].files


def _without_nan(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.astype(object).mask(rows.isna(), None)


def dealt(
    warehouse: Warehouse,
    settings: Settings,
    run: Run,
    model: PublishedModel,
    kept: Kept,
    came: pd.DataFrame,
    gone: set[str],
) -> tuple[pd.DataFrame, int]:
    """Clips that came -> their rows of `summed_clips`, each in the cell of its kin; and how many groups are new.

    Raises NotBySumsError for clips that tie together what was dealt apart.
    """
    if came.empty:
        return pd.DataFrame(columns=schemas.SUMMED_CLIPS.names), 0
    ids = list(came["clip_id"])
    groups = folds.joined_groups(ids, list(came["group_id"]), list(came["recording"]))
    units = folds.unit_keys(ids, groups)
    kin = _kin(warehouse, came, units, gone)
    names = {unit: digest.unit_digest(unit) for unit in set(units)}
    related: dict[str, set[tuple[str, int]]] = defaultdict(set)
    of_unit, of_recording = kin.groupby("unit"), kin.groupby("recording")
    for unit, recording in zip(units, came["recording"], strict=True):
        for group, key in ((of_unit, names[unit]), (of_recording, digest.unit_digest(str(recording)))):
            if key in group.groups:
                mine = group.get_group(key)
                related[unit] |= set(zip(mine["unit"], mine["cell"].astype(int), strict=True))
    tied = sorted(unit for unit, ways in related.items() if len(ways) > 1)
    if tied:
        raise NotBySumsError(f"clips that came tie together groups of others ({len(tied)} times)")
    cell_of = {unit: cell for unit, ways in related.items() for _, cell in ways}
    names |= {unit: name for unit, ways in related.items() for name, _ in ways}
    cells = _cells(came, units, groups, cell_of, kept, model, settings.evaluation.seed)
    count = max(1, min(sums.MOST_PIECES, len(came) // (kept.cells * sums.PIECE_CLIPS)))
    rows = sums.clip_rows(
        came, [names[unit] for unit in units], run.run_id, cells.tolist(), folds.pieces(units, count).tolist()
    )
    return rows, len(set(units) - set(related))


def _kin(warehouse: Warehouse, came: pd.DataFrame, units: Sequence[str], gone: set[str]) -> pd.DataFrame:
    """Rows of `summed_clips` that share an artist or a recording with clips that came."""
    wanted = {"unit": set(units), "recording": set(came["recording"])}
    keys = {column: {digest.unit_digest(str(value)) for value in values} for column, values in wanted.items()}
    kin = _having(warehouse.read(sums.CLIPS), **keys).toPandas()
    kin = kin[kin["unit"].isin(keys["unit"]) | kin["recording"].isin(keys["recording"])]
    return kin[~kin["clip_id"].isin(gone)]


def _having(rows: DataFrame, **values: Iterable[str]) -> DataFrame:
    """Rows with one of the values in one of the columns, by a hash of 64 bits: a few others may be among them.

    Numbers are looked up in a fraction of the time of their texts.
    """
    found, columns = rows, rows.columns
    for column, wanted in values.items():
        keys = rows.sparkSession.createDataFrame([(one,) for one in sorted(wanted)], "value string")
        keys = keys.select(F.xxhash64("value").alias(f"hash_{column}"), F.lit(True).alias(f"has_{column}")).distinct()
        found = found.withColumn(f"hash_{column}", F.xxhash64(column)).join(F.broadcast(keys), f"hash_{column}", "left")
    return found.where(reduce(or_, (F.col(f"has_{column}") for column in values))).select(*columns)


def _cells(
    came: pd.DataFrame,
    units: Sequence[str],
    groups: Sequence[str | None],
    cell_of: Mapping[str, int],
    kept: Kept,
    model: PublishedModel,
    seed: int,
) -> Ints:
    """By artist where one is known, else in blocks of neighbours: as a fit deals them."""
    ids, genres = list(came["clip_id"]), list(came["genre"])
    if any(group is not None for group in came["group_id"]):
        _, of_clips = kept.by_cell(model.genres)
        counts = {genre: [cell.targets[g] for cell in of_clips] for g, genre in enumerate(model.genres)}
        return folds.dealt_further(ids, units, genres, cell_of, counts, seed)
    blocks = folds.blocks([str(path) for path in came["path"]], ids, groups, genres, kept.cells)
    return np.asarray([cell_of.get(unit, block) for unit, block in zip(units, blocks.tolist(), strict=True)])


def _columns(data: Training | None) -> Floats | None:
    """The mean columns of every clip."""
    return None if data is None else vectors.clip_columns(data, {MAIN: data.design})[MAIN]


def _rows(
    warehouse: Warehouse,
    settings: Settings,
    model: PublishedModel,
    members: pd.DataFrame,
    wanted: pd.DataFrame,
    files: Sequence[str],
) -> Training | None:
    """The training rows of the clips to count, and of those whose altered copies are wanted; None for no clips.

    `files` are data files that they are probably in.
    """
    if wanted.empty:
        data = None if members.empty else vectors.few(warehouse, settings, members, model.genres, files)
        if members.empty or data is not None:
            return data
    ids = sorted({*members["clip_id"], *wanted["clip_id"]})
    only = warehouse.spark.createDataFrame([(clip,) for clip in ids], ONE)
    return vectors.training(warehouse, settings, only=only, genres=model.genres)


def counted(changes: Changes, kept: Kept, data: Training | None) -> tuple[Changes, dict[Key, Slot]]:
    """One pass over the rows of these slots -> the changes that are described, and the slots as they are now.

    Raises NotBySumsError where a clip of the sums has no rows any more.
    """
    here = set() if data is None else set(data.clips["clip_id"])
    came = changes.came[changes.came["clip_id"].isin(here)]
    changes = replace(changes, came=came, new_groups=changes.new_groups if len(came) == len(changes.came) else -1)
    lost = set(changes.stay["clip_id"]) - here
    if lost:
        raise NotBySumsError(f"{len(lost)} clips in the sums are not described any more")
    keys, members = changes.keys, changes.members
    if not keys:
        return changes, {}
    first = next(iter(kept.slots.values()))
    genres, columns = first.genres if data is None else data.genres, first.moments.columns
    if members.empty or data is None:
        nothing = Moments.empty(columns, len(genres))
        return changes, {key: Slot("", genres, nothing, nothing, "") for key in keys}
    number = {key: at for at, key in enumerate(keys)}
    placed = zip(*(members[name].tolist() for name in ("clip_id", *sums.KEY)), strict=True)
    slot_of = {clip: number[batch, cell, piece] for clip, batch, cell, piece in placed}
    at = np.asarray([slot_of.get(clip, -1) for clip in data.clips["clip_id"]], dtype=np.int64)
    found = vectors.sums(data, at, len(keys), {MAIN: data.design}, of_clips=True)
    told = sums.digests(members)
    return changes, {
        key: Slot("", genres, rows, of_clips, told.get(key, ""))
        for key, rows, of_clips in zip(keys, found[MAIN], found[OF_CLIPS + MAIN], strict=True)
    }


def solved(
    kept: Kept, model: PublishedModel, settings: Settings, spreads: Sequence[Spread] | None
) -> tuple[Fit, Layer]:
    """Sums -> coefficients and decision, with lambda, temperature, threshold and kind of `model`.

    Raises NotBySumsError where a genre has no clip left, or where there are too few cells to learn a decision from.
    """
    parts, of_clips = kept.by_cell(model.genres)
    left = sum(part.targets for part in of_clips)
    empty = [genre for genre, clips in zip(model.genres, np.asarray(left).tolist(), strict=True) if clips == 0]
    if empty:
        raise NotBySumsError(f"no clip of {', '.join(empty)} is left")
    nobody = np.empty(0, dtype=np.int64)
    learner = Learner(
        parts,
        nobody,
        np.empty((0, parts[0].columns)),
        nobody,
        spread=vectors.penalty(spreads, settings),
        kind=model.decision.kind,
        lam=model.lam,
        of_clips=of_clips,
        shrinkage=settings.model.mean_shrinkage,
    )
    lesson = learner.filled(Lesson(tuple((cell,) for cell in range(kept.cells)), ()))
    try:
        layer = learner.undecided(lesson, model.lam)
        fit = learner.fit(lesson.cells, model.lam)
    except ModelError as error:
        raise NotBySumsError(str(error)) from error
    return fit, layer.at(temperature=model.decision.temperature, threshold=model.decision.threshold)


def _spreads(warehouse: Warehouse, data: Training | None, changes: Changes, cells: int) -> Sequence[Spread] | None:
    """What altered copies tell of each cell; None where there are none."""
    if data is None or data.copies is None:
        return None
    ids = warehouse.spark.createDataFrame([(clip,) for clip in data.clips["clip_id"]], ONE)
    known = warehouse.read(sums.CLIPS).join(F.broadcast(ids), "clip_id", "left_semi").select("clip_id", "cell")
    cell_of = {row["clip_id"]: int(row["cell"]) for row in known.collect()}
    cell_of |= dict(zip(changes.came["clip_id"], changes.came["cell"].astype(int), strict=True))
    at = np.asarray([cell_of.get(clip, -1) for clip in data.clips["clip_id"]], dtype=np.int64)
    return copies.spread_parts(data, at, cells)


def _transform(settings: Settings) -> Transform:
    return Transform(catalogue.model_names(settings.model.feature_set), settings.model.transform)


def _name(model: PublishedModel, kept: Kept, copied: str | None) -> str:
    stays = {"lambda": model.lam, "decision": model.decision.kind, "temperature": model.decision.temperature}
    stays |= {"threshold": model.decision.threshold, "copies": copied}
    return digest.updated_model_id(kept.design, kept.digest, stays)


def _source(warehouse: Warehouse, settings: Settings, model: PublishedModel, kept: Kept, changes: Changes) -> Source:
    """Where the new model comes from; groups are counted anew unless clips came only."""
    if changes.went.empty and not changes.came.empty and changes.new_groups >= 0:
        groups = model.training.groups + changes.new_groups
    else:
        went, came = (
            warehouse.spark.createDataFrame([(value,) for value in sorted(set(rows[column]))], f"{column} string")
            for rows, column in ((changes.went, "clip_id"), (changes.came, "unit"))
        )
        stay = warehouse.read(sums.CLIPS).join(F.broadcast(went), "clip_id", "left_anti").select("unit")
        groups = stay.unionByName(came).distinct().count()
    transform = _transform(settings)
    return Source(model.genres, transform, model.feature_set, kept.clips, groups, kept.digest, "sums")


def _listed(warehouse: Warehouse, model: PublishedModel) -> training_clips.Listed:
    """The list of training clips that goes with the model in force. Raises NotBySumsError where it cannot be read."""
    try:
        content = training_clips.read(warehouse.root, model.model_id)
        if content is not None:
            return training_clips.from_parquet(content)
    except TrainingClipsError as error:
        raise NotBySumsError(f"the list of training clips {error}") from None
    raise NotBySumsError("no list of training clips was published with the model in force")
