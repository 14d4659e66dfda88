"""The tables: columns, types and what each means. `features` derives its columns from the catalogue."""

from __future__ import annotations

from functools import cache

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DataType,
    DoubleType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from classically_punk.features import catalogue

STRING, LONG, INTEGER, DOUBLE = StringType(), LongType(), IntegerType(), DoubleType()
BINARY, TIME = BinaryType(), TimestampType()
# Delta knows no NOT NULL inside arrays and maps
STRINGS, DOUBLES, INTEGERS = ArrayType(STRING), ArrayType(DOUBLE), ArrayType(INTEGER)
NAMED_DOUBLES = MapType(STRING, DOUBLE)


def _column(name: str, kind: DataType, comment: str) -> StructField:
    return StructField(name, kind, True, {"comment": comment})


FILES = StructType(
    [
        _column("path", STRING, "absolute path; bytes that are not UTF-8, and the backslash, as \\xNN"),
        _column("path_bytes", BINARY, "absolute path, the bytes that are opened"),
        _column("size_bytes", LONG, "size when last seen [bytes]"),
        _column("modified_at", TIME, "modification time when last seen [UTC]"),
        _column("content_sha256", STRING, "SHA-256 of the bytes, hex; null where they were never read"),
        _column("status", STRING, "accepted, rejected, skipped or gone"),
        _column("clip_id", STRING, "the clip this file holds; null where it holds none"),
        _column("reason", STRING, "reason code; null for a file that is simply accepted"),
        _column("genre", STRING, "label of this file, from its folder or the manifest"),
        _column("group_id", STRING, "artist or session, from the manifest"),
        _column("split", STRING, "part of a published split, from the manifest"),
        _column("reader_digest", STRING, "decoder versions and limits that judged this file; null if never opened"),
        _column("last_run_id", STRING, "the last run that changed this row"),
    ]
)

CLIPS = StructType(
    [
        _column("clip_id", STRING, "SHA-256 of the file's bytes, hex"),
        _column("audio_sha256", STRING, "SHA-256 of sample rate and mono mix: the same audio in any container"),
        _column("duplicate_of", STRING, "clip_id of the first clip with the same audio; null for the first itself"),
        _column("near_duplicate_of", STRING, "clip_id of the first clip with the same recording, altered; else null"),
        _column("path", STRING, "a file that holds this clip: the smallest path of those present"),
        _column("genre", STRING, "label; null for unlabelled or in conflict"),
        _column("group_id", STRING, "artist or session; null = a group of its own"),
        _column("split", STRING, "part of a published split; null if none"),
        _column("duration_s", DOUBLE, "duration as decoded [s]"),
        _column("sample_rate_hz", INTEGER, "the file's own sample rate [Hz]; described at 22050"),
        _column("channels", INTEGER, "channels in the file; described as their mean"),
        _column("container", STRING, "container format"),
        _column("codec", STRING, "sample encoding"),
        _column("warnings", STRINGS, "codes of what is odd about an accepted clip"),
        _column("decoder", STRING, "what read it: decoder, down-mix and resampler with versions"),
        _column("ingested_at", TIME, "start of the run that first read it [UTC]"),
        _column("run_id", STRING, "the run that first read it"),
    ]
)

REJECTS = StructType(
    [
        _column("path", STRING, "absolute path, as in files"),
        _column("reason", STRING, "reason code"),
        _column("detail", STRING, "what was found, and what was needed"),
        _column("stage", STRING, "inventory, decode, describe or feedback"),
        _column("run_id", STRING, "the run that found it"),
    ]
)

FINGERPRINTS = StructType(
    [
        _column("clip_id", STRING, "the clip"),
        _column("definition", STRING, "name of the definition behind these words"),
        _column("words", BINARY, "32 bits a frame of 512 samples at 22050 Hz, first minute; little-endian, no audio"),
        _column("sketch", INTEGERS, "words the clip is looked up by: the distinct ones of the smallest hash"),
    ]
)

SUMS = StructType(
    [
        _column("batch", STRING, "the run whose clips these are the sums of"),
        _column("cell", INTEGER, "the cell of cross-validation that they were dealt into"),
        _column("piece", INTEGER, "the part of that cell: what is counted anew when one of its clips goes"),
        _column("model_id", STRING, "the model that these sums first went into"),
        _column("design", STRING, "digest of feature set, transform and model settings"),
        _column("genres", STRINGS, "genres, in the order of the classes in the sums"),
        _column("columns", INTEGER, "columns p that the sums are over"),
        _column("rows", LONG, "training rows added up"),
        _column("clips", LONG, "clips they are of"),
        _column("clips_digest", STRING, "digest of these clips with genre and group"),
        _column(
            "moments", BINARY, "float64: weight, rows, means p, packed centred second moments, targets g, cross p g"
        ),
        _column("of_clips", BINARY, "the same over the clips' mean columns; null where each clip is one row"),
        _column("run_id", STRING, "the run that counted them"),
    ]
)

SUMMED_CLIPS = StructType(
    [
        _column("clip_id", STRING, "a clip that is in sums"),
        _column("genre", STRING, "the label it was counted under"),
        _column("unit", STRING, "digest of what is never split: its artist, session or recording"),
        _column("recording", STRING, "digest of what near-duplicates share"),
        _column("batch", STRING, "key of its row in sums"),
        _column("cell", INTEGER, "key of its row in sums"),
        _column("piece", INTEGER, "key of its row in sums"),
    ]
)

WITHDRAWN = StructType(
    [
        _column("clip_id", STRING, "SHA-256 of bytes that are never taken in again"),
        _column("audio_sha256", STRING, "SHA-256 of audio that is never taken in again; null where it had none"),
        _column("withdrawn_at", TIME, "when it was withdrawn [UTC]"),
        _column("run_id", STRING, "the run that took it out"),
    ]
)

MODELS = StructType(
    [
        _column("model_id", STRING, "digest of training clips, labels, feature set, settings and seed"),
        _column("schema_version", INTEGER, "version of this layout"),
        _column("genre", STRING, "the genre whose 0/1 target this regression was fitted on"),
        _column("intercept", DOUBLE, "score at the mean of every feature [score]"),
        _column("coefficients", DOUBLES, "per standard deviation of each feature [score]"),
        _column("transform", STRING, "what makes the columns from features, as JSON; null = they are the features"),
        _column("feature_names", STRINGS, "columns that the coefficients belong to, in their order"),
        _column("means", DOUBLES, "weighted mean of each feature [its unit]"),
        _column("scales", DOUBLES, "weighted population standard deviation of each feature [its unit]"),
        _column("clip_low", DOUBLES, "lower bound of standardised values; null = not clipped [sd]"),
        _column("clip_high", DOUBLES, "upper bound of standardised values; null = not clipped [sd]"),
        _column("dropped", STRINGS, "constant columns, which were left out"),
        _column("lambda", DOUBLE, "ridge strength, the same for every genre; 0 = plain least squares"),
        _column("fitted_by", STRING, "mllib, or sums for a model updated by added or withdrawn clips"),
        _column("r2", DOUBLE, "weighted share of variance explained on the training segments"),
        _column("intercept_standard_error", DOUBLE, "cluster-robust by group; null where not defined [score]"),
        _column("intercept_t", DOUBLE, "t value of the intercept; null where not defined"),
        _column("intercept_p", DOUBLE, "two-sided p value of the intercept; null where not defined"),
        _column("standard_errors", DOUBLES, "of coefficients, cluster-robust by group; null where not defined"),
        _column("t_values", DOUBLES, "t values of coefficients; null where not defined"),
        _column("p_values", DOUBLES, "two-sided p values of coefficients; null where not defined"),
        _column(
            "decision",
            StructType(
                [
                    StructField("kind", STRING),
                    StructField("means", ArrayType(DOUBLES)),
                    StructField("covariance", ArrayType(DOUBLES)),
                    StructField("temperature", DOUBLE),
                    StructField("threshold", DOUBLE),
                ]
            ),
            "how scores become a genre and a confidence",
        ),
        _column("feature_set", STRING, "feature set as name@digest"),
        _column("segment_s", DOUBLE, "length of the segments it was fitted on [s]"),
        _column("training_clips", LONG, "clips it was fitted on"),
        _column("training_groups", LONG, "groups of recordings among them"),
        _column("condition_number", DOUBLE, "of the correlation matrix of the features"),
        _column("training_digest", STRING, "digest of training clips and labels"),
        _column("published_at", TIME, "when it was published [UTC]"),
        _column("run_id", STRING, "the run that fitted it"),
    ]
)

PREDICTIONS = StructType(
    [
        _column("run_id", STRING, "the run that made it"),
        _column("model_id", STRING, "the model whose settings were judged"),
        _column("protocol", STRING, "how training and judged clips were kept apart"),
        _column("fold", INTEGER, "the fold this clip was judged in"),
        _column("clip_id", STRING, "the clip"),
        _column("genre", STRING, "its label; null where nobody has told (protocol classify)"),
        _column("best", STRING, "the genre with the best score"),
        _column("predicted", STRING, "best, or null for not sure"),
        _column("confidence", DOUBLE, "probability of best [0-1]"),
        _column("scores", NAMED_DOUBLES, "raw regression score of each genre"),
    ]
)

METRICS = StructType(
    [
        _column("run_id", STRING, "the run that measured it"),
        _column("model_id", STRING, "the model whose settings were judged"),
        _column("protocol", STRING, "how training and judged clips were kept apart"),
        _column("condition", STRING, "null = the published kind of model on the clips as they are"),
        _column("evaluation_digest", STRING, "digest of protocol, split, seed, folds and decision"),
        _column("metric", STRING, "accuracy, precision, recall, f1, r2, confusion, …"),
        _column("genre", STRING, "the genre it is about; null = all"),
        _column("predicted_genre", STRING, "for confusion: the genre that was answered"),
        _column("value", DOUBLE, "the number; shares as 0-1; null where it is not defined"),
        _column("low", DOUBLE, "lower end of the 95 % bootstrap interval over groups"),
        _column("high", DOUBLE, "upper end of the 95 % bootstrap interval over groups"),
        _column("n", LONG, "clips behind the number"),
    ]
)

RUNS = StructType(
    [
        _column("run_id", STRING, "the run; every commit of its tables carries it"),
        _column("job", STRING, "the job that ran"),
        _column("started_at", TIME, "start [UTC]"),
        _column("ended_at", TIME, "end [UTC]; null while it runs, or if it was killed"),
        _column("state", STRING, "running, done, gate (finished, but a gate failed), failed, or lost (killed)"),
        _column("detail", STRING, "why it failed; null otherwise"),
        _column("versions", MapType(STRING, STRING), "versions of everything that shapes a number"),
        _column("configuration_digest", STRING, "digest of every value of the configuration"),
        _column("counts", MapType(STRING, LONG), "what was seen, accepted, rejected, described, …"),
        _column("seconds", NAMED_DOUBLES, "wall time of each stage [s]"),
    ]
)


@cache
def features() -> StructType:
    """Schema of `features`: keys, then a double column per scalar of the catalogue, meaning and unit in its comment."""
    keys = [
        _column("clip_id", STRING, "the clip"),
        _column("segment", INTEGER, "-1 = the whole clip; 0, 1, … = segments side by side"),
        _column("start_s", DOUBLE, "start of the segment [s]"),
        _column("duration_s", DOUBLE, "duration of the segment [s]"),
        _column("genre", STRING, "label of the clip; null for unlabelled or in conflict"),
        _column("feature_set", STRING, "name@digest of the definitions behind this row"),
    ]
    scalars = [_column(c.name, DOUBLE, _comment(c)) for c in catalogue.columns("punk")]
    return StructType(keys + scalars)


def altered_features() -> StructType:
    """Schema of `altered_features`: the columns of `features`, and which alteration of the clip the row describes."""
    how = _column("alteration", STRING, "what became of the sound before it was described, step by step; see audio")
    return StructType([*features().fields, how])


def _comment(column: catalogue.Column) -> str:
    published = f"; published: {column.published}" if column.published else ""
    return f"{column.meaning}{published} [{column.unit}]"


def tables() -> dict[str, StructType]:
    """Every table of the warehouse by name."""
    return {
        "files": FILES,
        "clips": CLIPS,
        "rejects": REJECTS,
        "features": features(),
        "altered_features": altered_features(),
        "fingerprints": FINGERPRINTS,
        "sums": SUMS,
        "summed_clips": SUMMED_CLIPS,
        "withdrawn": WITHDRAWN,
        "models": MODELS,
        "predictions": PREDICTIONS,
        "metrics": METRICS,
        "runs": RUNS,
    }
