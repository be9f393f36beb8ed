"""Figures with their intervals, one line each: what overlaps and what does not is seen at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from referee.errors import MissingExtraError
from referee.statistics import Estimate
from referee.validation.agreement import Validation
from referee.validation.comparison import Comparison, Pair
from referee.validation.correction import Correction
from referee.validation.reports.charts import JUDGE, PEOPLE, WIDTH

try:
    import altair as alt
except ImportError as error:
    raise MissingExtraError("charts", "reports") from error

COLOURS = {"judge": JUDGE, "beside": PEOPLE, "better": "#1a8a55", "worse": "#c0621a"}
Kind = Literal["judge", "beside", "better", "worse"]
LINE = 34


@dataclass(frozen=True)
class Line:
    """One line of the chart.

    Args:
        name: what the figure is of.
        estimate: the figure; what is undefined is no line.
        kind: what it is, for its colour.
    """

    name: str
    estimate: Estimate
    kind: Kind = "judge"


def judges_beside(found: Comparison) -> alt.TopLevelMixin | None:
    """The figure that decides, of each judge by itself; None where it is undefined for all."""
    entries = [Line(judge.judge, figure_of(judge, found.figure)) for judge in found.judges]
    return lines(entries, found.figure_label, reference=0.0) if _any(entries) else None


def differences(found: Comparison) -> alt.TopLevelMixin | None:
    """The difference of every two judges in the figure that decides; None where none is defined."""
    kinds: dict[str, Kind] = {"better": "better", "worse": "worse"}
    entries = [
        Line(pair_name(pair), pair.decided_by.difference, kinds.get(pair.decided_by.answer, "beside"))
        for pair in found.pairs
    ]
    return lines(entries, f"difference of {found.figure_label}", reference=0.0) if _any(entries) else None


def three_ways(found: Correction) -> alt.TopLevelMixin:
    """The corrected figure beside the judge's and people's own."""
    entries = [
        Line("corrected", found.estimate),
        Line("judge alone", found.uncorrected, "beside"),
        Line("people alone", found.humans_only, "beside"),
    ]
    return lines(entries, found.quantity)


def pair_name(pair: Pair) -> str:
    """Two judges as a difference."""
    return f"{pair.first} − {pair.second}"


def figure_of(judge: Validation, name: str) -> Estimate:
    """A figure of a judge by its field name; of judges of labels those that labels have."""
    if judge.agreement is not None:
        return getattr(judge.agreement, name)
    assert judge.labels is not None, "a judge has figures of numbers or of labels"
    found = {"exact": judge.labels.accuracy, "kappa": judge.labels.kappa, "ac1": judge.labels.ac1}
    return found.get(name, judge.labels.alpha)


def _any(entries: Sequence[Line]) -> bool:
    return any(entry.estimate.is_defined for entry in entries)


def lines(
    entries: Sequence[Line], title: str, *, reference: float | None = None, domain: tuple[float, float] | None = None
) -> alt.TopLevelMixin:
    """Figures as points on their intervals.

    Args:
        entries: the lines, from the top.
        title: of the axis.
        reference: where a dashed line stands, such as 0.
        domain: what the axis spans at least.
    """
    rows: list[dict[str, Any]] = [
        {
            "name": entry.name,
            "kind": entry.kind,
            "value": entry.estimate.value,
            "low": entry.estimate.low,
            "high": entry.estimate.high,
            "shown": f"{entry.estimate:.2f}" if entry.estimate.has_interval else f"{entry.estimate.value:.2f}",
        }
        for entry in entries
        if entry.estimate.value is not None
    ]
    ends = [row[key] for row in rows for key in ("value", "low", "high") if row[key] is not None]
    ends += [*(domain or ()), *(() if reference is None else (reference,))]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = 0.03 * (high - low or 1.0)
    scale = alt.Scale(domain=[low - room, high + room], nice=False, zero=False)
    order = [row["name"] for row in rows]
    colour = alt.Color("kind:N", scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())), legend=None)
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y(
            "name:N",
            sort=order,
            title=None,
            axis=alt.Axis(labelLimit=150, ticks=False, domain=False, labelPadding=8),
        ),
        color=colour,
    )
    fields = [alt.Tooltip("name:N", title="of"), alt.Tooltip("shown:N", title=title)]
    intervals = (
        base.transform_filter("isValid(datum.low) && isValid(datum.high)")
        .mark_rule(strokeWidth=3, opacity=0.55, strokeCap="round")
        .encode(x=alt.X("low:Q", title=title, scale=scale, axis=alt.Axis(tickCount=6)), x2="high:Q", tooltip=fields)
    )
    points = base.mark_circle(size=95, opacity=1).encode(x=alt.X("value:Q", title=title, scale=scale), tooltip=fields)
    chart = intervals + points
    if reference is not None:
        at = alt.Chart(alt.Data(values=[{"at": reference}]))
        chart = at.mark_rule(strokeDash=[4, 4], color=PEOPLE).encode(x=alt.X("at:Q", scale=scale)) + chart
    return chart.properties(width=WIDTH, height=LINE * max(1, len(rows)) + 8)
