"""`compare`: two or more judges, or prompts of one judge, on the same rows against the same people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from referee.errors import DataError
from referee.statistics import AgreementComparison, agreement, compare_agreement, held_out
from referee.statistics import Comparison as Difference
from referee.statistics.against_people import LABELS
from referee.statistics.paired import ERRORS
from referee.validation.agreement import Advice, Validation
from referee.validation.asking import Question, human_fields, read_scale
from referee.validation.comparison import Choice, Comparison, Pair
from referee.validation.joined import Joined, join
from referee.validation.matching import Matched, match, settle
from referee.validation.reading import FEW_ROWS, round_up
from referee.validation.validating import validation_of

MEASURED_FROM = 20
"""Rows or groups from which on the coverage of differences is known."""
LEAST_HELD_OUT = 10
"""Rows on either side of the split under which nothing is held out."""


def compare(
    *results: Any,
    human: str | Sequence[str],
    judge: str | Sequence[str] | None = None,
    score: str | Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    labels: Any = None,
    key: str | None = None,
    cluster: str | None = None,
    figure: str | None = None,
    scale: tuple[float, float] | str | None = None,
    human_scale: tuple[float, float] | str | None = None,
    held_out_share: float = 0.5,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare judges on the rows that all of them scored.

    Always paired: the interval is of the *difference* on the same rows. Rows of different runs are matched by `key`, or
    by their whole content, never by their order.

    Args:
        results: two or more of what `validate` takes; or one, with several columns or scores of it.
        human: the field with people's scores; several by commas.
        judge: of plain rows, the judge's column: one for all, or one for each judge by commas.
        score: of runs with several, the score: one for all, or one for each judge by commas.
        names: what to call the judges; by default what the runs call them, or their folders.
        labels, key, cluster, scale, human_scale, confidence, draws, seed: as `validate`; the key also matches rows.
        figure: what decides: the field name of a figure of `Agreement`, such as `pearson`, `mae`, `exact`. By default
            `pearson`, and `exact` for labels and pass/fail verdicts.
        held_out_share: of three judges or more, the part of the rows that the chosen one is reported on.

    Raises:
        DataError: fewer than two judges, no common rows, or rows and scores that cannot be used.
        MissingExtraError: the extra `statistics` is not installed.
    """
    if not 0 < held_out_share < 1:
        raise DataError(f"held_out_share is {held_out_share}; give the part that is held out, such as 0.5")
    if figure is not None and figure not in LABELS:
        raise DataError(f"figure is {figure!r}; it is one of {', '.join(LABELS)}")
    columns = _candidates(results, judge, score, human, labels, key, cluster)
    rows = match(columns, names, key)
    settle(rows, read_scale(scale, "scale"), read_scale(human_scale, "human_scale"))
    options: dict[str, Any] = {"confidence": confidence, "draws": draws, "seed": seed}
    judges = [
        validation_of(
            joined,
            name=name,
            table=table,
            kept=_mask(len(joined), at),
            brief=True,
            **options,
        )
        for joined, name, table, at in zip(rows.joined, rows.names, rows.tables, rows.chosen(), strict=True)
    ]
    decided_by = figure or _usual_figure(judges)
    pairs = _pairs(rows, decided_by, options)
    choice = _choose(rows, decided_by, held_out_share, options) if len(judges) > 2 else None
    return Comparison(
        figure=decided_by,
        figure_label=LABELS[decided_by],
        judges=tuple(judges),
        rows=rows.total,
        n=int(rows.kept.sum()),
        left_out=rows.left_out(),
        clusters=judges[0].clusters,
        pairs=pairs,
        looks=len(pairs),
        choice=choice,
        reading=_read(judges, pairs, choice),
        advice=_advise(judges, rows, choice),
        confidence=confidence,
    )


def _candidates(
    results: Sequence[Any],
    judge: str | Sequence[str] | None,
    score: str | Sequence[str] | None,
    human: str | Sequence[str],
    labels: Any,
    key: str | None,
    cluster: str | None,
) -> list[Joined]:
    """The judges, each joined with people."""
    judges, scores = _several(judge, "judge"), _several(score, "score")
    sources: list[Any] = list(results)
    count = max(len(sources), len(judges), len(scores))
    if not sources:
        raise DataError("no results are given; comparing takes two runs, or several columns of one file (--judge a,b)")
    for what, given in (("results", sources), ("judge", judges), ("score", scores)):
        if len(given) not in (1, count):
            raise DataError(f"{what} names {len(given)} and there are {count} judges; give one for all or one for each")
    if count < 2:
        raise DataError(
            "one judge is given; comparing takes two: two runs, or several columns of one file (--judge a,b)"
        )
    keyed = key or ""
    out: list[Joined] = []
    for at in range(count):
        source, column, name = (given[at if len(given) > 1 else 0] for given in (sources, judges, scores))
        question = Question(
            results=source,
            human=list(human_fields(human)),
            judge=column,
            score=name,
            labels=labels,
            key=key if labels is not None else None,
            cluster=cluster,
        )
        opened, people, clustered = question.open()
        out.append(join(opened, people, cluster=clustered, keyed=keyed))
    return out


def _several(given: str | Sequence[str] | None, what: str) -> list[str | None]:
    if given is None:
        return [None]
    names = [name.strip() for name in given.split(",")] if isinstance(given, str) else list(given)
    if not all(names):
        raise DataError(f"{what} is {given!r}; name columns by commas")
    return list(names)


def _mask(length: int, at: NDArray[np.int64]) -> NDArray[np.bool_]:
    out = np.zeros(length, dtype=np.bool_)
    out[at] = True
    return out


def _usual_figure(judges: Sequence[Validation]) -> str:
    verdict = all(
        judge.kind == "labels" or (judge.labels is not None and len(judge.labels.labels) == 2) for judge in judges
    )
    return "exact" if verdict else "pearson"


def _pairs(rows: Matched, figure: str, options: Mapping[str, Any]) -> tuple[Pair, ...]:
    columns, human, clusters = rows.part(np.ones(int(rows.kept.sum()), dtype=np.bool_))
    places = [(one, two) for one in range(len(columns)) for two in range(one + 1, len(columns))]
    out: list[Pair] = []
    for one, two in places:
        figures: AgreementComparison = compare_agreement(
            columns[one],
            columns[two],
            human,
            clusters=clusters,
            categories=rows.categories,
            looks=len(places),
            **options,
        )
        found = figures.figures[figure]
        out.append(
            Pair(rows.names[one], rows.names[two], figures, found, said(found, rows.names[one], rows.names[two]))
        )
    return tuple(out)


def said(found: Difference, first: str, second: str) -> str:
    """The answer to "which of the two is better" as a sentence."""
    if found.answer == "undefined" or found.first is None or found.second is None:
        return f"{found.figure} of {first} and {second} cannot be compared: {found.difference.reason}."
    if found.answer == "worse":
        return said(_turned(found), second, first)
    numbers = f"{found.figure} {found.first:.2f} against {found.second:.2f}, difference {found.difference}"
    if found.answer == "better":
        return f"{first} is better than {second}: {numbers} on {found.rows:,} rows."
    more = ""
    if found.rows_to_show is not None and found.rows_to_show > found.rows:
        need = found.rows_to_show
        more = f"; about {round_up(need)} rows would show one of this size"
        if need > 10_000 * max(1, found.rows):
            more = ""
    return f"No difference between {first} and {second} is shown at n = {found.rows:,}: {numbers}{more}."


def _turned(found: Difference) -> Difference:
    """The same comparison from the better one's side."""
    value, low, high = (
        None if end is None else -end for end in (found.difference.value, found.difference.high, found.difference.low)
    )
    turned = replace(found.difference, value=value, low=low, high=high)
    return replace(found, first=found.second, second=found.first, difference=turned, answer="better")


def _choose(rows: Matched, figure: str, share: float, options: Mapping[str, Any]) -> Choice | None:
    """Choose the best on one part of the rows and report it on the other."""
    n = int(rows.kept.sum())
    _, _, clusters = rows.part(np.ones(n, dtype=np.bool_))
    marks = clusters if clusters is not None else np.arange(n)
    if len(np.unique(marks)) < 2:
        return None
    out = held_out(marks, share=share, seed=options["seed"])
    if min(int(out.sum()), int((~out).sum())) < LEAST_HELD_OUT:
        return None
    columns, human, inside = rows.part(~out)
    seen = [
        getattr(agreement(column, human, clusters=inside, categories=rows.categories, **options), figure)
        for column in columns
    ]
    ranked = sorted(
        (at for at in range(len(columns)) if seen[at].value is not None),
        key=lambda at: _badness(figure, seen[at].value),
    )
    if len(ranked) < 2:
        return None
    best, second = ranked[:2]
    columns, human, inside = rows.part(out)
    reported = agreement(columns[best], human, clusters=inside, categories=rows.categories, **options)
    against = compare_agreement(
        columns[best], columns[second], human, clusters=inside, categories=rows.categories, **options
    )
    return Choice(
        name=rows.names[best],
        chosen_on=seen[best],
        held_out=getattr(reported, figure),
        n_chosen_on=int((~out).sum()),
        n_held_out=int(out.sum()),
        runner_up=rows.names[second],
        against_runner_up=against.figures[figure],
    )


def _badness(figure: str, value: float) -> float:
    return abs(value) if figure in ERRORS else -value


def _read(judges: Sequence[Validation], pairs: Sequence[Pair], choice: Choice | None) -> tuple[str, ...]:
    if judges[0].n < 2:
        return ("Fewer than two rows were scored by all judges and by people; comparing takes at least two.",)
    out: list[str] = []
    if choice is not None:
        value = f"{choice.chosen_on.value:.2f}" if choice.chosen_on.value is not None else "undefined"
        label = choice.against_runner_up.figure
        out.append(
            f"{choice.name} did best on {choice.n_chosen_on:,} rows it was chosen by ({label} {value}); on the "
            f"{choice.n_held_out:,} rows held out it reaches {choice.held_out}. Quote the latter."
        )
        out.append("On those: " + said(choice.against_runner_up, choice.name, choice.runner_up))
    shown = [pair for pair in pairs if pair.decided_by.answer in ("better", "worse")]
    if len(pairs) == 1:
        out += [pair.sentence for pair in pairs]
    elif not shown:
        out.append(f"Over all rows no two of the {len(judges)} are shown to differ.")
    else:
        out += [pair.sentence for pair in shown]
        if len(shown) < len(pairs):
            out.append(f"The other {len(pairs) - len(shown)} pairs are not shown to differ.")
    return tuple(out)


def _advise(judges: Sequence[Validation], rows: Matched, choice: Choice | None) -> tuple[Advice, ...]:
    out: list[Advice] = [Advice("note", text) for text in rows.joined[0].people.remarks()]
    if rows.missing:
        out.append(Advice("note", f"{rows.missing:,} rows are not in every run and do not count."))
    hashes = Counter(judge.judge_hash for judge in judges if judge.judge_hash)
    if any(count > 1 for count in hashes.values()):
        out.append(Advice(
            "note", "Some of the runs are of the very same judge: what differs between them is its own noise."
        ))  # fmt: skip
    scales = {(judge.scale.low, judge.scale.high) for judge in judges if judge.scale.known}
    if len(scales) > 1:
        shown = " and ".join(f"{low:g} to {high:g}" for low, high in sorted(scales))
        out.append(Advice("warn", f"The scales differ ({shown}): compare correlations only, no errors and no bias."))
    count = judges[0].clusters.count
    if 2 <= count < FEW_ROWS:
        units = "rows" if judges[0].clusters.field is None else "groups of rows"
        text = f"{count} {units} are few: only a large difference can be shown by them"
        if count < MEASURED_FROM:
            text += f", and intervals of differences were measured from {MEASURED_FROM} on (docs/statistics.md)"
        out.append(Advice("note", f"{text}."))
    if len(judges) > 2 and choice is None:
        out.append(Advice(
            "note",
            f"There are too few rows to hold any out: the figure of the best of {len(judges)} is too good.",
        ))  # fmt: skip
    return tuple(out)
