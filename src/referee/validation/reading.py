"""What a judge's figures say in plain sentences, and what to do about it.

A sentence claims only what an interval shows. The thresholds are those that people learn first: a Pearson correlation
over 0.6 is good, under 0.4 something is to be done, and a mean absolute error under 0.5 is good on a scale of 0 to 4.
"""

from __future__ import annotations

import math

from scipy.special import ndtri

from referee.statistics import Agreement, Estimate
from referee.statistics.planning import rows_from_pilot
from referee.validation.agreement import Advice, Level, Validation

GOOD, LOW = 0.6, 0.4
GOOD_MAE_SHARE = 0.125
"""An MAE of 0.5 on a scale of 0 to 4, as a share of the scale."""
CLUSTERED = 0.7
"""A judge that gives one score to so many rows clusters around it, where people do not."""
MANY_LEFT_OUT = 0.05
FEW_ROWS = 30


def labels_to_tell(figures: Agreement | None, *, power: float = 0.8) -> int | None:
    """How many more labels would show that the judge orders answers better than chance; see `Validation`."""
    return None if figures is None else more_to_show(figures.pearson, 0.0, figures.n, power)


def more_to_show(estimate: Estimate, threshold: float, n: int, power: float = 0.8) -> int | None:
    """More rows that would show a correlation to be on the side of `threshold` on which it seems to be; else None."""
    if estimate.value is None or estimate.low is None or estimate.high is None or estimate.excludes(threshold):
        return None
    if threshold == 0 and estimate.value <= 0:
        return None
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
        return tuple(_of_labels(validation))
    figures = validation.agreement
    binary = _is_verdict(validation)
    out = _of_labels(validation) if binary else [_ordering(validation, figures)]
    if not binary:
        out += _range(validation)
    out += _against_trivial(validation)
    out += _ceiling(validation, figures)
    for group in validation.subgroups:
        if group.differs:
            who = "the judge " if group.differs.startswith("agrees") else ""
            out.append(f"Rows with {validation.by} {group.name!r}: {who}{group.differs}.")
    return tuple(out)


def _is_verdict(validation: Validation) -> bool:
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
    bias = _bias(figures.bias)
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


def _bias(bias: Estimate) -> str | None:
    if bias.value is None or not bias.excludes(0.0):
        return None
    size = abs(bias.value)
    return f"{size:.1f} points too {'high' if bias.value > 0 else 'low'}" if size >= 0.05 else None


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
        return [f"It gives always {_listed(judge)} where {validation.people} use {_span(human)}."]
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
            if _is_verdict(validation):
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
    if theirs.low is not None and mine >= theirs.low:
        return [f"{said} That is as much as can be asked of it."]
    return [said]


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
            out.append(
                f"Of rows that people call {name} it finds {_share(found.sensitivity)}, of the others it "
                f"lets {_share(found.specificity)} be: as a reward it keeps {max(0.0, signal.value):.0%} of the signal."
            )
    return out


def _percent(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f" [{estimate.low:.0%}, {estimate.high:.0%}]"


def _share(estimate: Estimate) -> str:
    return "an unknown share" if estimate.value is None else f"{estimate.value:.0%}"


def advise(validation: Validation, remarks: list[str]) -> tuple[Advice, ...]:
    """What to do about it; `remarks` are what the join of labels has to say."""
    out = [Advice("note", text) for text in remarks]
    out += _about_rows(validation)
    figures = validation.agreement
    if figures is None or validation.n < 2:
        return tuple(out)
    if not _is_verdict(validation):
        out += _about_correlation(validation, figures)
    out += _about_scale(validation, figures)
    return tuple(out)


def _about_rows(validation: Validation) -> list[Advice]:
    out: list[Advice] = []
    alignment = validation.alignment
    if alignment is not None and alignment.offset:
        out.append(Advice(
            "warn",
            f"The labels seem to be of other rows: {alignment}. Join them by a key (--labels FILE --key FIELD) before "
            "believing any figure here.",
        ))  # fmt: skip
    unusable = sum(count for why, count in validation.left_out.items() if why.startswith(("unclear", "no usable")))
    failed = sum(count for why, count in validation.left_out.items() if why.startswith("failed"))
    if unusable > MANY_LEFT_OUT * validation.rows:
        out.append(Advice(
            "warn",
            f"{unusable:,} of {validation.rows:,} answers were unclear, and the figures know nothing of these rows. "
            "Ask for JSON only in the prompt, check the parser's json_path, allow more max_tokens, lower the "
            "temperature; --reread then reads the recorded answers again.",
        ))  # fmt: skip
    if failed > MANY_LEFT_OUT * validation.rows:
        out.append(Advice("warn", f"{failed:,} of {validation.rows:,} rows failed: run the same evaluation again."))
    if 2 <= validation.clusters.count < FEW_ROWS:
        units = "rows" if validation.clusters.field is None else "groups of rows"
        out.append(Advice(
            "note", f"{validation.clusters.count} {units} are few: the intervals are wide because little is known yet."
        ))  # fmt: skip
    return out


def _about_correlation(validation: Validation, figures: Agreement) -> list[Advice]:
    r = figures.pearson
    if r.value is None:
        return []
    if r.value > GOOD:
        if r.low is not None and r.low > GOOD:
            return [Advice("good", f"r = {r} is good by the usual mark (over {GOOD}).")]
        more = more_to_show(r, GOOD, figures.n)
        tell = f"; about {round_up(more)} more labels would tell" if more else ""
        return [Advice("note", f"r = {r} is over {GOOD}, the usual mark of a good judge, but may be lower{tell}.")]
    if r.value < LOW:
        text = (
            f"r = {r} is low (under {LOW}). Say in the prompt what earns each score, with an example; look at the "
            "disagreements; try a larger judge model; and check that the labels belong to these rows"
        )
        suspect = validation.alignment is not None and validation.alignment.suspect and not validation.alignment.offset
        return [Advice("warn", text + (", which agree no better than shuffled ones." if suspect else "."))]
    return [Advice(
        "note", f"r = {r} lies between low ({LOW}) and good ({GOOD}): clearer criteria for each score may raise it."
    )]  # fmt: skip


def _about_scale(validation: Validation, figures: Agreement) -> list[Advice]:
    out: list[Advice] = []
    counts = [(level.judge, level.human, level.label) for level in validation.levels]
    if counts and validation.n >= 5 and not _is_verdict(validation):
        most, label = max((judge, label) for judge, _, label in counts)
        people = max(human for _, human, _ in counts)
        if most / validation.n >= CLUSTERED and most > 1.25 * people:
            out.append(Advice(
                "warn",
                f"The judge clusters around {label} ({most:,} of {validation.n:,} rows; people's commonest score has "
                f"{people:,}): the prompt may be too vague. Describe what each score on the scale means.",
            ))  # fmt: skip
    width = validation.scale.high - validation.scale.low
    if validation.scale.known and width > 0 and figures.mae.value is not None and not _is_verdict(validation):
        mark = GOOD_MAE_SHARE * width
        if figures.mae.high is not None and figures.mae.high < mark:
            out.append(Advice("good", f"MAE {figures.mae} is good (under {mark:g} on this scale)."))
    bias = _bias(figures.bias)
    if bias is not None and not _is_verdict(validation) and figures.pearson.low is not None and figures.pearson.low > 0:
        out.append(Advice(
            "note",
            f"It rates {bias} but orders answers well enough to rank them. For a mean, correct it by labels "
            "(referee estimate); for the numbers themselves, describe the scale's ends in the prompt.",
        ))  # fmt: skip
    if not validation.scale.known and _other_scale(validation):
        out.append(Advice(
            "warn",
            "The judge's scores and people's do not seem to be on one scale: MAE, bias and exact agreement mean "
            "little. Say which scales they are (--scale 0-4 --human-scale 1-5).",
        ))  # fmt: skip
    return out


def _other_scale(validation: Validation) -> bool:
    judge, human = validation.columns.judge, validation.columns.human
    if not judge.size:
        return False
    spans = sorted([(float(side.min()), float(side.max())) for side in (judge, human)], key=lambda ends: ends[1])
    (low_start, low_end), (high_start, high_end) = spans
    apart = low_end < high_start
    # 0 to 1 beside 0 to 4, or 1 to 5 beside 1 to 100; a timid judge on the same scale does not look so.
    return apart or (high_end > 2 * max(low_end, 1e-9) and low_end > 0 and (low_end <= 1 or high_end > 4 * low_end)
                     and low_start >= 0)  # fmt: skip
