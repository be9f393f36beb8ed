"""The answer of `validate` on a screen: what it says first, then the figures, then what to do."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from referee.cli.pages import advice, interval, number, page, sentences, table
from referee.exchange import excerpt
from referee.statistics import LabelAgreement
from referee.validation.agreement import Validation

_MOST_LEVELS = 11
_SHOWN_DISAGREEMENTS = 3
_WIDE, _FEW_LABELS = 64, 5
"""Characters for the columns of a confusion matrix, and the labels shown apart where there are more."""
_IN_POINTS = ("mae", "rmse", "bias")
"""Figures on the score's own scale; on a scale of 0 to 1 two decimals say little of them."""


def render(found: Validation) -> None:
    """Print it on stdout."""
    console = page()
    console.print(Text(_title(found), style="bold"), soft_wrap=True)
    console.print(Text(_rows(found), style="dim"))
    console.print()
    sentences(console, found.reading)
    if found.n >= 2:
        figures(console, found)
        _labels(console, found)
        _levels(console, found)
        _subgroups(console, found)
        _disagreements(console, found)
    if found.advice:
        console.print()
        advice(console, found.advice)


def _title(found: Validation) -> str:
    judge = found.judge if found.judge == found.score else f"{found.judge}.{found.score}"
    return f"{judge} beside people's {', '.join(found.human)} · {found.source}"


def _rows(found: Validation) -> str:
    text = f"{found.n:,} of {found.rows:,} rows have both scores"
    if found.left_out:
        text += ": left out " + ", ".join(f"{count:,} {why}" for why, count in found.left_out.items())
    text += f". {found.clusters.note[0].upper()}{found.clusters.note[1:]}."
    if found.judge_hash:
        text += f" Judge {found.judge_hash[:12]}."
    return text


def figures(console: Console, found: Validation) -> None:
    """Every agreement figure with its interval; beside it what a constant answer, and people, reach."""
    agreement = found.agreement
    if agreement is None:
        return
    people = found.ceiling
    share = f"{100 * found.confidence:g} % interval"
    rows = table("", "figure", share, "constant", *(["people"] if people else []))
    base = agreement.baseline
    constant = {} if base is None else {"exact": base.exact, "mae": base.mae, "rmse": base.rmse}
    narrow = found.scale.high - found.scale.low <= 1
    undefined: dict[str, list[str]] = {}
    for name, label, estimate in agreement.figures():
        if not estimate.is_defined:
            undefined.setdefault(estimate.reason or "", []).append(label)
            continue
        if narrow and name == "within_one":
            continue  # of every row, on a scale no wider than one
        spec = ".3f" if narrow and name in _IN_POINTS else ".2f"
        value = number(constant[name], spec) if name in constant else ""
        cells = [label, number(estimate.value, spec), interval(estimate, spec), value]
        if people is not None:
            cells.append(number(getattr(people, name).value, spec))
        rows.add_row(*cells)
    if found.within is not None and found.within.spearman.is_defined:
        same = excerpt(f"within the same {found.clusters.field}: Spearman", 40)
        rows.add_row(same, number(found.within.spearman.value), interval(found.within.spearman))
    for judge in found.trivial:
        if judge.name == "number of words" and judge.spearman.is_defined:
            rows.add_row("the number of words: Spearman", number(judge.spearman.value), interval(judge.spearman))
    if found.people_alpha is not None and found.people_alpha.is_defined:
        rows.add_row("people among themselves: alpha", number(found.people_alpha.value), interval(found.people_alpha))
    console.print()
    console.print(rows)
    for reason, names in undefined.items():
        console.print(Text(f"Undefined, as {reason}: {', '.join(names)}.", style="dim"))
    warned: dict[str, list[str]] = {}
    for _, label, estimate in agreement.figures():
        for warning in estimate.warnings:
            warned.setdefault(warning, []).append(label)
    for warning, names in warned.items():
        some = ", ".join(names) if len(names) < 4 else f"{names[0]}, {names[1]} and {len(names) - 2} more"
        console.print(Text(f"{some}: {warning}.", style="dim"))


def _labels(console: Console, found: Validation) -> None:
    labels = found.labels
    if labels is None:
        return
    verdict = len(labels.labels) == 2
    if found.kind == "labels":
        rows = table("", "figure", f"{100 * found.confidence:g} % interval")
        for name, estimate in (
            ("agreement", labels.accuracy),
            ("Cohen's kappa", labels.kappa),
            ("Gwet's AC1", labels.ac1),
            ("Krippendorff's alpha, nominal", labels.alpha),
            ("macro F1", labels.macro_f1),
        ):
            rows.add_row(name, number(estimate.value), interval(estimate))
        if found.ceiling is not None:
            rows.add_row("one person and the others: agreement", number(found.ceiling.exact.value),
                         interval(found.ceiling.exact))  # fmt: skip
        if found.people_alpha is not None:
            rows.add_row("people among themselves: alpha", number(found.people_alpha.value),
                         interval(found.people_alpha))  # fmt: skip
        console.print()
        console.print(rows)
        for warning in dict.fromkeys(labels.kappa.warnings):
            console.print(Text(f"Cohen's kappa: {warning}.", style="dim"))
    if found.kind == "labels" or verdict or found.scale.labels:
        rows = table("label", "people gave", "sensitivity", "specificity", "precision", "F1")
        for name, one in labels.by_label.items():
            rows.add_row(
                excerpt(str(name), 24),
                f"{one.hits + one.misses:,}",
                *(number(part.value) for part in (one.sensitivity, one.specificity, one.precision, one.f1)),
            )
        console.print()
        console.print(rows)
    if len(labels.labels) > 1:
        _confusion(console, found)


def _confusion(console: Console, found: Validation) -> None:
    labels = found.labels
    assert labels is not None
    names, confusion = _commonest(labels)
    rows = table("people \\ judge", *names)
    for name, counts in zip(names, confusion, strict=True):
        rows.add_row(name, *(f"{count:,}" if count else "·" for count in counts))
    console.print()
    console.print(rows)


def _commonest(labels: LabelAgreement) -> tuple[list[str], list[list[int]]]:
    """Names and confusion of as many labels as a screen is wide for, the commonest; the others together."""
    counts = np.array(labels.confusion)
    if len(counts) <= _MOST_LEVELS and sum(len(excerpt(str(name), 10)) + 2 for name in labels.labels) <= _WIDE:
        return [excerpt(str(name), 10) for name in labels.labels], counts.tolist()
    kept = np.sort(np.argsort(-(counts.sum(axis=0) + counts.sum(axis=1)), kind="stable")[:_FEW_LABELS])
    place = np.full(len(counts), len(kept))
    place[kept] = np.arange(len(kept))
    folded = np.zeros((len(kept) + 1, len(kept) + 1), dtype=int)
    np.add.at(folded, (place[:, None], place[None, :]), counts)
    rest = len(counts) - len(kept)
    return [*(excerpt(str(labels.labels[at]), 10) for at in kept), f"{rest} others"], folded.tolist()


def _levels(console: Console, found: Validation) -> None:
    if found.labels is not None and len(found.labels.labels) > 1:
        return  # the confusion matrix says it
    if not found.levels or len(found.levels) > _MOST_LEVELS:
        return
    rows = table("score", "judge", "people")
    for level in found.levels:
        rows.add_row(level.label, f"{level.judge:,}", f"{level.human:,}")
    console.print()
    console.print(rows)


def _subgroups(console: Console, found: Validation) -> None:
    if not found.subgroups:
        return
    verdicts = found.labels is not None and (found.kind == "labels" or len(found.labels.labels) == 2)
    names = ("agreement", "kappa") if verdicts else ("Pearson r", "bias")
    rows = table(excerpt(found.by or "", 20), "rows", names[0], "interval", names[1], "interval")
    for group in found.subgroups:
        shown = (group.exact, group.kappa) if verdicts else (group.pearson, group.bias)
        cells = [cell for one in shown for cell in (number(one.value), interval(one))]
        rows.add_row(excerpt(group.name, 20), f"{group.n:,}", *cells)
    console.print()
    console.print(rows)
    console.print(Text(f"Intervals are widened for looking at {len(found.subgroups)} groups.", style="dim"))


def _disagreements(console: Console, found: Validation) -> None:
    shown = found.disagreements[:_SHOWN_DISAGREEMENTS]
    if not shown:
        return
    console.print()
    console.print(Text("Not the same" if found.kind == "labels" else "Furthest apart", style="bold"))
    for row in shown:
        judge, human = (excerpt(part, 24) if isinstance(part, str) else f"{part:g}" for part in (row.judge, row.human))
        console.print(Text(f"row {row.row}: judge {judge}, people {human}"))
        what = " → ".join(excerpt(part, 100) for part in (row.prompt, row.answer) if part)
        if what:
            console.print(Padding(Text(what, style="dim"), (0, 0, 0, 2)))
