"""Slides 10 to 13: how a regression per genre decides on a clip, how good that is, beside what, where it fails."""

from __future__ import annotations

from pptx.util import Inches

from classically_punk.reporting.charts import LYING, Series
from classically_punk.reporting.deck.sheet import (
    HIGH,
    LEFT,
    LEFT_HALF,
    NAME,
    RIGHT_HALF,
    TOP,
    WIDE,
    Sheet,
    interval,
)
from classically_punk.reporting.examined import Judgement
from classically_punk.reporting.findings import MetricRow
from classically_punk.reporting.literature import CEILING, COMPARED
from classically_punk.reporting.text import counted, interval_text, percent, plain, short, value_text

PUSHES = 8  # groups of features on a chart
PAIRS = 6
HERE = {
    "chance": "Guessing",
    "majority": "Most frequent genre",
    "least-squares": "Plain least squares",
    "logistic": "Logistic regression",
    "random-forest": "Random forest",
    "svm": "Support vector machine",
}


def one_clip(sheet: Sheet) -> None:
    """From scores to an answer, on the first clip shown."""
    judged = next(iter(sorted(sheet.f.examined.shown, key=lambda one: (one.genre, one.clip_id))), None)
    model = sheet.f.model
    if judged is None or model is None:
        slide = sheet.slide("How it decides: one regression a genre, the clip gets the mean of its segments")
        why = "No held-out answer to a clip stands in the tables." if model else "No model was trained."
        sheet.lines(slide, [why, "Training needs at least two genres with clips."])
        sheet.notes(slide, "A score is the genre's mean plus a sum: coefficient times standing, over all features.")
        return
    slide = sheet.slide(_decided(judged))
    genres = sorted(judged.scores, key=lambda genre: -judged.scores[genre])
    many = len(genres) > LYING
    reason = next((one for one in judged.reasons if one.genre == judged.best), None)
    wide = many or reason is None
    height = HIGH // 2 if many and reason is not None else HIGH
    sheet.chart(
        slide,
        genres,
        [Series("score held out", [judged.scores[genre] for genre in genres])],
        axis="score of each genre's regression (its own clips aim at 1, others at 0)",
        number_format="0.00",
        box=(LEFT, TOP, WIDE, height) if wide else LEFT_HALF,
    )
    if reason is not None:
        pushes = sorted(reason.pushes, key=lambda one: -abs(one.push))[:PUSHES]
        sheet.chart(
            slide,
            [f"{one.family}: {one.group}".replace("_", " ") for one in pushes],
            [Series("push", [one.push for one in pushes])],
            axis=f"push towards {short(reason.genre, NAME)}, from the mean clip",
            number_format="+0.00;-0.00",
            box=(LEFT, TOP + height, WIDE, HIGH - height) if many else RIGHT_HALF,
        )
    sheet.foot(slide, f"{model.columns} features a segment, {counted(len(model.r2), 'regression')}; {judged.name}")
    examined = sheet.f.examined
    sheet.notes(
        slide,
        "Each genre has one straight line through all features. A segment's score is a sum; the clip gets the mean of "
        "its segments; a decision layer turns scores into a genre and a confidence.",
        f"Clip {judged.clip_id} of {judged.genre}; the first by genre of those shown. Confidence "
        f"{percent(judged.confidence)}.",
        sheet.source("the scores", "predictions", examined.run_id),
        *(
            [
                "The pushes are those of the published model, which has learnt from this clip too; the scores come "
                "from a model that has not.",
                sheet.source("the pushes", "models", model.run_id),
                *reason.words,
            ]
            if reason is not None
            else ["Why is not told: features of this clip are missing."]
        ),
        f"Model {model.model_id}, decision {model.decision}, lambda {plain(model.lambda_)}, trained on "
        f"{counted(model.training_clips, 'clip')} in {counted(model.training_groups, 'group')}.",
    )


def how_good(sheet: Sheet) -> None:
    """Recall per genre with intervals, under the strictest protocol."""
    accuracy = sheet.f.find(sheet.main, "accuracy") if sheet.main is not None else None
    if accuracy is None or sheet.main is None:
        slide = sheet.slide("How good it is was not measured")
        sheet.lines(slide, ["No evaluation stands in the tables, so no figure is shown."])
        return
    slide = sheet.slide(
        f"{value_text('accuracy', accuracy.value)} right under {sheet.main}, 95 % interval {interval_text(accuracy)}"
    )
    found = [(name, row) for name in sheet.f.names if (row := sheet.f.find(sheet.main, "recall", name))]
    if found:
        sheet.chart(
            slide,
            [name for name, _ in found],
            [Series("recall", [row.value for _, row in found], [interval(row) for _, row in found])],
            axis="recall: share of a genre's clips found, with 95 % intervals",
            number_format="0%",
            share=True,
        )
    missing = [name for name in sheet.f.names if name not in {known for known, _ in found}]
    foot = f"n = {counted(accuracy.n, 'clip')}; run {short(accuracy.run_id, 40)} {sheet.f.date_of(accuracy.run_id)}"
    if missing:
        foot += f"; not judged: {', '.join(short(name, NAME) for name in missing[:3])}"
    sheet.foot(slide, foot)
    rows = [row for name in sheet.f.evaluated if (row := sheet.f.find(name, "accuracy")) is not None]
    sheet.notes(
        slide,
        "The mean hides the genres: read the shortest bar, and the widest line.",
        *[
            f"{row.protocol}: accuracy {value_text('accuracy', row.value)} {interval_text(row)}, n = {row.n}, "
            f"run {row.run_id}. {sheet.f.protocol(row.protocol).description} {sheet.f.protocol(row.protocol).caveat}"
            for row in rows
        ],
        sheet.measured("recall by genre", found[0][1] if found else accuracy),
    )


def beside_others(sheet: Sheet) -> None:
    """Beside guessing, other models on the same clips, people, and what others published."""
    own = sheet.f.find(sheet.main, "accuracy") if sheet.main is not None else None
    measured = sheet.f.conditions("baseline", sheet.main) if sheet.main is not None else []
    here = [(HERE[name], row) for name, row in measured if name in HERE]
    told: list[tuple[str, MetricRow]] = sorted(here, key=lambda pair: pair[1].value or 0.0)
    if own is not None and own.value is not None:
        told.append(("This model", own))
    names = [name for name, _ in told] + [one.who for one in COMPARED]
    values: list[float | None] = [row.value for _, row in told]
    others = [one.share for one in COMPARED]
    if own is None:
        title = "Beside others it cannot stand: nothing was measured here"
    else:
        least = min(COMPARED, key=lambda one: one.share)
        guess = next((row for name, row in here if name == HERE["chance"]), None)
        beside = f", guessing {value_text('accuracy', guess.value)}" if guess is not None else ""
        title = f"This model {value_text('accuracy', own.value)}{beside}; others report {percent(least.share)} and more"
    slide = sheet.slide(title)
    sheet.chart(
        slide,
        names,
        [
            Series(
                "measured here, same clips",
                [*values, *[None] * len(others)],
                [*[interval(row) for _, row in told], *[None] * len(others)],
            ),
            Series("published elsewhere, other clips and protocol", [*[None] * len(told), *others]),
        ],
        axis="share of clips given their own genre",
        number_format="0%",
        share=True,
    )
    if own is not None and sheet.f.counts.synthetic:
        sheet.foot(slide, "Synthetic clips are easy: their bars say nothing about music")
    else:
        sheet.foot(slide, "Bars of both colours are not one race: other clips, other protocols")
    sheet.notes(
        slide,
        "Only bars of one colour may be compared with each other.",
        *[
            sheet.measured(f"{name}, {value_text('accuracy', row.value)} {interval_text(row)}", row)
            for name, row in told
        ],
        *[f"{one.who}: {percent(one.share)}; {one.what}. Source: {one.source}." for one in COMPARED],
        f"{CEILING.who}: labels that are wrong keep even a perfect listener from all right answers.",
    )


def where_it_fails(sheet: Sheet) -> None:
    """The weakest genre and what it is taken for, and the pairs most often confused."""
    found = sheet.f.confusion(sheet.main) if sheet.main is not None else None
    recalls = [row for name in sheet.f.names if (row := sheet.f.find(sheet.main or "", "recall", name)) is not None]
    told = [(row.value, row) for row in recalls if row.value is not None]
    if found is None or sheet.main is None or not told:
        slide = sheet.slide("Where it fails was not measured")
        sheet.lines(slide, ["No confusion matrix stands in the tables: which genres it mixes up is not known."])
        return
    names, counts = found
    worst = min(told, key=lambda pair: (pair[0], pair[1].genre or ""))[1]
    genre = worst.genre or ""
    line = counts[names.index(genre)] if genre in names else counts.sum(axis=0) * 0
    others = [(int(n), name) for n, name in zip(line, names, strict=True) if name != genre and n]
    share, clips = value_text("recall", worst.value), counted(int(line.sum()), "clip")
    title = f"Weakest: {short(genre, NAME)}, {share} of its {clips} found"
    if others:
        n, taken_for = max(others, key=lambda pair: (pair[0], pair[1]))
        title += f"; {n} taken for {short(taken_for, NAME)}"
    slide = sheet.slide(title)
    many = len(names) > LYING
    sheet.chart(
        slide,
        names,
        [Series(f"Clips of {short(genre, NAME)}", [int(n) for n in line])],
        axis=f"clips of {short(genre, NAME)}, by decided genre",
        number_format="0",
        box=(LEFT, TOP, WIDE, HIGH // 2) if many else LEFT_HALF,
    )
    pairs = sorted(
        ((int(counts[i, j]), names[i], names[j]) for i in range(len(names)) for j in range(len(names)) if i != j),
        key=lambda one: (-one[0], one[1], one[2]),
    )
    wrong = [one for one in pairs if one[0]][:PAIRS]
    lines = [f"{n} of {short(true, NAME)} taken for {short(decided, NAME)}" for n, true, decided in wrong]
    box = (LEFT, TOP + HIGH // 2 + Inches(0.1), WIDE, HIGH // 2 - Inches(0.1)) if many else RIGHT_HALF
    sheet.lines(
        slide, ["Most often confused:", *lines] if lines else ["No clip was given a wrong genre."], box, size=20
    )
    sheet.notes(
        slide,
        "Genres that share players, instruments and studios are told apart last.",
        f"Recall of {genre}: {value_text('recall', worst.value)} {interval_text(worst)}.",
        sheet.measured("the weakest recall", worst),
        sheet.source(f"the confused pairs (confusion, {sheet.main})", "metrics", worst.run_id),
    )


def _decided(judged: Judgement) -> str:
    answer = (
        f"{short(judged.best, NAME)} scores best"
        if judged.best == max(judged.scores, key=lambda genre: judged.scores[genre])
        else f"{short(judged.best, NAME)} is nearest to all scores together"
    )
    unsure = ", too unsure to say so" if judged.predicted is None else ""
    verdict = "and that is right" if judged.right else f"but it is {short(judged.genre, NAME)}"
    return f"One clip, a score per genre: {answer} ({percent(judged.confidence)} sure{unsure}), {verdict}"
