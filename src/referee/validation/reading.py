"""What a judge's figures say in plain sentences: a sentence claims only what an interval shows."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from referee.statistics import Agreement, Estimate
from referee.statistics.planning import rows_from_pilot
from referee.validation.agreement import Level, Validation

FEW_ROWS = 30
"""Rows (or groups of them) under which their number is said to be few."""


def labels_to_tell(figures: Agreement | None, *, power: float = 0.8) -> int | None:
    """How many more labels would show that the judge orders answers better than chance; see `Validation`."""
    return None if figures is None else more_to_show(figures.pearson, 0.0, figures.n, power)


def more_to_show(estimate: Estimate, threshold: float, n: int, power: float = 0.8) -> int | None:
    """More rows that would show a correlation to be on the side of `threshold` on which it seems to be; else None."""
    if estimate.value is None or estimate.low is None or estimate.high is None or estimate.excludes(threshold):
        return None
    if threshold == 0 and estimate.value <= 0:
        return None
    if estimate.low <= -1 and estimate.high >= 1:
        return None  # so few rows that they do not even say how much they do not know
    value, low, high = (math.atanh(min(0.999999, max(-0.999999, end))) for end in _ends(estimate))
    error = (high - low) / (2 * float(ndtri((1 + estimate.confidence) / 2)))
    need = rows_from_pilot(n, error, value - math.atanh(threshold), confidence=estimate.confidence, power=power)
    # More than a hundred times the pilot is a guess about noise, and nobody's plan.
    return None if need is None or need <= n or need > 100 * n else need - n


def _ends(estimate: Estimate) -> tuple[float, float, float]:
    assert estimate.value is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.value, estimate.low, estimate.high


def read(validation: Validation) -> tuple[str, ...]:
    """What the figures say, the most important first."""
    if validation.n < 2:
        had = "One row has" if validation.n == 1 else "No row has"
        return (f"{had} both scores; agreement takes at least two.",)
    if validation.agreement is None:
        return (*_of_labels(validation), *_of_subgroups(validation))
    figures = validation.agreement
    binary = is_verdict(validation)
    out = _of_labels(validation) if binary else [_ordering(validation, figures)]
    if not binary:
        out += _within(validation, figures)
        out += _range(validation)
        out += _ceiling(validation, figures)
    out += _against_trivial(validation)
    return (*out, *_of_subgroups(validation))


def _of_subgroups(validation: Validation) -> list[str]:
    out: list[str] = []
    for group in validation.subgroups:
        if group.differs:
            who = "the judge " if group.differs.startswith("agrees") else ""
            out.append(f"Rows with {validation.by} {group.name!r}: {who}{group.differs}.")
    return out


def is_verdict(validation: Validation) -> bool:
    return validation.labels is not None and len(validation.labels.labels) == 2


def _ordering(validation: Validation, figures: Agreement) -> str:
    r = figures.pearson
    if r.value is None:
        why = f"{r.reason}{_where_people(validation)}"
        return f"Whether it orders answers as {validation.people} do cannot be asked: {why}."
    if r.low is not None and r.low > 0:
        text = "It orders answers better than chance"
    elif r.high is not None and r.high < 0:
        text = f"It orders answers the wrong way round: what {validation.people} rate high it rates low"
    else:
        text = f"That it orders answers better than chance is not shown with {figures.n:,} rows"
    bias = None if other_scale(validation) else bias_in_words(figures.bias, validation)
    shown = r.low is not None and r.low > 0
    if bias:
        text += f", {'but rates' if shown else 'and it rates'} {bias}"
    if validation.labels_to_tell is not None:
        text += f"; about {round_up(validation.labels_to_tell)} more labels would tell"
    return text + "."


def _where_people(validation: Validation) -> str:
    """What people did where the judge gave one score only."""
    judge = [level for level in validation.levels if level.judge]
    human = [level for level in validation.levels if level.human]
    return f", where {validation.people} use {_span(human)}" if len(judge) == 1 < len(human) else ""


def bias_in_words(bias: Estimate, validation: Validation) -> str | None:
    if bias.value is None or not bias.excludes(0.0):
        return None
    size = abs(bias.value)
    narrow = validation.scale.high - validation.scale.low <= 2
    if size < (0.005 if narrow else 0.05):
        return None
    return f"{size:{'.2f' if narrow else '.1f'}} points too {'high' if bias.value > 0 else 'low'}"


def round_up(number: int) -> str:
    """A planned number to two digits that count."""
    if number < 20:
        return str(number)
    step = 10 ** max(0, len(str(number)) - 2)
    return f"{math.ceil(number / step) * step:,}"


def _range(validation: Validation) -> list[str]:
    judge = [level for level in validation.levels if level.judge]
    human = [level for level in validation.levels if level.human]
    if not judge or not human or not validation.scale.levels:
        return []
    if validation.n >= 10 and 1 < len(judge) < len(human):
        given = validation.columns.judge
        between = given.size and not np.isin(given, validation.scale.levels).all()  # expected scores lie between levels
        said = (
            f"It stays between {given.min():.2g} and {given.max():.2g}"
            if between
            else f"It gives always {_listed(judge)}"
        )
        return [f"{said} where {validation.people} use {_span(human)}."]
    return []


def _listed(levels: list[Level]) -> str:
    names = [level.label for level in levels]
    if len(names) > 3:
        return _span(levels)
    return " or ".join(names) if len(names) < 3 else f"{names[0]}, {names[1]} or {names[2]}"


def _span(levels: list[Level]) -> str:
    return (
        f"{levels[0].label} to {levels[-1].label}" if len(levels) > 2 else " and ".join(level.label for level in levels)
    )


def _against_trivial(validation: Validation) -> list[str]:
    out: list[str] = []
    for judge in validation.trivial:
        against = judge.against
        if against is None or against.first is None or against.second is None:
            continue
        figures = f"{against.first:.2f} against {against.second:.2f}"
        if judge.mae.value is not None:
            if is_verdict(validation) or other_scale(validation):
                continue  # exact agreement beside the base rate says the same
            if against.answer == "worse":
                out.append(f"Its numbers are further off than those of always answering {judge.name.split()[1]}: "
                           f"MAE {figures}.")  # fmt: skip
            elif against.answer != "better":
                closer = "not shown to be closer" if against.first < against.second else "no closer"
                out.append(f"Its numbers are {closer} than always answering {judge.name.split()[1]}: MAE {figures}.")
        elif against.answer == "worse":
            out.append(f"Counting the words of an answer orders them better: Spearman {figures}.")
        elif against.answer != "better" and (validation.agreement and validation.agreement.pearson.excludes(0)):
            out.append(f"That it orders answers better than their number of words is not shown: Spearman {figures}.")
    return out


def _ceiling(validation: Validation, figures: Agreement) -> list[str]:
    ceiling = validation.ceiling
    if ceiling is None or ceiling.pearson.value is None or figures.pearson.value is None:
        return []
    mine, theirs = figures.pearson.value, ceiling.pearson
    said = f"One person agrees with the others by r = {theirs}; the judge with people by {mine:.2f}."
    assert theirs.value is not None
    if mine >= theirs.value:
        return [f"{said} That is as much as can be asked of it."]
    if theirs.low is not None and mine >= theirs.low:
        return [f"{said} That it agrees less than a person does is not shown."]
    return [said]


def _label_ceiling(validation: Validation) -> list[str]:
    """Where several people gave labels: how often one of them agrees with the others."""
    ceiling, labels = validation.ceiling, validation.labels
    if ceiling is None or labels is None or ceiling.exact.value is None or labels.accuracy.value is None:
        return []
    kappas = ""
    if ceiling.kappa.value is not None and labels.kappa.value is not None:
        kappas = f" (kappa {ceiling.kappa.value:.2f} against {labels.kappa.value:.2f})"
    person = f"{ceiling.exact.value:.0%} of rows{_percent(ceiling.exact)}"
    out = [f"One person agrees with the others on {person}, the judge on {labels.accuracy.value:.0%}{kappas}."]
    apart = validation.left_out.get("people disagree", 0)
    if apart:
        out.append(f"On {apart:,} rows people disagree: these are left out, and are likely the harder ones.")
    return out


def _within(validation: Validation, figures: Agreement) -> list[str]:
    """Whether it tells the rows of one group apart, or only the groups."""
    within, field = validation.within, validation.clusters.field
    if within is None or within.spearman.value is None or not figures.pearson.low or figures.pearson.low <= 0:
        return []
    among = f"among rows of the same {field}"
    said = f"Spearman {within.spearman} on average over {within.groups:,} groups"
    if within.spearman.low is not None and within.spearman.low > 0:
        return [f"It does so {among} too: {said}."]
    return [f"That it does so {among} is not shown ({said}): it may only see which {field} is which."]


def _of_labels(validation: Validation) -> list[str]:
    labels = validation.labels
    if labels is None:
        return []
    out: list[str] = []
    exact = labels.accuracy
    counts = {name: found.hits + found.misses for name, found in labels.by_label.items()}
    if exact.value is not None and counts:
        commonest = max(counts, key=lambda name: counts[name])
        base = counts[commonest] / max(1, labels.n)
        said = f"It agrees with people on {exact.value:.0%} of rows{_percent(exact)}; always answering {commonest} "
        said += f"would on {base:.0%}"
        if exact.low is not None and exact.low > base:
            said += "."
        elif exact.high is not None and exact.high < base:
            said += ": it does worse than that."
        else:
            said += ": that it does better is not shown."
        out.append(said)
    if labels.kappa.value is not None:
        beyond = (
            "beyond chance"
            if labels.kappa.low is not None and labels.kappa.low > 0
            else "not shown to be beyond chance"
        )
        out.append(f"Its agreement is {beyond} (Cohen's kappa {labels.kappa}).")
    elif labels.kappa.reason:
        out.append(f"Agreement beyond chance cannot be asked: {labels.kappa.reason}.")
    out += _label_ceiling(validation)
    bias = None if validation.agreement is None else validation.agreement.bias
    if len(labels.labels) == 2:
        name = labels.labels[-1]
        if bias is not None and bias.excludes(0.0):
            found = labels.by_label[name]
            judge, people = (part / labels.n for part in (found.hits + found.false_alarms, found.hits + found.misses))
            out.append(f"It says {name} on {judge:.0%} of rows, people on {people:.0%}.")
        found = labels.by_label[name]
        signal = found.signal_retained
        if signal.value is not None:
            kept = f"{max(0.0, signal.value):.0%}{_percent(signal)}"
            out.append(
                f"Of rows that people call {name} it finds {_share(found.sensitivity)}, of the others it lets "
                f"{_share(found.specificity)} be: as a reward it keeps {kept} of the signal."
            )
    return out


def _percent(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f" [{estimate.low:.0%}, {estimate.high:.0%}]"


def _share(estimate: Estimate) -> str:
    return "an unknown share" if estimate.value is None else f"{estimate.value:.0%}"


def other_scale(validation: Validation) -> bool:
    """Whether the two sides do not seem to be on one scale, so that their differences mean little."""
    if validation.scale.known:
        return False
    judge, human = validation.columns.judge, validation.columns.human
    if not judge.size:
        return False
    spans = sorted([(float(side.min()), float(side.max())) for side in (judge, human)], key=lambda ends: ends[1])
    (low_start, low_end), (high_start, high_end) = spans
    apart = low_end < high_start
    # 0 to 1 beside 0 to 4, or 1 to 5 beside 1 to 100; a timid judge on the same scale does not look so.
    return apart or (high_end > 2 * max(low_end, 1e-9) and low_end > 0 and (low_end <= 1 or high_end > 4 * low_end)
                     and low_start >= 0)  # fmt: skip
