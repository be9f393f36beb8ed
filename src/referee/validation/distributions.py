"""How often each score was given, and what people gave where the judge gave it: what charts are drawn of."""

from __future__ import annotations

import numpy as np

from referee.statistics import mean_score
from referee.statistics.columns import Floats, Ints
from referee.validation.agreement import Calibration, Level, Scale


def levels(scale: Scale, x: Floats, y: Floats, names: tuple[str, ...]) -> tuple[Level, ...]:
    """How often the judge (x) and people (y) gave each score; on a scale without levels in ten equal bins.

    Args:
        scale: the score's scale.
        x, y: both sides' scores of the same rows.
        names: for labels without values, the labels by their number.
    """
    if not x.size:
        return ()
    known = np.array(scale.levels)
    labels = {value: label for label, value in scale.labels.items()}
    if names:
        labels = {float(at): label for at, label in enumerate(names)}
        known = np.arange(len(names), dtype=np.float64)
    if not known.size or known.size > 50:
        return _bins(scale, x, y)
    counts = [np.zeros(known.size, dtype=np.int64) for _ in (x, y)]
    for side, count in zip((x, y), counts, strict=True):
        values, rows = np.unique(side, return_counts=True)
        np.add.at(count, np.abs(values[:, None] - known[None, :]).argmin(axis=1), rows)
    return tuple(
        Level(float(value), labels.get(float(value), f"{value:g}"), int(counts[0][at]), int(counts[1][at]))
        for at, value in enumerate(known)
    )


def _bins(scale: Scale, x: Floats, y: Floats) -> tuple[Level, ...]:
    low, high = (scale.low, scale.high) if scale.high > scale.low else (scale.low, scale.low + 1)
    edges = np.linspace(low, high, 11)
    counts = [np.histogram(side, bins=edges)[0] for side in (x, y)]
    return tuple(
        Level(
            float((edges[at] + edges[at + 1]) / 2),
            f"{edges[at]:.3g} to {edges[at + 1]:.3g}",
            int(counts[0][at]),
            int(counts[1][at]),
        )
        for at in range(10)
    )


def calibration(scale: Scale, x: Floats, y: Floats, keys: Ints | None, confidence: float) -> tuple[Calibration, ...]:
    """The mean human score by the judge's score: by value on few levels, else in ten parts of equal size."""
    if not x.size:
        return ()
    values = np.unique(x)
    if values.size <= 20:
        parts = [np.flatnonzero(x == value) for value in values]
    else:
        order = np.argsort(x, kind="stable")
        parts = [part for part in np.array_split(order, 10) if part.size]
    return tuple(
        Calibration(
            float(x[part].mean()),
            mean_score(y[part], clusters=None if keys is None else keys[part], confidence=confidence),
            int(part.size),
        )
        for part in parts
    )
