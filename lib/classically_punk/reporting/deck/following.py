"""Slides 14 to 20: what follows for listeners, artists and the business; assumptions, risks, production, next steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pptx.util import Inches

from classically_punk.reporting.charts import Series
from classically_punk.reporting.deck.sheet import HIGH, LEFT, NAME, RIGHT_HALF, TOP, WIDE, Sheet
from classically_punk.reporting.findings import Findings, MetricRow
from classically_punk.reporting.text import counted, interval_text, percent, plain, short, value_text

NARROW = Inches(4.6)
SIDE = (LEFT, TOP, NARROW, HIGH)
BESIDE = (LEFT + NARROW, TOP, WIDE - NARROW, HIGH)


def listeners_and_artists(sheet: Sheet) -> None:
    """Who pays for a wrong genre."""
    main = sheet.main or ""
    recalls = _told(sheet, main, "recall")
    precisions = _told(sheet, main, "precision")
    lines, sources = [], []
    title = "A wrong genre hides an artist, and shows a listener the wrong shelf"
    if recalls:
        weakest = min(recalls, key=lambda row: (row.value or 0.0, row.genre or ""))
        name, found = short(weakest.genre or "", NAME), percent(weakest.value or 0.0)
        title = f"A wrong genre hides the artist: only {found} of {name} is found on its own shelf"
        if weakest.value == 1.0:
            title = "A wrong genre hides the artist; here every held-out clip was found on its own shelf"
        lines.append(f"Hidden: of {name}, the weakest genre, {found} is found.")
        sources.append(sheet.measured("the weakest recall", weakest))
    if precisions:
        mixed = min(precisions, key=lambda row: (row.value or 0.0, row.genre or ""))
        lines.append(
            f"Mislabelled: what is called {short(mixed.genre or '', NAME)} is {short(mixed.genre or '', NAME)} in "
            f"{percent(mixed.value or 0.0)} of cases."
        )
        sources.append(sheet.measured("the weakest precision", mixed))
    genres = sorted(sheet.f.genres, key=lambda one: (one.clips, one.genre))
    if genres:
        least, most = genres[0], genres[-1]
        shares = (
            f"Every genre has {counted(least.clips, 'clip')} here"
            if least.clips == most.clips
            else f"Under-represented: {counted(least.clips, 'clip')} of {short(least.genre, NAME)} beside {most.clips} "
            f"of {short(most.genre, NAME)}"
        )
        lines.append(f"{shares}; music of no genre here is forced into one.")
        sources.append(sheet.source("clips by genre", "clips"))
    lines += [
        "Filter bubbles: what was shelved together is played together, and the shelf confirms itself.",
        "A genre belongs to listeners and scenes, not to a recording: artists need a way to object.",
    ]
    slide = sheet.slide(title)
    sheet.lines(slide, lines, size=24)
    sheet.notes(
        slide,
        "Those whose music is already rare are found least: a mean would not show it.",
        *sources,
    )


def money(sheet: Sheet) -> None:
    """The cost matrix, and what a threshold for answering costs."""
    costs, main = sheet.f.costs, sheet.main or ""
    levels = [
        (name, row, sheet.f.find(row.protocol, "cost_per_1000", None, f"threshold:{name}"))
        for name, row in _thresholds(sheet, main)
    ]
    priced = [(name, cost) for name, _, cost in levels if cost is not None and cost.value is not None]
    if not priced or costs is None:
        slide = sheet.slide("What answers cost was not measured")
        sheet.lines(slide, ["No cost by threshold stands in the tables; [cost] of the configuration sets what counts."])
        sheet.notes(slide, "A wrong genre costs, and so does a person who listens.")
        return
    best, least = min(priced, key=lambda pair: (pair[1].value or 0.0, pair[0]))
    always = sheet.f.find(main, "cost_per_1000")
    coverage = sheet.f.find(main, "coverage", None, f"threshold:{best}")
    checked = f"; people check {percent(1 - coverage.value)}" if coverage and coverage.value is not None else ""
    slide = sheet.slide(f"Answering from {best} on costs least: {plain(least.value or 0.0)} per 1000 clips{checked}")
    lines = [
        f"A wrong genre costs {plain(costs.wrong)}.",
        *[f"{short(t, NAME)} called {short(a, NAME)}: {plain(cost)}." for t, a, cost in list(costs.pairs)[:4]],
        f"“Not sure” costs {plain(costs.not_sure)}, a person who listens {plain(costs.human_check)}.",
        "A right answer costs nothing. The unit is your own.",
    ]
    if always is not None and always.value is not None:
        lines.append(f"As published: {plain(always.value)} per 1000 {interval_text(always)}.")
    cheapest = sheet.f.find(main, "cost_per_1000", None, "threshold:cheapest")
    if cheapest is not None and cheapest.value is not None:
        lines.append(f"Chosen on training clips alone: {plain(cheapest.value)} {interval_text(cheapest)}.")
    sheet.lines(slide, lines, SIDE, size=20)
    sheet.chart(
        slide,
        [name for name, _ in priced],
        [Series("expected cost per 1000 clips", [cost.value for _, cost in priced])],
        axis="expected cost per 1000 clips (units of [cost])",
        number_format="0",
        line=True,
        across="answer only from this confidence on",
        box=BESIDE,
    )
    if sheet.f.counts.synthetic:
        sheet.foot(slide, "Synthetic clips: the costs show the reckoning, not a business")
    sheet.notes(
        slide,
        "Whoever sets these prices decides; the model only follows. The least point of a curve is luck in part: the "
        "threshold chosen on training clips tells what to expect.",
        *[
            f"From {name} on: {percent((covered.value if covered else 0.0) or 0.0)} answered, "
            f"{value_text('accuracy', row.value)} of these right."
            for name, row, _ in levels
            for covered in [sheet.f.find(row.protocol, "coverage", None, f"threshold:{name}")]
        ],
        sheet.measured("cost by threshold", least),
        "Source of the prices: [cost] of the configuration of this run.",
    )


@dataclass(frozen=True)
class Condition:
    """One thing that must be true before launch: what is known today, and whether it holds (None: not known)."""

    what: str
    today: str
    holds: bool | None
    row: MetricRow | None = None


def conditions(findings: Findings) -> list[Condition]:
    """What would have to be true to launch, held against the tables."""
    main = findings.evaluated[0] if findings.evaluated else ""
    worst, ece = findings.find(main, "worst_recall"), findings.find(main, "ece")
    floor = findings.find(main, "ece_floor")
    controls = [pair for pair in findings.conditions("control") if pair[0] != "raw"]
    apart = main in ("published-split", "published-rotation") or (main == "group-folds" and _grouped(findings))
    told = [
        Condition(
            "Judged on real recordings",
            "synthetic clips" if findings.counts.synthetic else f"{counted(findings.counts.clips, 'clip')}, none made",
            not findings.counts.synthetic and findings.counts.clips > 0,
        ),
        Condition(
            "No artist on both sides of the test",
            (main if apart else f"{main}, no artists known") if main else "nothing was evaluated",
            apart if main else None,
        ),
    ]
    chance = 1 / len(findings.names) if findings.names else 1.0
    if worst is not None and worst.value is not None:
        low = worst.low if worst.low is not None else worst.value
        told.append(
            Condition("Every genre better than guessing", f"weakest {percent(worst.value)}", low > chance, worst)
        )
    else:
        told.append(Condition("Every genre better than guessing", "not measured", None))
    if ece is not None and ece.value is not None and floor is not None and floor.high is not None:
        told.append(
            Condition("Confidence can be believed", f"error {percent(ece.value)}", ece.value <= floor.high, ece)
        )
    else:
        told.append(Condition("Confidence can be believed", "not measured", None))
    limit = findings.max_control_accuracy
    if controls and limit is not None:
        name, row = max(controls, key=lambda pair: pair[1].value or 0.0)
        today = f"{name}: {percent(row.value or 0.0)}, allowed {percent(limit)}"
        told.append(Condition("What is not music tells nothing", today, (row.value or 0.0) <= limit, row))
    else:
        told.append(Condition("What is not music tells nothing", "not measured", None))
    told.append(Condition("Licence and takedown for every recording", "not in the tables", None))
    return told


def launch(sheet: Sheet) -> None:
    """What would have to be true to launch."""
    held = conditions(sheet.f)
    yes = sum(one.holds is True for one in held)
    slide = sheet.slide(f"Ready to launch? {yes} of {len(held)} conditions hold today")
    verdict = {True: "holds", False: "fails", None: "not known"}
    rows = [(one.what, one.today, verdict[one.holds]) for one in held]
    sheet.table(slide, ("Must be true", "Today", "Verdict"), rows, (5.2, 4.9, 1.83), size=18, top=TOP)
    sheet.foot(slide, "Withdrawn recordings leave the model when it is trained again; drift shows in monitoring")
    sheet.notes(
        slide,
        "Licensing: features are derived from recordings; who owns them must allow it, and a takedown must reach the "
        "training set. A clip that is gone is neither trained on nor counted in the next run.",
        "Drift: new music, new codecs, new masters. Compare confidence and score spread of this week with those of "
        "training, and have people check a sample every month.",
        "Human checks: everything below the threshold, and one clip in a hundred above it.",
        *[sheet.measured(one.what, one.row) for one in held if one.row is not None],
        sheet.source("clips", "clips"),
    )


def assumptions(sheet: Sheet) -> None:
    """What has to hold for the numbers, and what of it was seen to fail."""
    examined = sheet.f.examined
    slide = sheet.slide("Assumptions: what has to hold for these numbers")
    lines = [
        "A clip has one genre, and its folder or manifest names the right one.",
        "What matters for genre shows in tempo, pitch, timbre and loudness.",
        "A genre is a straight line away: features add up, none changes another's meaning.",
        "All segments of a clip speak for it alike; clips to come sound like those of training.",
    ]
    sources = []
    if examined.outside is not None:
        lines.append(
            f"A 0/1 target is no line: {percent(examined.outside)} of held-out scores lie outside 0 to 1. Scores are "
            "no probabilities."
        )
        sources.append(sheet.source("scores outside 0 to 1", "predictions", examined.run_id))
    linked = examined.collinearity
    if linked is not None and linked.vif_worst is not None:
        lines.append(f"Features overlap: VIF up to {plain(linked.vif_worst)}. No single coefficient may be read.")
        sources.append(sheet.source("VIF", "features"))
    elif linked is not None:
        lines.append(
            f"Features overlap: {linked.columns} columns on {linked.rows} segments. No single coefficient may be read."
        )
        sources.append(sheet.source("columns and segments", "features"))
    sheet.lines(slide, lines, size=24)
    sheet.notes(
        slide,
        "Least squares does not need normal residuals to rank genres; it needs them for textbook p values, which is "
        "why none is shown here.",
        *sources,
    )


RISKS: Sequence[tuple[str, str, str, str, str]] = (
    ("Same artist on both sides flatters", "likely", "high", "Data scientist", "Hold out whole artists"),
    ("Labels are wrong or shared", "likely", "medium", "Catalogue editor", "Second label on a sample"),
    ("New codecs and masters shift sound", "likely", "high", "ML engineer", "Test altered copies, watch drift"),
    ("Scores are taken for certainty", "possible", "high", "Product owner", "Calibrate, allow “not sure”"),
    ("Rare genres vanish from shelves", "likely", "high", "Music editor", "Limit per genre, not the mean"),
    ("A recording is used without licence", "possible", "severe", "Legal counsel", "Register, takedown, retrain"),
    ("A hostile file stops the service", "rare", "medium", "Operations", "Own process, limits, reasons"),
)


def risks(sheet: Sheet) -> None:
    """Risks with likelihood, impact, owner's role and mitigation."""
    slide = sheet.slide("Risks: seven, each with an owner and a way to meet it")
    head = ("Risk", "Likely?", "Impact", "Owner (role)", "Mitigation")
    sheet.table(slide, head, RISKS, (4.0, 1.25, 1.25, 2.13, 3.3), size=16)
    random, strict = (sheet.f.find(name, "accuracy") for name in ("random-folds", "group-folds"))
    told = []
    if random is not None and strict is not None and random.value is not None and strict.value is not None:
        told.append(
            f"Measured here: {value_text('accuracy', random.value)} when artists are mixed, "
            f"{value_text('accuracy', strict.value)} when groups are held out."
        )
        told += [sheet.measured("the price of mixing artists", row) for row in (random, strict)]
    sheet.notes(
        slide,
        "Likelihood and impact are judgements of the project, not measurements; owners are roles.",
        *told,
        sheet.source("the state these risks were judged on", "metrics"),
    )


def production(sheet: Sheet) -> None:
    """What it takes to run: time by stage, cost per million clips, scaling, monitoring."""
    pace = sheet.f.pace
    if pace is None or not pace.clips:
        slide = sheet.slide("Production: what it takes was not measured")
        sheet.lines(slide, ["No run of this warehouse has described clips, so no time per clip is known."])
        sheet.notes(slide, "Describing grows with the clips; everything after it is arithmetic on small tables.")
        return
    hours = pace.core_hours_per_million
    slide = sheet.slide(
        f"A million such clips take {plain(float(f'{hours:.2g}'))} core hours to describe; it scales with machines"
        if hours
        else f"Production: {counted(pace.clips, 'clip')} described, their time was not kept"
    )
    stages = sorted(pace.seconds.items(), key=lambda pair: -pair[1])[:10]
    sheet.lines(
        slide,
        [
            f"{counted(pace.clips, 'clip')} of {plain(pace.audio_s / pace.clips)} s on {counted(pace.cores, 'core')}.",
            "Describing grows with clips and splits over executors; the rest is sums.",
            "A second run opens no file that stayed the same.",
            "Watch: rejects by code, clips per second, confidence, share “not sure”, genre shares.",
            "Alarm: reconciliation fails, a control tells too much, calibration leaves its floor.",
        ],
        SIDE,
        size=20,
    )
    sheet.chart(
        slide,
        [name for name, _ in stages],
        [Series("seconds", [seconds for _, seconds in stages])],
        axis="wall time by stage of the run (s)",
        number_format="0",
        box=BESIDE,
    )
    sheet.notes(
        slide,
        "Cost per million clips is core hours times what an hour of a core costs where you are. The time of a small "
        "run holds what Spark needs to start: a large one is cheaper by the clip.",
        f"Source of the times: table runs, run {pace.run_id}; cores are those of the session that made these slides.",
        sheet.source("lengths of clips", "clips"),
    )


def next_steps(sheet: Sheet) -> None:
    """What to do, and what the numbers do not say until then."""
    slide = sheet.slide("Next steps, and the limits until they are done")
    failing = [one.what for one in conditions(sheet.f) if one.holds is not True][:3]
    steps = [
        *(["Meet what is open: " + "; ".join(what[0].lower() + what[1:] for what in failing) + "."] if failing else []),
        "Name the artist of every clip, so that artists can be held apart.",
        "Have people label a sample twice: their agreement is the ceiling.",
        "Judge on recordings of other hands before any use.",
    ]
    limits = ["Limits:"]
    if sheet.f.counts.synthetic:
        limits += ["Synthetic corpus: it proves the plumbing, its accuracy means nothing."]
    limits += [f"{name}: {told}" for name in sheet.f.evaluated[:2] if (told := sheet.f.protocol(name).caveat)]
    limits += [
        "Intervals cover the luck of the draw in this corpus, not the distance to other music.",
        "Not for decisions about people or pay.",
    ]
    sheet.lines(slide, steps, (LEFT, TOP, WIDE - RIGHT_HALF[2] - Inches(0.3), HIGH), size=22)
    sheet.lines(slide, limits, RIGHT_HALF, size=20)
    sheet.notes(slide, "Ask for the next decision: who labels, who owns the list of artists, and when we look again.")


def _told(sheet: Sheet, protocol: str, metric: str) -> list[MetricRow]:
    rows = [row for name in sheet.f.names if (row := sheet.f.find(protocol, metric, name)) is not None]
    return [row for row in rows if row.value is not None]


def _thresholds(sheet: Sheet, protocol: str) -> list[tuple[str, MetricRow]]:
    """Thresholds as text, rising, without the one chosen on training clips."""
    found = sheet.f.conditions("threshold", protocol) if protocol else []
    return sorted((pair for pair in found if pair[0] != "cheapest"), key=lambda pair: float(pair[0]))


def _grouped(findings: Findings) -> bool:
    """Whether groups hold several clips together: fewer groups than clips in training."""
    model = findings.model
    return model is not None and model.training_groups < model.training_clips
