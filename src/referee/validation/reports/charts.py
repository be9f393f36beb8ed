"""Charts of a judge beside people, each defined once: for the page, for a notebook and as a PNG (Altair).

A chart is an ordinary Altair chart: a notebook shows it as it is, and `chart.save("scores.png")` writes it. The page
takes the same definition and lets it be as wide as its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from referee.errors import MissingExtraError
from referee.validation.agreement import Validation

try:
    import altair as alt
except ImportError as error:
    raise MissingExtraError("charts", "reports") from error

JUDGE, PEOPLE = "#2f6fde", "#8a93a1"
"""Colours that hold on white, on black and in grey print."""
WIDTH = 340
MOST_POINTS = 1_500
"""Points of a scatter plot; more rows are thinned out evenly, as more ink would show less."""
MOST_LEVELS = 11
"""Levels up to which a table of judge by people is drawn."""


def distributions(validation: Validation) -> alt.TopLevelMixin:
    """How often each score was given, the judge's beside people's, on the score's own scale."""
    order = ["people", validation.judge]
    rows = [
        {"who": who, "score": level.label, "rows": count}
        for level in validation.levels
        for who, count in (("people", level.human), (validation.judge, level.judge))
    ]
    names = [level.label for level in validation.levels]
    slanted = sum(map(len, names)) > 45
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=alt.X(
                "score:N", sort=names, title="score", axis=alt.Axis(labelAngle=-40 if slanted else 0, labelLimit=140)
            ),
            xOffset=alt.XOffset("who:N", sort=order),
            y=alt.Y("rows:Q", title="rows", axis=alt.Axis(tickMinStep=1, format=",d")),
            color=alt.Color(
                "who:N",
                scale=alt.Scale(domain=order, range=[PEOPLE, JUDGE]),
                legend=alt.Legend(title=None, orient="top", labelLimit=200),
            ),
            tooltip=["who:N", "score:N", alt.Tooltip("rows:Q", format=",")],
        )
        .properties(width=WIDTH, height=230)
    )


def scatter(validation: Validation) -> alt.TopLevelMixin:
    """The judge's score over people's, one point a row; equal rows are set apart a little, by chance and the same each
    time."""
    judge, human = (np.asarray(column, dtype=float) for column in (validation.columns.judge, validation.columns.human))
    kept = thinned(len(judge))
    step = _step(validation)
    rng = np.random.default_rng(0)
    apart = rng.uniform(-0.22, 0.22, (2, len(kept))) * step if step else np.zeros((2, len(kept)))
    rows = [
        {
            "people": human[row],
            "judge": judge[row],
            "x": human[row] + dx,
            "y": judge[row] + dy,
            "row": int(validation.columns.rows[row]),
        }
        for row, dx, dy in zip(kept.tolist(), *apart, strict=True)
    ]
    low = min(validation.scale.low, *judge.tolist(), *human.tolist())
    high = max(validation.scale.high, *judge.tolist(), *human.tolist())
    room = 0.4 * step if step else 0.03 * (high - low or 1.0)
    domain = alt.Scale(domain=[low - room, high + room], nice=False, zero=False)
    levels = validation.scale.levels
    ticks = alt.Axis(values=list(levels), format="~g") if 0 < len(levels) <= 21 else alt.Axis(tickCount=6)
    points = (
        alt.Chart(alt.Data(values=rows))
        .mark_circle(size=46, opacity=_opacity(len(rows)), color=JUDGE)
        .encode(
            x=alt.X("x:Q", title="people", scale=domain, axis=ticks),
            y=alt.Y("y:Q", title="judge", scale=domain, axis=ticks),
            tooltip=[
                alt.Tooltip("row:Q", format="d"),
                alt.Tooltip("people:Q", format=".3~g"),
                alt.Tooltip("judge:Q", format=".3~g"),
            ],
        )
    )
    return (_diagonal(low, high) + points).properties(width=WIDTH, height=300)


def confusion(validation: Validation) -> alt.TopLevelMixin:
    """How many rows fell on each pair of people's and the judge's score."""
    names, counts = confusion_counts(validation)
    most = max((max(line) for line in counts), default=1) or 1
    given = [sum(line) for line in counts]
    rows = [
        {
            "people": names[true],
            "judge": names[said],
            "rows": count,
            "share": count / given[true] if given[true] else 0.0,
            "strength": count / most,
        }
        for true, line in enumerate(counts)
        for said, count in enumerate(line)
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            "people:N",
            sort=names,
            title="people",
            axis=alt.Axis(
                labelAngle=-40 if sum(map(len, names)) > 45 else 0, labelLimit=130, domain=False, ticks=False
            ),
        ),
        y=alt.Y("judge:N", sort=names[::-1], title="judge", axis=alt.Axis(labelLimit=130, domain=False, ticks=False)),
    )
    fields = [
        "people:N",
        "judge:N",
        alt.Tooltip("rows:Q", format=","),
        alt.Tooltip("share:Q", format=".0%", title="of people's"),
    ]
    cells = base.mark_rect(color=JUDGE, stroke=PEOPLE, strokeOpacity=0.25).encode(
        fillOpacity=alt.FillOpacity("strength:Q", scale=alt.Scale(domain=[0, 1], range=[0.02, 1]), legend=None),
        tooltip=fields,
    )
    numbers = base.mark_text(fontSize=12 if len(names) <= 7 else 10).encode(
        text=alt.Text("rows:Q", format=","),
        color=alt.condition("datum.strength > 0.6", alt.value("white"), alt.value("currentColor")),
        opacity=alt.condition("datum.rows > 0", alt.value(1), alt.value(0.35)),
        tooltip=fields,
    )
    return (cells + numbers).properties(width=WIDTH, height=max(160, min(320, 46 * len(names) + 40)))


def confusion_counts(validation: Validation) -> tuple[list[str], list[list[int]]]:
    """The levels' names and the rows by people's level (outer) and the judge's; each score at its nearest level."""
    if validation.kind == "labels" and validation.labels is not None:
        return [str(label) for label in validation.labels.labels], [list(line) for line in validation.labels.confusion]
    levels = np.array(validation.scale.levels)
    label_of = {level.value: level.label for level in validation.levels}
    counts = np.zeros((len(levels), len(levels)), dtype=int)
    if len(levels) and len(validation.columns.judge):
        said, true = (
            np.abs(np.asarray(column, dtype=float)[:, None] - levels).argmin(axis=1)
            for column in (validation.columns.judge, validation.columns.human)
        )
        np.add.at(counts, (true, said), 1)
    return [label_of.get(float(level), f"{level:g}") for level in levels], counts.tolist()


def calibration(validation: Validation) -> alt.TopLevelMixin:
    """People's mean score where the judge gave about this; on the dashed line its numbers mean what they say."""
    rows = [
        {
            "judge": entry.judge,
            "people": entry.human.value,
            "low": entry.human.low,
            "high": entry.human.high,
            "rows": entry.n,
        }
        for entry in validation.calibration
        if entry.human.value is not None
    ]
    low, high = validation.scale.low, validation.scale.high
    room = 0.05 * (high - low or 1.0)
    scale = alt.Scale(domain=[low - room, high + room], nice=False, zero=False)
    levels = validation.scale.levels
    axis = alt.Axis(values=list(levels), format="~g") if 0 < len(levels) <= 21 else alt.Axis(tickCount=6)
    base = alt.Chart(alt.Data(values=rows)).encode(x=alt.X("judge:Q", title="judge", scale=scale, axis=axis))
    intervals = (
        base.transform_filter("isValid(datum.low) && isValid(datum.high)")
        .mark_rule(color=JUDGE, strokeWidth=2, opacity=0.6, clip=True)
        .encode(y=alt.Y("low:Q", scale=scale, title="people, mean", axis=axis), y2="high:Q")
    )
    points = base.mark_circle(color=JUDGE, opacity=1, clip=True).encode(
        y=alt.Y("people:Q", scale=scale, title="people, mean", axis=axis),
        size=alt.Size("rows:Q", scale=alt.Scale(range=[30, 260], zero=True), legend=None),
        tooltip=[
            alt.Tooltip("judge:Q", format=".3~g"),
            alt.Tooltip("people:Q", format=".2f"),
            alt.Tooltip("low:Q", format=".2f"),
            alt.Tooltip("high:Q", format=".2f"),
            alt.Tooltip("rows:Q", format=","),
        ],
    )
    return (_diagonal(low, high) + intervals + points).properties(width=WIDTH, height=300)


def thinned(rows: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The rows that are drawn: all, or evenly spread ones of more than can be shown."""
    return (
        np.unique(np.linspace(0, rows - 1, min(rows, MOST_POINTS)).round().astype(np.int64)) if rows else np.arange(0)
    )


def png(chart: alt.TopLevelMixin, *, scale: float = 2.0) -> bytes:
    """A chart as a PNG picture on white, `scale` times as large as on a screen.

    Raises:
        MissingExtraError: vl-convert is not installed.
    """
    return _convert().vegalite_to_png(chart.to_dict(), scale=scale)


def svg(chart: alt.TopLevelMixin) -> str:
    """A chart as an SVG picture.

    Raises:
        MissingExtraError: vl-convert is not installed.
    """
    return _convert().vegalite_to_svg(chart.to_dict())


def _convert() -> Any:
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtraError("a picture of a chart", "reports") from error
    return vl_convert


def _diagonal(low: float, high: float) -> alt.Chart:
    ends: Sequence[dict[str, float]] = [{"x": low, "y": low}, {"x": high, "y": high}]
    return (
        alt.Chart(alt.Data(values=list(ends)))
        .mark_line(strokeDash=[4, 4], color=PEOPLE, strokeWidth=1.2)
        .encode(x=alt.X("x:Q"), y=alt.Y("y:Q"))
    )


def _step(validation: Validation) -> float:
    """The distance of neighbouring levels, 0 on a continuous scale (nothing lies on top of anything there)."""
    levels = validation.scale.levels
    if len(levels) < 2:
        return 0.0
    return float(np.diff(levels).min())


def _opacity(points: int) -> float:
    return 0.75 if points < 100 else 0.45 if points < 500 else 0.28
