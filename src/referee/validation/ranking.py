"""`rank`: who wins by a pairwise judge, how much of that is the judge's habit, and how sure it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
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
from referee.statistics.columns import Floats
from referee.statistics.pairwise import credit_estimate
from referee.validation.agreement import Advice, Clusters
from referee.validation.asking import Question
from referee.validation.joined import Joined, join
from referee.validation.plain import plain
from referee.validation.results import ABSENT, LOOKED_AT, Results, lookup, no_field
from referee.validation.validating import clusters_of

if TYPE_CHECKING:
    from referee.statistics import Estimate, LengthControlled, Ranking

FIRST_LABELS = frozenset({"a", "[[a]]", "first", "model_a", "output_a", "output_1", "response_1", "response_a"})
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
    credits = [_credit(one, first_wins, tie) for one, _ in opened]
    names = _two(players, "players")
    shown = _two(answers, "answers") or (source.file.swapped(source.metric) if source.file is not None else None)
    who, lengths = _texts(source, names, shown, strict=answers is not None)
    found = _figures(joined, credits, confidence)
    keys = joined.clusters
    merged = found.merged
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
            clusters=None if keys is None else [keys[at] for at in known],
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
        left_out=found.left_out,
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


def _credit(joined: Joined, first_wins: str | None, tie: str | None) -> Floats:
    """What the first answer won of each pair, NaN without a verdict."""
    said = [label if label is not None else value for label, value in zip(joined.label, joined.judge, strict=True)]
    texts = {_text(value) for value in said if value is not None}
    first, equal = _meaning(joined, texts, first_wins, tie)
    out = np.full(len(said), math.nan)
    for at, value in enumerate(said):
        agreed = joined.consistent[at]
        if joined.judge[at] is None:
            continue
        if agreed == 0.0:
            out[at] = 0.5
        elif first is None:
            out[at] = float(value) if isinstance(value, float) else math.nan
        else:
            text = _text(value)
            out[at] = 1.0 if text in first else 0.5 if text in equal else 0.0
    return out


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).strip().casefold()


def _meaning(
    joined: Joined, texts: set[str], first_wins: str | None, tie: str | None
) -> tuple[frozenset[str] | None, frozenset[str]]:
    """The verdicts by which the first answer wins (None where numbers are its share), and those that are ties."""
    equal = TIE_LABELS if tie is None else frozenset({tie.strip().casefold()})
    if first_wins is not None:
        wanted = first_wins.strip().casefold()
        scale = joined.results.scale
        known = texts | ({label.casefold() for label in scale.labels} if scale is not None else set())
        if wanted not in known:
            raise DataError(f"first_wins is {first_wins!r}, and the verdicts are {', '.join(sorted(texts))}")
        return frozenset({wanted}), equal
    if texts & FIRST_LABELS:
        return FIRST_LABELS, equal
    numbers = [value for value in joined.judge if isinstance(value, float)]
    only_numbers = not any(joined.label) and len(numbers) == sum(value is not None for value in joined.judge)
    if only_numbers and all(0 <= value <= 1 for value in numbers):
        return None, equal
    raise DataError(
        f"the verdicts are {', '.join(sorted(texts)[:8]) or 'none'}: say by which of them the first answer wins "
        "(--first-wins VERDICT)"
    )


def _texts(
    source: Results, players: tuple[str, str] | None, answers: tuple[str, str] | None, *, strict: bool
) -> tuple[list[tuple[str | None, str | None]], list[float]]:
    """Who wrote the answers, and how many words more the first one has; NaN where an answer is missing."""
    who: list[tuple[str | None, str | None]] = []
    lengths: list[float] = []
    seen: Counter[str] = Counter()
    known: dict[str, None] = {}
    for row in source:
        for name in (*(players or ()), *(answers or ())):
            seen[name] += lookup(row.item, name) is not ABSENT
        if row.position < LOOKED_AT:
            known.update(dict.fromkeys(row.item))
        if players is not None:
            one, two = (lookup(row.item, name) for name in players)
            who.append(tuple(None if name in (ABSENT, None) else str(name) for name in (one, two)))  # type: ignore[arg-type]
        if answers is not None:
            words = [lookup(row.item, name) for name in answers]
            both = all(isinstance(text, str) for text in words)
            lengths.append(float(len(words[0].split()) - len(words[1].split())) if both else math.nan)
    for name in (*(players or ()), *((answers or ()) if strict else ())):
        if not seen[name]:
            raise no_field(name, known, source.source)
    return who, lengths


@dataclass(frozen=True)
class _Figures:
    merged: Floats
    rate: Estimate
    inconsistent: Estimate | None
    first_position: Estimate | None
    left_out: dict[str, int]


def _figures(joined: Joined, credits: Sequence[Floats], confidence: float) -> _Figures:
    keys = joined.clusters
    left_out = Counter(why for why in joined.missing if why is not None)
    if len(credits) == 2:
        both = win_rate(credits[0], credits[1], clusters=keys, confidence=confidence)
        merged = np.where(credits[0] == credits[1], credits[0], 0.5)
        merged[np.isnan(credits[0]) | np.isnan(credits[1])] = math.nan
        left = {} if not np.isnan(merged).any() else {"no verdict in one of the orders": int(np.isnan(merged).sum())}
        return _Figures(merged, both.rate, both.inconsistent, both.first_position, left)
    merged = credits[0]
    scored = np.flatnonzero(~np.isnan(merged))
    codes = {key: at for at, key in enumerate(dict.fromkeys(keys[int(at)] for at in scored))} if keys else {}
    marks = np.array([codes[keys[int(at)]] for at in scored] if keys else range(len(scored)), dtype=np.int64)
    agreed = [value for at in scored if (value := joined.consistent[int(at)]) is not None]
    inconsistent = None
    if len(agreed) == len(scored) and agreed:
        inconsistent = rate([1.0 - value for value in agreed], clusters=marks.tolist(), confidence=confidence)
    return _Figures(
        merged, credit_estimate(merged[scored], marks, confidence), inconsistent, None, dict(left_out.most_common())
    )


def _read(found: Ranked) -> tuple[str, ...]:
    if not found.n:
        return ("No pair has a verdict.",)
    out: list[str] = []
    counts = f"{found.wins:,} wins, {found.ties:,} ties, {found.losses:,} losses"
    figure = f"{found.rate:.1%} of pairs ({counts})"
    if found.rate.excludes(0.5):
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
    if found.ranking is not None:
        best = list(found.ranking.strengths)
        apart = _apart(found.ranking)
        out.append(f"{best[0]} comes first of {len(best)}" + (f", {apart}." if apart else "."))
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
