"""Parts that several reports share: what was found, figures with their intervals, what was left out, cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from referee.pages.page import capital, share, table, text
from referee.statistics import Estimate
from referee.validation.agreement import Advice, Clusters, Cost

_ADVICE = {"good": "Good", "note": "Mind", "warn": "Careful"}


def findings(reading: Sequence[str], advice: Sequence[Advice]) -> str:
    """What the figures say, the first sentence large, and what to do about it."""
    if not reading and not advice:
        return ""
    first, *others = reading or ("",)
    more = "".join(f"<p>{text(sentence)}</p>" for sentence in others)
    told = f'<p class="answer">{text(first)}</p>{more}' if first else ""
    items = "".join(
        f'<li class="is-{entry.level}"><span class="mark">{_ADVICE[entry.level]}</span>'
        f"<span>{text(entry.text)}</span></li>"
        for entry in advice
    )
    return f'<div class="findings">{told}</div>' + (f'<ul class="advice">{items}</ul>' if items else "")


@dataclass(frozen=True)
class Tile:
    """A figure that is shown large.

    Args:
        label: its name.
        estimate: the figure.
        lowest, highest: what the rail under it spans; None for no rail.
        note: a few words under it.
    """

    label: str
    estimate: Estimate
    lowest: float | None = None
    highest: float | None = None
    note: str = ""


def figure_tile(tile: Tile) -> str:
    """A figure with its interval on a rail."""
    estimate = tile.estimate
    if estimate.value is None:
        value, within = "–", f"undefined: {estimate.reason}"
    elif estimate.low is None or estimate.high is None:
        value, within = f"{estimate.value:.2f}", f"no interval: {estimate.reason}"
    else:
        value, within = (
            f"{estimate.value:.2f}",
            f"{estimate.confidence:.0%} interval {estimate.low:.2f} to {estimate.high:.2f}",
        )
    note = f'<span class="within">{text(tile.note)}</span>' if tile.note else ""
    return (
        f'<div class="tile"><span class="label">{text(tile.label)}</span><span class="value">{value}</span>'
        f'{_rail(tile)}<span class="within">{text(within)}</span>{note}{_warned(estimate)}</div>'
    )


def _rail(tile: Tile) -> str:
    """The interval as a bar on the whole range of the figure."""
    low, high, value = tile.estimate.low, tile.estimate.high, tile.estimate.value
    if tile.lowest is None or tile.highest is None or value is None or tile.highest <= tile.lowest:
        return ""
    span = tile.highest - tile.lowest

    def place(number: float) -> float:
        return 100 * min(1.0, max(0.0, (number - tile.lowest) / span)) if tile.lowest is not None else 0.0

    bar = ""
    if low is not None and high is not None:
        bar = f'<i class="bar" style="left:{place(low):.2f}%;width:{max(place(high) - place(low), 0.5):.2f}%"></i>'
    zero = f'<i class="zero" style="left:{place(0):.2f}%"></i>' if tile.lowest < 0 < tile.highest else ""
    return f'<span class="rail">{zero}{bar}<i class="dot" style="left:{place(value):.2f}%"></i></span>'


def _warned(estimate: Estimate) -> str:
    return "".join(f'<span class="warned">{text(warning)}</span>' for warning in estimate.warnings)


def figure_table(figures: Iterable[tuple[str, Estimate]]) -> str:
    """Figures with interval, method and warnings."""
    return table(("figure", "value", "interval", "how"), ([text(name), *cells(found)] for name, found in figures))


def cells(estimate: Estimate) -> list[str]:
    """An estimate as the three cells value, interval, and how (or why not)."""
    if estimate.value is None:
        return ["–", "", f"undefined: {text(estimate.reason)}"]
    value = f"{estimate.value:.3f}"
    if estimate.low is None or estimate.high is None:
        return [value, "–", f"no interval: {text(estimate.reason)}"]
    how = text(estimate.method or "")
    return [value, f"{estimate.low:.3f} to {estimate.high:.3f}", how + _warned(estimate)]


def brief(estimate: Estimate) -> str:
    """A figure with its interval in one cell, as text: what is undefined or has no interval says only that."""
    if estimate.value is None:
        return "undefined"
    return f"{estimate}" if estimate.has_interval else f"{estimate.value:.2f} [–]"


def figure(estimate: Estimate) -> str:
    """`brief` as HTML that is never broken over lines."""
    return f'<span class="figure">{text(brief(estimate))}</span>'


def accounted(rows: int, n: int, used: str, left_out: Mapping[str, int]) -> str:
    """Where all rows went: used, or left out for a reason; bars show the shares."""
    entries = [(used, n), *left_out.items()]
    whole = max(rows, 1)
    return table(
        ("rows", "", ""),
        ([text(name), f"{count:,}", share(count / whole)] for name, count in entries),
    )


def spent(cost: Cost | None) -> str:
    """What judging took."""
    if cost is None:
        return ""
    price = "no price known" if cost.dollars is None else f"${cost.dollars:,.4f}".rstrip("0").rstrip(".")
    each = "" if cost.dollars is None or not cost.rows else f"${cost.dollars / cost.rows:,.6f} a row"
    return table(
        ("", "", ""),
        [
            ["calls", f"{cost.calls:,}", f"for {cost.rows:,} rows"],
            ["tokens read", f"{cost.input_tokens:,}", _a_row(cost.input_tokens, cost.rows)],
            ["tokens written", f"{cost.output_tokens:,}", _a_row(cost.output_tokens, cost.rows)],
            ["price", price, each],
        ],
        shape="plain",
    )


def _a_row(tokens: int, rows: int) -> str:
    return f"{tokens / rows:,.0f} a row" if rows else ""


def origin(source: str, judge_hash: str | None, clusters: Clusters | None, confidence: float | None) -> str:
    """What the page was made from, for its foot."""
    facts = [f"Made from {source}." if source else ""]
    if judge_hash:
        facts.append(f"The figures hold for the judge {judge_hash} and for no other.")
    if clusters is not None:
        facts.append(_sentence(clusters.note))
    if confidence is not None:
        facts.append(f"Intervals are meant to hold the truth {confidence:.0%} of the time.")
    return f"<footer><p>{text(' '.join(fact for fact in facts if fact))}</p></footer>"


def named(judge: str, score: str) -> str:
    """A judge's score, as few words as say it: of a column of a file both names are the same."""
    return score if judge == score else f"{score} by {judge}"


def _sentence(said: str) -> str:
    return capital(said.rstrip(".")) + "." if said else ""
