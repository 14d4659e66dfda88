"""Slides 1 to 9: the question, what digital audio is, which library reads it, the data, how the genres sound."""

from __future__ import annotations

import numpy as np
from pptx.util import Inches

from classically_punk.reporting.charts import Series
from classically_punk.reporting.deck.sheet import (
    HIGH,
    LEFT,
    LEFT_HALF,
    NAME,
    RIGHT_HALF,
    TOP,
    WIDE,
    Sheet,
)
from classically_punk.reporting.findings import Exhibit
from classically_punk.reporting.readers import comparison
from classically_punk.reporting.telling import Column, by_family
from classically_punk.reporting.text import (
    counted,
    duration_text,
    interval_text,
    plain,
    short,
    unit_text,
    value_text,
    with_unit,
)

ROWS = 7  # rows of a table that fit a slide
POINTS = 120  # of a waveform
LABELLED = 24  # every so many of them have their time on the axis: programs do not skip labels alike
SYNTHETIC = "Synthetic corpus: it proves the plumbing, its accuracy means nothing."
DISC_RATE_HZ = 44_100  # of a compact disc, IEC 60908
ASKED = {
    "tempo_bpm": "the beat",
    "tempo_onset_pulse": "how steady the beat is",
    "pitch_class12_share": "share of the commonest note",
    "pitch_chroma_mean": "how full the notes are",
    "timbre_centroid_mean": "brightness",
    "loudness_integrated_lufs": "level",
}
"""What a listener would call the columns that stand first in their family."""
MUST_HEAR = {
    "tempo": "how fast the beat goes",
    "pitch": "which notes are there, and how they go together",
    "timbre": "bright or dark, noise or tone",
    "loudness": "how loud it is, and how much that changes",
}


def question(sheet: Sheet) -> None:
    """What is asked, and the answer in one number."""
    many = len(sheet.f.names)
    slide = sheet.slide(f"Can one straight line per genre tell {many} kinds of music apart?")
    accuracy = sheet.f.find(sheet.main, "accuracy") if sheet.main is not None else None
    lines, top, sources = [], TOP, []
    if accuracy is not None:
        box = (LEFT, TOP, WIDE, Inches(1.6))
        sheet.lines(slide, [value_text("accuracy", accuracy.value)], box=box, size=80)
        top = Inches(3.4)
        lines += [
            f"of {counted(accuracy.n, 'held-out clip')} got their own genre.",
            f"95 % interval {interval_text(accuracy)}; protocol: {accuracy.protocol}.",
        ]
        sources = [sheet.measured("the accuracy", accuracy)]
    elif sheet.f.model:
        lines += ["A model was trained but not evaluated: how often it is right is not known."]
    else:
        lines += ["No model was trained: these slides only tell what was read and described."]
    lines += [f"Guessing blindly, one clip in {many} would be right." if many > 1 else "One genre only."]
    lines += [sheet.f.protocol(accuracy.protocol).caveat] if accuracy is not None else []
    if sheet.f.counts.synthetic:
        lines += [SYNTHETIC]
    sheet.lines(slide, lines, box=(LEFT, top, WIDE, TOP + HIGH - top))
    say = "Shops, radios and playlists sort music into genres every day. We ask how far the plainest model goes."
    sheet.notes(slide, say, *sources)


def digital_audio(sheet: Sheet) -> None:
    """What an audio file holds, on a clip of the corpus."""
    kinds, exhibit = sheet.f.audio, min(sheet.f.exhibits, key=lambda one: one.genre, default=None)
    usual = kinds[0] if kinds else None
    title = "Digital audio is a row of numbers: the pressure of the air, many times a second"
    if usual is not None:
        form = f"{short(usual.container, 12)}, {usual.sample_rate_hz} numbers a second"
        mostly = 2 * usual.clips > sum(one.clips for one in kinds)
        title = f"Digital audio is a row of numbers; here {'mostly' if mostly else 'among others'} {form}"
    slide = sheet.slide(title)
    lines = [
        "A sample is the pressure of the air at one moment.",
        f"Half the rate is the highest tone that fits: {DISC_RATE_HZ // 2} Hz on a disc.",
        "Each bit more is 6 dB more between sound and noise.",
        "Codecs leave out what is hardly heard: MP3, Vorbis, Opus.",
        "A spectrum tells which tones are in it. Most features begin there.",
    ]
    if kinds:
        rest = f" in {counted(len(kinds), 'kind')} of file" if len(kinds) > 1 else ", all of one kind"
        lines.insert(0, f"{counted(sum(one.clips for one in kinds), 'clip')}{rest}.")
    sheet.lines(slide, lines, box=LEFT_HALF, size=22)
    sources = [sheet.source("kinds of files", "clips")] if kinds else []
    if exhibit is None:
        sheet.lines(slide, ["No clip was kept for showing, so no waveform is drawn."], box=RIGHT_HALF, size=20)
    else:
        times, low, high = _envelope(exhibit)
        sheet.chart(
            slide,
            times,
            [Series("highest sample", high), Series("lowest sample", low)],
            axis="amplitude (full scale 1)",
            number_format="0.0",
            line=True,
            across=f"time (s) in {short(exhibit.name, 32)}",
            box=RIGHT_HALF,
        )
        sources.append(f"Waveform of clip {exhibit.clip_id}, kept when its run described it.")
    told = [f"{k.container} {k.codec}, {k.sample_rate_hz} Hz, {k.channels} channels: {k.clips}" for k in kinds[:8]]
    sheet.notes(
        slide,
        "Clap once: the microphone moved, and a converter wrote down where it was, tens of thousands of times.",
        "6.02 dB a bit: W. R. Bennett, “Spectra of quantized signals” (1948); the rate of a disc: IEC 60908.",
        "Measure it yourself in the first notebook.",
        *told,
        *sources,
    )


def library(sheet: Sheet) -> None:
    """What was compared to read music with, by which measure, and what was chosen."""
    table = comparison()
    best, all_forms = table.chosen, len(table.formats)
    slide = sheet.slide(
        f"{best.name} reads {len(best.formats)} of {all_forms} formats; it passes {best.taken} of {best.broken} broken "
        f"files as sound, our checks {table.taken_behind_checks}"
    )
    rows = [
        (
            f"{one.name} {one.version}",
            f"{len(one.formats)} of {all_forms}",
            *(f"{plain(one.ms[form])} ms" if form in one.ms else "–" for form in ("WAV, 16 bits", "FLAC", "MP3")),
            f"{one.taken}" + (f", dies on {one.died}" if one.died else ""),
            one.licence,
        )
        for one in table.libraries
    ]
    head = ("Library", "Formats", "WAV", "FLAC", "MP3", f"Broken taken, of {table.libraries[0].broken}", "Licence")
    sheet.table(slide, head, rows, (2.4, 1.1, 1.1, 1.2, 1.2, 1.7, 3.23), size=14)
    seconds = f"{table.seconds:.0f} s of stereo"
    sheet.foot(slide, f"For {seconds}; measured {table.measured}, {table.machine}")
    sheet.notes(
        slide,
        "Four questions: which formats, how fast, what becomes of broken files, under which licence.",
        f"{best.name} was chosen: every format, its own library inside, and an answer in samples, the same everywhere. "
        "Reading few formats makes it easy to take few broken files.",
        f"Formats: {', '.join(table.formats)}. Broken: the cut, damaged and foreign files of the tests, "
        f"{best.broken} of them; checks before and behind the decoder let {table.taken_behind_checks} through.",
        "pydub and audioread have no decoder of their own for most formats; none was installed.",
        f"Source: readers.json of this version, by scripts/bench readers on {table.measured}; not of this run.",
    )


def data(sheet: Sheet) -> None:
    """Clips by genre."""
    counts = sheet.f.counts
    genres = sorted(sheet.f.genres, key=lambda one: one.genre)
    length = duration_text(sum(one.seconds for one in genres))
    title = f"{counted(counts.clips, 'clip')} described in {counted(len(genres), 'genre')}"
    slide = sheet.slide(f"{title}: {length} (h:mm:ss) with a label")
    alone = [one.genre for one in genres if one.clips < 2]
    if genres:
        sheet.chart(
            slide,
            [one.genre for one in genres],
            [Series("Clips", [one.clips for one in genres])],
            axis="clips",
            number_format="0",
        )
    else:
        sheet.lines(slide, ["No clip has a genre."])
    if alone:
        what = "has one clip: nothing can be held out of it" if len(alone) == 1 else "have one clip each"
        sheet.foot(slide, f"{', '.join(short(name, NAME) for name in alone[:3])} {what}")
    sheet.notes(
        slide,
        "Labels come from the folder or the manifest, and are taken as they are.",
        f"Corpus {sheet.f.corpus_root}; {counts.segments} segments; decoder {sheet.f.decoder}.",
        sheet.source("clips and lengths", "clips"),
        sheet.source("segments", "features"),
    )


def thrown_out(sheet: Sheet) -> None:
    """What could not be used, and why; what was used once only."""
    counts = sheet.f.counts
    out = counts.rejected + counts.skipped
    slide = sheet.slide(
        f"{out} of {counts.seen} files could not be used, each with its reason"
        if out
        else f"All {counts.seen} files could be used"
    )
    told = [
        (counts.duplicates, "the same sound as another file, used once"),
        (counts.near_duplicates, "an altered copy of another clip, kept in its fold"),
        (counts.conflicts, "two genres for one sound, trains nothing"),
        (counts.unlabelled, "no genre, trains nothing"),
    ]
    rows: list[tuple[str, str, str]] = []
    most = sorted(sheet.f.rejects, key=lambda one: (-one.n, one.reason))
    kept = [(what, n) for n, what in told if n]
    room = ROWS - min(len(kept), 3)
    rows += [(one.reason, str(one.n), short(one.detail, 80)) for one in most[:room]]
    rows += [("accepted, but", str(n), what) for what, n in kept[: ROWS - len(rows)]]
    if rows:
        sheet.table(slide, ("Reason", "Files or clips", "For example"), rows, (3.3, 1.7, 6.93))
    else:
        sheet.lines(slide, ["Nothing was rejected, skipped, or held twice."])
    if len(most) > room:
        rest = sum(one.n for one in most[room:])
        sheet.foot(slide, f"and {rest} files with {len(most) - room} other reasons, listed in the report")
    sheet.notes(
        slide,
        "One bad file costs one row, never the run; every file seen is accepted, rejected or skipped.",
        *[f"{n}: {what}." for n, what in told if n],
        sheet.source("reasons", "rejects"),
        sheet.source("files by status", "files"),
        sheet.source("duplicates and conflicts", "clips"),
    )


def family(sheet: Sheet, name: str) -> None:
    """One family of features by genre, in the unit a listener would use."""
    columns = by_family(sheet.f.features).get(name, [])
    if not columns:
        slide = sheet.slide(f"{name.capitalize()} was not measured")
        sheet.lines(slide, [f"No column of {name} stands in the features, so there is nothing to compare."])
        sheet.notes(slide, f"{name.capitalize()}: {MUST_HEAR[name]}.")
        return
    shown = columns[0]
    slide = sheet.slide(_message(name, shown))
    sheet.chart(
        slide,
        [row.genre for row in shown.by_genre],
        [
            Series(
                f"Median of {shown.name}",
                [row.median for row in shown.by_genre],
                [(row.p25, row.p75) for row in shown.by_genre],
            )
        ],
        axis=f"median of clips, with the middle half ({unit_text(shown.unit)})",
        labels=False,
    )
    missing = [genre for genre in sheet.f.names if shown.of(genre) is None]
    if missing:
        sheet.foot(slide, f"not described: {', '.join(short(genre, NAME) for genre in missing[:4])}")
    strongest = max(columns, key=lambda column: column.separation)
    sheet.notes(
        slide,
        f"{name.capitalize()}: {MUST_HEAR[name]}. Shown: {shown.name}, {shown.meaning}, in {unit_text(shown.unit)}; "
        "bars are medians of clips, the lines the middle half of them.",
        f"Of the {len(columns)} columns of this family {strongest.name} ({strongest.meaning}) tells most genres apart: "
        f"{_ends(strongest)}.",
        f"Feature set {sheet.f.feature_set}.",
        sheet.source("medians and quartiles", "features"),
    )


def _message(name: str, column: Column) -> str:
    low, high = column.lowest, column.highest
    what = f"{name.capitalize()}, {ASKED[column.name]}" if column.name in ASKED else name.capitalize()
    if len(column.by_genre) < 2:
        return f"{what}, of {short(low.genre, NAME)}: {with_unit(low.median, column.unit)}"
    return (
        f"{what}: {short(low.genre, NAME)} {with_unit(low.median, column.unit)}, "
        f"{short(high.genre, NAME)} {with_unit(high.median, column.unit)}; {_overlap(column)}"
    )


def _overlap(column: Column) -> str:
    """Whether the middle halves of the genres at both ends overlap."""
    apart = column.lowest.p75 < column.highest.p25
    return "their middle halves do not meet" if apart else "but they overlap"


def _ends(column: Column) -> str:
    low, high = column.lowest, column.highest
    told = [f"{with_unit(row.median, column.unit)} in {short(row.genre, NAME)}" for row in (low, high)]
    return " to ".join(told)


def _envelope(exhibit: Exhibit) -> tuple[list[str], list[float], list[float]]:
    """Times (s, as text, few of them told), lowest and highest samples of up to `POINTS` stretches of a clip."""
    times, low, high = (exhibit.arrays[f"waveform_{kind}"] for kind in ("times_s", "min", "max"))
    parts = np.array_split(np.arange(len(times)), min(POINTS, len(times)))
    return (
        [f"{float(times[part[0]]):.1f}" if at % LABELLED == 0 else "" for at, part in enumerate(parts)],
        [round(float(np.min(low[part])), 4) for part in parts],
        [round(float(np.max(high[part])), 4) for part in parts],
    )
