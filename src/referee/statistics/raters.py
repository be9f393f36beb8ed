"""Several people on the same items: how well they agree among themselves, and what a judge could reach at best.

A judge that agrees with people as well as people do with one another has reached the ceiling; asking for more is asking
it to guess one person's taste.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from referee.errors import DataError
from referee.statistics.against_people import Agreement, agreement
from referee.statistics.columns import Floats, cluster_codes, dense, score_column
from referee.statistics.estimate import Estimate
from referee.statistics.figures import LABEL_LIMIT, midranks
from referee.statistics.intervals import CORRELATION, Figures, estimates
from referee.statistics.resampling import Support, support

Level = Literal["nominal", "ordinal", "interval"]
Ratings = Sequence[Sequence[float | None]] | NDArray[Any]


def krippendorff_alpha(
    ratings: Ratings,
    level: Level,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Krippendorff's alpha of any number of raters, with missing ratings, and its interval over items.

    Args:
        ratings: one row an item, one column a rater; NaN or None where a rater gave none. Items with fewer than two
            ratings tell nothing and are left out.
        level: how far apart two ratings are: "nominal" (equal or not), "ordinal" (by the ranks between them) or
            "interval" (by their squared difference).
        clusters: what each item shares with others; by default every item stands alone.
        confidence, draws, seed: as `agreement`.

    Raises:
        DataError: rows differ in length, a rating is not a number, or ordinal and nominal ratings take over 50 values.

    Source: Krippendorff 2011, "Computing Krippendorff's alpha-reliability".
    """
    table = rating_table(ratings)
    kept = (~np.isnan(table)).sum(axis=1) >= 2
    table = table[kept]
    values, flat = np.unique(table[~np.isnan(table)], return_inverse=True)
    if len(values) < 2:
        why = f"every rating is {values[0]:g}" if len(values) else "no item has two ratings"
        return Estimate.undefined(why, confidence)
    if level != "interval" and len(values) > LABEL_LIMIT:
        raise DataError(f"the ratings take {len(values)} different values; {level} alpha allows at most {LABEL_LIMIT}")
    codes = np.full(table.shape, len(values), dtype=np.float64)
    codes[~np.isnan(table)] = flat.reshape(-1)
    # Which rater gave which rating does not matter to alpha, so sorted rows make more of them alike.
    codes.sort(axis=1)
    own = dense(cluster_codes(clusters, len(kept))[kept])
    rows = support(list(codes.T), own)
    counts = np.stack([(rows.points == at).sum(axis=1) for at in range(len(values))]).astype(np.float64)
    figures = _by_squares(counts, values) if level == "interval" else _by_coincidence(counts, level)
    return _estimate(rows, figures, confidence, draws, seed)


def _estimate(rows: Support, figures: Figures, confidence: float, draws: int, seed: int) -> Estimate:
    return estimates(rows, figures, {"alpha": CORRELATION}, confidence=confidence, number=draws, seed=seed)["alpha"]


def _by_squares(counts: Floats, values: Floats) -> Figures:
    """Interval alpha, which needs only sums and squares: `counts` is (values, distinct items)."""
    number = counts.sum(axis=0)
    centred = values - float(values.mean())
    total, square = centred @ counts, centred**2 @ counts
    moments = np.stack([number, total, square, 2 * (number * square - total**2) / (number - 1)])

    def figures(weights: Floats) -> dict[str, Floats]:
        n, linear, squares, observed = moments @ weights
        expected = 2 * (n * squares - linear**2) / (n - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            alpha = 1 - observed / expected
        return {"alpha": np.where(expected > 1e-9 * np.maximum(squares, 1e-300), alpha, np.nan)}

    return figures


def _by_coincidence(counts: Floats, level: Level) -> Figures:
    """Nominal and ordinal alpha, from the coincidences of values within items."""
    k, items = counts.shape
    number = counts.sum(axis=0)
    pairs = counts[:, None, :] * counts[None, :, :]
    pairs[np.arange(k), np.arange(k)] -= counts
    coincidences: Any = sparse.csr_array((pairs / (number - 1)).reshape(k * k, items))

    def figures(weights: Floats) -> dict[str, Floats]:
        observed = np.asarray(coincidences @ weights).reshape(k, k, -1)
        margins = counts @ weights
        n = margins.sum(axis=0)
        if level == "nominal":
            apart = np.broadcast_to(1.0 - np.eye(k)[:, :, None], observed.shape)
        else:
            ranks = midranks(margins)
            apart = (ranks[:, None, :] - ranks[None, :, :]) ** 2
        expected = np.einsum("cd,kd,ckd->d", margins, margins, apart)
        with np.errstate(divide="ignore", invalid="ignore"):
            alpha = 1 - (n - 1) * (observed * apart).sum(axis=(0, 1)) / expected
        return {"alpha": np.where((margins > 0).sum(axis=0) < 2, np.nan, alpha)}

    return figures


def human_ceiling(
    ratings: Ratings,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    categories: Sequence[float] | None = None,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Agreement:
    """How well one person agrees with the others: `agreement` of each rating with the mean of the item's other ratings.

    Each item gives one row for each of its raters, and is one cluster. With three raters or more the others' mean falls
    between the scores; exact agreement and the kappas then say little, correlations and errors are what to compare.

    Args:
        ratings: one row an item, one column a rater; NaN or None where a rater gave none.
        clusters: what each item shares with others; by default every item stands alone.
        categories, confidence, draws, seed: as `agreement`.

    Raises:
        DataError: rows differ in length, or a rating is not a number.
    """
    table = rating_table(ratings)
    rated = ~np.isnan(table)
    number = rated.sum(axis=1)
    total = np.where(rated, table, 0).sum(axis=1)
    item, rater = np.nonzero(rated & (number >= 2)[:, None])
    own = table[item, rater]
    others = (total[item] - own) / (number[item] - 1)
    codes = cluster_codes(clusters, len(table))
    return agreement(
        own, others, clusters=codes[item], categories=categories, confidence=confidence, draws=draws, seed=seed
    )


_NOMINAL = ("exact", "kappa", "ac1", "alpha_nominal")


def label_ceiling(
    ratings: Ratings,
    labels: int,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Agreement:
    """How well one person agrees with the others on labels: each rating with the label that most of the others gave.

    Ratings whose others are tied are left out. Each item is one cluster; figures that take the labels for numbers are
    undefined.

    Args:
        ratings: one row an item, one column a rater, the numbers 0 … `labels` − 1 of the labels; NaN or None where a
            rater gave none.
        labels: how many labels there are.
        clusters, confidence, draws, seed: as `agreement`.

    Raises:
        DataError: rows differ in length, or a rating is none of the numbers.
    """
    table = rating_table(ratings)
    rated = ~np.isnan(table)
    counts = np.stack([(table == label).sum(axis=1) for label in range(labels)], axis=1)
    item, rater = np.nonzero(rated & (rated.sum(axis=1) >= 2)[:, None])
    own = table[item, rater]
    others = counts[item]
    others[np.arange(len(item)), own.astype(np.int64)] -= 1
    tied = (others == others.max(axis=1, keepdims=True)).sum(axis=1) > 1 if len(item) else np.zeros(0, dtype=np.bool_)
    most = np.where(tied, np.nan, others.argmax(axis=1))
    codes = cluster_codes(clusters, len(table))
    found = agreement(
        own, most, clusters=codes[item], categories=range(labels), confidence=confidence, draws=draws, seed=seed
    )
    return without_order(found, confidence)


def without_order(found: Agreement, confidence: float) -> Agreement:
    """The agreement of labels: undefined are the figures that take these for numbers."""
    nothing = Estimate.undefined("the labels have no order", confidence)
    return replace(found, **{name: nothing for name, _, _ in found.figures() if name not in _NOMINAL})


def rating_table(ratings: Ratings) -> Floats:
    """Ratings as floats (items, raters), missing ones as NaN."""
    rows = [score_column(row, f"ratings[{item}]") for item, row in enumerate(ratings)]
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise DataError(
            f"the items have {sorted(lengths)} ratings; give one column a rater, with NaN where there is none"
        )
    return np.array(rows) if rows else np.empty((0, 0))
