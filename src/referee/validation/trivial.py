"""Judges that do not read, on the same rows: the least that a judge must beat."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from referee.statistics import (
    Agreement,
    Comparison,
    Estimate,
    agreement,
    compare_agreement,
    compare_means,
    mean_score,
    rate,
)
from referee.statistics.columns import Floats, Ints
from referee.statistics.figures import EQUAL_WITHIN
from referee.validation.agreement import Trivial
from referee.validation.joined import Joined

CLASSES = 25
"""Above so many rows the words are counted in 25 classes of equal size: ranks hardly change, and the bootstrap of a
discrete column takes milliseconds where that of a continuous one takes minutes."""
EXACT_ROWS = 300
MOST_ROWS = 5_000
"""The words are compared on so many rows, spread evenly over all: that is more than enough to tell the two apart."""


def trivial_judges(
    joined: Joined,
    both: NDArray[np.bool_],
    x: Floats,
    y: Floats,
    keys: Ints | None,
    figures: Agreement,
    confidence: float,
) -> tuple[Trivial, ...]:
    """The best constant, and the number of words of the answer where there is one."""
    if figures.baseline is None or len(x) < 2:
        return ()
    out = [_constant(x, y, keys, figures, confidence)]
    counted = {row: count for row, count in joined.words.counts.items() if both[row]}
    words = np.array([math.nan if count is None else count for count in counted.values()], dtype=np.float64)
    if len(words) > 1 and not np.isnan(words).any() and np.ptp(words) > 0:
        at = np.cumsum(both)[list(counted)] - 1
        out.append(_words(words, x[at], y[at], None if keys is None else keys[at], confidence))
    return tuple(out)


def _constant(x: Floats, y: Floats, keys: Ints | None, figures: Agreement, confidence: float) -> Trivial:
    assert figures.baseline is not None
    median, commonest = figures.baseline.median, figures.baseline.commonest
    off, judge_off = np.abs(y - median), np.abs(x - y)
    nothing = Estimate.undefined(f"it gives every row {median:g}", confidence)
    # Both errors are means of the same rows, so the paired comparison needs no resampling.
    against = compare_means(judge_off, off, clusters=keys, higher_is_better=False, confidence=confidence)
    return Trivial(
        name=f"always {median:g}" + (f" (exact: always {commonest:g})" if median != commonest else ""),
        pearson=nothing,
        spearman=nothing,
        mae=mean_score(off, clusters=keys, confidence=confidence),
        exact=rate(np.abs(y - commonest) <= EQUAL_WITHIN, clusters=keys, confidence=confidence),
        against=replace(against, figure="MAE"),
    )


def _words(words: Floats, x: Floats, y: Floats, keys: Ints | None, confidence: float) -> Trivial:
    if len(words) > MOST_ROWS:
        chosen = np.linspace(0, len(words) - 1, MOST_ROWS).astype(np.int64)
        words, x, y = words[chosen], x[chosen], y[chosen]
        keys = None if keys is None else keys[chosen]
    if len(words) > EXACT_ROWS:
        edges = np.unique(np.quantile(words, np.linspace(0, 1, CLASSES + 1)[1:-1]))
        classes = np.searchsorted(edges, words, side="right")
        # Each class by its mean number of words, so that Pearson's r keeps its meaning.
        sums, counts = np.bincount(classes, weights=words), np.bincount(classes)
        words = (sums / np.maximum(counts, 1))[classes]
    found = agreement(words, y, clusters=keys, confidence=confidence, draws=500)
    nothing = Estimate.undefined("words are counted, not put on the score's scale", confidence)
    against: Comparison = compare_agreement(x, words, y, clusters=keys, confidence=confidence, draws=500).figures[
        "spearman"
    ]
    return Trivial("number of words", found.pearson, found.spearman, nothing, nothing, against)
