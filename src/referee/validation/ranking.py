"""`rank`: who wins by a pairwise judge, how much of that is the judge's habit, and how sure it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from referee.errors import DataError
from referee.statistics import (
    bradley_terry,
    length_controlled_win_rate,
    rate,
    win_rate,
)
from referee.statistics.columns import Floats, cluster_codes
from referee.statistics.pairwise import credit_estimate
from referee.validation.agreement import Advice, Clusters
from referee.validation.asking import Question
from referee.validation.fields import ABSENT, lookup_all, no_field
from referee.validation.joined import Joined, join
from referee.validation.plain import plain
from referee.validation.results import Results
from referee.validation.validating import clusters_of

if TYPE_CHECKING:
    from referee.statistics import Estimate, LengthControlled, Ranking

FIRST_LABELS = frozenset({"a", "[[a]]", "first", "model_a", "output_a", "output_1", "response_1", "response_a"})
SECOND_LABELS = frozenset({"b", "[[b]]", "second", "model_b", "output_b", "output_2", "response_2", "response_b"})
TIE_LABELS = frozenset({"tie", "[[c]]", "c", "both", "equal", "draw"})
INCONSISTENT = 0.25
"""Above this share of pairs the order of the answers decides too much."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Pairwise verdicts as win rates and strengths: the answer of `rank`."""

    judge: str
    score: str
    source: str
    judge_hash: str | None
    first: str
    """What the first answer is called: its field."""
    second: str
    rows: int
    n: int
    """Pairs with a verdict."""
    left_out: dict[str, int]
    clusters: Clusters
    rate: Estimate
    """How often the first answer wins, a tie being half a win; pairs on which both orders disagree are ties."""
    wins: int
    ties: int
    losses: int
    inconsistent: Estimate | None
    """Share of pairs on which the two orders disagree; None where each pair was judged in one order."""
    first_position: Estimate | None
    """What the answer shown first wins over both orders, ½ for a judge without a favourite place; None where the rows
    hold one verdict for both orders."""
    length: LengthControlled | None
    """The win rate at equal length; None where the answers are not in the rows."""
    ranking: Ranking | None
    """Bradley–Terry strengths of the players; None where no players were named."""
    reading: tuple[str, ...]
    advice: tuple[Advice, ...]
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return plain(self)


def rank(
    results: Any,
    *,
    players: str | Sequence[str] | None = None,
    answers: str | Sequence[str] | None = None,
    judge: str | None = None,
    score: str | None = None,
    first_wins: str | None = None,
    tie: str | None = None,
    cluster: str | None = None,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Ranked:
    """Win rates and strengths from a pairwise judge's verdicts.

    Args:
        results: as `validate`; a run of a judge with the protocol `swap` has judged both orders.
        players: the two fields that name who wrote the first and the second answer, for a ranking.
        answers: the two fields with the answers, for the win rate at equal length; by default those that the judge's
            protocol swaps.
        judge: of plain rows, the column with the verdict; two by commas where both orders were judged, both told in
            terms of the first answer.
        score: of a run with several, which score.
        first_wins: the verdict (a label or a number) by which the first answer wins; by default labels such as `A`,
            and of numbers 0 to 1 the share that the first one wins.
        tie: the verdict that is a tie; by default labels such as `tie`.
        cluster, confidence, draws, seed: as `validate`.

    Raises:
        DataError: the verdicts, players or answers cannot be read.
        MissingExtraError: the extra `statistics` is not installed.
    """
    columns = [None] if judge is None else [name.strip() for name in judge.split(",")]
    if len(columns) > 2 or not all(name is None or name for name in columns):
        raise DataError(f"judge is {judge!r}; name one column, or two where both orders were judged")
    opened = [_open(results, column, score, cluster) for column in columns]
    joined, source = opened[0]
    merged, orders = _credits(joined, first_wins, tie)
    if len(opened) == 2:
        orders = (merged, _credits(opened[1][0], first_wins, tie)[0])
        merged = np.where(orders[0] == orders[1], orders[0], 0.5)
        merged[np.isnan(orders[0]) | np.isnan(orders[1])] = math.nan
    names = _two(players, "players")
    shown = _two(answers, "answers") or (source.file.swapped(source.metric) if source.file is not None else None)
    who, lengths = _texts(source, names, shown, strict=answers is not None)
    found = _figures(joined, merged, orders, confidence)
    keys = joined.clusters
    length = None
    if shown is not None and not all(math.isnan(value) for value in lengths):
        length = length_controlled_win_rate(
            merged, lengths, clusters=keys, confidence=confidence, draws=draws, seed=seed
        )
    ranking = None
    if names is not None:
        known = [at for at, pair in enumerate(who) if None not in pair]
        style = None if length is None else [lengths[at] for at in known]
        ranking = bradley_terry(
            [who[at][0] for at in known],
            [who[at][1] for at in known],
            [merged[at] for at in known],
            style=None if style is None or len(set(style)) < 2 else style,
            clusters=None if keys is None else keys[known],
            confidence=confidence,
            draws=draws,
            seed=seed,
        )
    scored = ~np.isnan(merged)
    answer = Ranked(
        judge=source.name,
        score=source.score,
        source=source.source,
        judge_hash=source.hash,
        first=shown[0] if shown is not None else names[0] if names is not None else "the first answer",
        second=shown[1] if shown is not None else names[1] if names is not None else "the second answer",
        rows=len(joined),
        n=int(scored.sum()),
        left_out=_left_out(joined, opened[1][0] if len(opened) == 2 else None, merged),
        clusters=clusters_of(joined, scored),
        rate=found.rate,
        wins=int((merged == 1).sum()),
        ties=int(((merged > 0) & (merged < 1)).sum()),
        losses=int((merged == 0).sum()),
        inconsistent=found.inconsistent,
        first_position=found.first_position,
        length=length,
        ranking=ranking,
        reading=(),
        advice=(),
        confidence=confidence,
    )
    return replace(answer, reading=_read(answer), advice=_advise(answer))


def _open(results: Any, column: str | None, score: str | None, cluster: str | None) -> tuple[Joined, Results]:
    opened, people, clustered = Question(results=results, human=(), judge=column, score=score, cluster=cluster).open()
    return join(opened, people, cluster=clustered), opened


def _two(names: str | Sequence[str] | None, what: str) -> tuple[str, str] | None:
    if names is None:
        return None
    parts = [part.strip() for part in names.split(",")] if isinstance(names, str) else list(names)
    if len(parts) != 2 or not all(parts) or parts[0] == parts[1]:
        raise DataError(f"{what} is {names!r}; name two fields, of the first and of the second answer")
    return parts[0], parts[1]


def _credits(joined: Joined, first_wins: str | None, tie: str | None) -> tuple[Floats, tuple[Floats, Floats] | None]:
    """What the first answer won of each pair (NaN without a verdict), and where a run swapped them, in either order."""
    apart = joined.detail("consistent") == 0.0
    told = [
        None if value is None else label if label is not None else value
        for label, value in zip(joined.label, joined.judge, strict=True)
    ]
    texts = {_text(value) for value, differ in zip(told, apart, strict=True) if value is not None and not differ}
    orders: list[list[Any]] = []
    if {"first", "second"} <= joined.details.keys():
        orders = [_labelled(joined, joined.detail(name)) for name in ("first", "second")]
        texts |= {_text(value) for order in orders for value in order if value is not None}
    meaning = _meaning(joined, texts, first_wins, tie)
    merged = np.array([math.nan if value is None else 0.5 if differ else meaning(value)
                       for value, differ in zip(told, apart, strict=True)])  # fmt: skip
    both = [np.array([math.nan if value is None else meaning(value) for value in order]) for order in orders]
    whole = all(np.isin(side[~np.isnan(side)], (0.0, 0.5, 1.0)).all() for side in both)
    # Where the second order is asked after some verdicts only, the others say nothing of a favourite place.
    every = all(bool((np.isnan(side) == np.isnan(merged)).all()) for side in both)
    return merged, (both[0], both[1]) if both and whole and every else None


def _labelled(joined: Joined, values: Floats) -> list[Any]:
    """The labels of an order's values, or the values where they have none."""
    scale = joined.results.scale
    known = dict(scale.labels) if scale is not None else {}
    known |= {label: value for label, value in zip(joined.label, joined.judge, strict=True)
              if label is not None and isinstance(value, float)}  # fmt: skip
    labels = {value: label for label, value in known.items()}
    return [None if value != value else labels.get(value, value) for value in values.tolist()]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).strip().casefold()


def _meaning(joined: Joined, texts: set[str], first_wins: str | None, tie: str | None) -> Callable[[Any], float]:
    """What a verdict gives the first answer."""
    equal = TIE_LABELS if tie is None else frozenset({tie.strip().casefold()})
    shown = ", ".join(sorted(texts)[:8]) or "none"
    if first_wins is not None:
        wanted = first_wins.strip().casefold()
        scale = joined.results.scale
        known = texts | ({label.casefold() for label in scale.labels} if scale is not None else set())
        if wanted not in known:
            raise DataError(f"first_wins is {first_wins!r}, and the verdicts are {shown}")
        others = sorted(texts - {wanted} - equal)
        if len(others) > 1:
            raise DataError(
                f"the verdicts are {shown}; the first answer wins by {first_wins!r}, and only one of "
                f"{' and '.join(map(repr, others))} can be a win of the second: say which one is a tie (--tie VERDICT)"
            )
        return lambda value: 1.0 if _text(value) == wanted else 0.5 if _text(value) in equal else 0.0
    if texts & (FIRST_LABELS | SECOND_LABELS):
        unknown = sorted(texts - FIRST_LABELS - SECOND_LABELS - equal)
        if unknown:
            raise DataError(
                f"the verdict {unknown[0]!r} is no win of either answer that is known, and no tie: the verdicts are "
                f"{shown}; say which one is a win of the first and which is a tie (--first-wins VERDICT --tie VERDICT)"
            )
        return lambda value: 1.0 if _text(value) in FIRST_LABELS else 0.5 if _text(value) in equal else 0.0
    numbers = joined.judge.numbers()
    if not joined.judge.texts and not any(joined.label) and not ((numbers < 0) | (numbers > 1)).any():
        return float
    raise DataError(f"the verdicts are {shown}: say by which of them the first answer wins (--first-wins VERDICT)")


def _texts(
    source: Results, players: tuple[str, str] | None, answers: tuple[str, str] | None, *, strict: bool
) -> tuple[list[tuple[str | None, str | None]], list[float]]:
    """Who wrote the answers, and how many words more the first one has; NaN where an answer is missing."""
    who: list[tuple[str | None, str | None]] = []
    lengths: list[float] = []
    seen: Counter[str] = Counter()
    known: dict[str, None] = {}
    for rows in source:
        columns = {name: lookup_all(rows.items, name) for name in (*(players or ()), *(answers or ()))}
        for name, column in columns.items():
            seen[name] += sum(value is not ABSENT for value in column)
        known.update(rows.first_fields())
        if players is not None:
            who += zip(*([None if name in (ABSENT, None) else str(name) for name in columns[player]]
                         for player in players), strict=True)  # fmt: skip
        if answers is not None:
            lengths += [
                float(len(one.split()) - len(two.split()))
                if isinstance(one, str) and isinstance(two, str)
                else math.nan
                for one, two in zip(*(columns[name] for name in answers), strict=True)
            ]
    for name in (*(players or ()), *((answers or ()) if strict else ())):
        if not seen[name]:
            raise no_field(name, known, source.source)
    return who, lengths


@dataclass(frozen=True)
class _Figures:
    rate: Estimate
    inconsistent: Estimate | None
    first_position: Estimate | None


def _figures(joined: Joined, merged: Floats, orders: tuple[Floats, Floats] | None, confidence: float) -> _Figures:
    if orders is not None:
        both = win_rate(orders[0], orders[1], clusters=joined.clusters, confidence=confidence)
        return _Figures(both.rate, both.inconsistent, both.first_position)
    scored = ~np.isnan(merged)
    agreed = joined.detail("consistent")[scored]
    marks = cluster_codes(joined.marks(scored), int(scored.sum()))
    inconsistent = None
    if agreed.size and not np.isnan(agreed).any():
        inconsistent = rate(1.0 - agreed, clusters=marks, confidence=confidence)
    return _Figures(credit_estimate(merged[scored], marks, confidence), inconsistent, None)


def _left_out(joined: Joined, other: Joined | None, merged: Floats) -> dict[str, int]:
    """Why pairs have no verdict."""
    counts: Counter[str] = Counter()
    for at in np.flatnonzero(np.isnan(merged)).tolist():
        lacking = [why for one in (joined, other) if one is not None and (why := one.missing.get(at)) is not None]
        one_order = other is not None and len(lacking) == 1
        counts["no verdict in one of the orders" if one_order else lacking[0] if lacking else "no verdict"] += 1
    return dict(counts.most_common())


def _read(found: Ranked) -> tuple[str, ...]:
    if not found.n:
        return ("No pair has a verdict.",)
    out: list[str] = []
    counts = f"{found.wins:,} wins, {found.ties:,} ties, {found.losses:,} losses"
    figure = f"{found.rate:.1%} of pairs ({counts})"
    if found.ranking is not None:
        best = list(found.ranking.strengths)
        apart, first = _apart(found.ranking), found.ranking.strengths[best[0]]
        told = f"{best[0]} comes first of {len(best)}" + (f", {apart}" if apart else "")
        out.append(f"{told}." if first.value is not None else f"There is no ranking: {first.reason}.")
    if found.ranking is not None and len(found.ranking.strengths) > 2:
        out.append(f"The answers in {found.first} win {figure}, whoever wrote them.")
    elif found.rate.excludes(0.5):
        assert found.rate.value is not None
        better = found.first if found.rate.value > 0.5 else found.second
        out.append(f"By this judge {better} is better: {found.first} wins {figure}.")
    else:
        out.append(f"That either is better is not shown: {found.first} wins {figure}.")
    if found.inconsistent is not None and found.inconsistent.value is not None:
        out.append(
            f"On {found.inconsistent:.1%} of pairs the verdict turned with the order of the answers; these are ties."
        )
    if found.first_position is not None and found.first_position.excludes(0.5):
        out.append(f"The answer shown first wins {found.first_position:.1%}: the judge has a favourite place.")
    if found.length is not None and found.length.rate.value is not None:
        effect = found.length.length_effect
        favours = ""
        if effect.value is not None and effect.excludes(0):
            favours = f"; the judge favours {'longer' if effect.value > 0 else 'shorter'} answers"
        out.append(f"At equal length {found.first} would win {found.length.rate:.1%}{favours}.")
    return tuple(out)


def _apart(ranking: Ranking) -> str:
    """Whether the first player's interval leaves the second's chance out."""
    (_, one), (name, two) = list(ranking.win_probability.items())[:2]
    if one.low is None or two.high is None:
        return ""
    return f"ahead of {name} beyond both intervals" if one.low > two.high else f"not shown to be ahead of {name}"


def _advise(found: Ranked) -> tuple[Advice, ...]:
    out: list[Advice] = []
    if found.inconsistent is None:
        out.append(Advice(
            "warn",
            "Each pair was judged in one order, so a favourite place of the judge is in these figures. Judge both "
            "orders (protocol: swap).",
        ))  # fmt: skip
    elif found.inconsistent.value is not None and found.inconsistent.value > INCONSISTENT:
        out.append(Advice(
            "warn",
            f"The order of the answers turned {found.inconsistent.value:.0%} of the verdicts: the judge can hardly "
            "tell these answers apart. Say in the prompt what makes one better, or try a larger judge model.",
        ))  # fmt: skip
    if 0 < found.clusters.count < 30:
        units = "pairs" if found.clusters.field is None else "groups of pairs"
        out.append(Advice("note", f"{found.clusters.count} {units} are few: the intervals are wide because of that."))
    return tuple(out)
