"""The answer of `compare` on a screen."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from referee.cli.pages import advice, interval, number, page, sentences, table
from referee.exchange import excerpt
from referee.validation.comparison import Comparison

_ANSWERS = {"no difference shown": "not shown", "undefined": "undefined"}
_LONGEST_NAME = 12


def render(found: Comparison) -> None:
    """Print it on stdout."""
    console = page()
    human = ", ".join(found.judges[0].human)
    console.print(Text(f"{', '.join(found.names)} beside {human}", style="bold"), soft_wrap=True)
    console.print(Text(_rows(found), style="dim"))
    console.print()
    sentences(console, found.reading)
    if found.n >= 2:
        if len(found.judges) == 2:
            _pair(console, found)
        else:
            _judges(console, found)
    if found.advice:
        console.print()
        advice(console, found.advice)


def _rows(found: Comparison) -> str:
    text = f"{found.n:,} of {found.rows:,} rows were scored by all and by people"
    if found.left_out:
        text += ": left out " + ", ".join(f"{count:,} {why}" for why, count in found.left_out.items())
    note = found.clusters.note
    return f"{text}. {note[0].upper()}{note[1:]}."


def _pair(console: Console, found: Comparison) -> None:
    """Two judges: every figure, its difference and what that says."""
    pair = found.pairs[0]
    names = [excerpt(name, _LONGEST_NAME) for name in (pair.first, pair.second)]
    rows = table("", *names, "difference", "better")
    undefined: dict[str, list[str]] = {}
    for one in pair.figures:
        if one.answer == "undefined" or one.first is None:
            undefined.setdefault(one.difference.reason or "", []).append(one.figure)
            continue
        winner = {"better": names[0], "worse": names[1]}.get(one.answer) or _ANSWERS[one.answer]
        decides = one.figure == pair.decided_by.figure
        rows.add_row(
            Text(one.figure, style="bold" if decides else ""),
            number(one.first),
            number(one.second),
            interval(one.difference),
            winner,
        )
    console.print()
    console.print(rows)
    for reason, names in undefined.items():
        console.print(Text(f"Undefined, as {reason}: {', '.join(names)}.", style="dim"))
    console.print(
        Text(
            f"{found.figure_label} decides; the others are shown beside it, each at its own "
            f"{100 * found.confidence:g} %.",
            style="dim",
        )
    )


def _judges(console: Console, found: Comparison) -> None:
    """Three judges or more: the deciding figure, MAE and bias of each on all common rows."""
    others = [name for name in ("mae", "bias") if name != found.figure]
    labelled = {"mae": "MAE", "bias": "bias"}
    rows = table("", found.figure_label, "interval", *(labelled[name] for name in others))
    for judge in found.judges:
        figures = judge.agreement
        if figures is None:
            exact = judge.labels.accuracy if judge.labels is not None else None
            cells = [number(exact.value), interval(exact)] if exact is not None else ["–", ""]
            rows.add_row(excerpt(judge.judge, 24), *cells, *("–" for _ in others))
            continue
        one = getattr(figures, found.figure)
        rows.add_row(
            excerpt(judge.judge, 24),
            number(one.value),
            interval(one),
            *(number(getattr(figures, name).value) for name in others),
        )
    console.print()
    console.print(rows)
    console.print(
        Text(
            f"On all {found.n:,} common rows. Differences are judged for {found.looks} pairs at once (Bonferroni).",
            style="dim",
        )
    )
