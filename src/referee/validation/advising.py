"""What to do about a judge's figures.

The thresholds are those that people learn first: a Pearson correlation over 0.6 is good, under 0.4 something is to be
done, and a mean absolute error under 0.5 is good on a scale of 0 to 4. "Good" is said only where the interval says it.
"""

from __future__ import annotations

from referee.statistics import Agreement
from referee.validation.agreement import Advice, Validation
from referee.validation.reading import FEW_ROWS, bias_in_words, is_verdict, more_to_show, other_scale, round_up

GOOD, LOW = 0.6, 0.4
GOOD_MAE_SHARE = 0.125
"""An MAE of 0.5 on a scale of 0 to 4, as a share of the scale."""
CLUSTERED = 0.7
"""A judge that gives one score to so many rows clusters around it, where people do not."""
MANY_LEFT_OUT = 0.05


def advise(validation: Validation, remarks: list[str]) -> tuple[Advice, ...]:
    """What to do about it; `remarks` are what the join of labels has to say."""
    out = [Advice("note", text) for text in remarks]
    out += _about_rows(validation)
    figures = validation.agreement
    if validation.n < 2:
        return tuple(out)
    if figures is None:
        return (*out, *_about_labels(validation))
    out += _about_labels(validation) if is_verdict(validation) else _about_correlation(validation, figures)
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
        if r.low is not None and r.low <= -1:
            return [Advice("note", f"r = {r} tells nothing yet: so few rows have some correlation whatever they are.")]
        tell = f"; about {round_up(more)} more labels would tell whether it is" if more else ""
        return [Advice("note", f"r = {r} is over {GOOD}, the usual mark of a good judge, but may not be{tell}.")]
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


def _about_labels(validation: Validation) -> list[Advice]:
    labels, alignment = validation.labels, validation.alignment
    kappa = None if labels is None else labels.kappa
    if kappa is None or kappa.value is None:
        return []
    if kappa.low is not None and kappa.low > GOOD:
        return [Advice("good", f"Cohen's kappa {kappa} is good by the usual mark (over {GOOD}).")]
    if kappa.value >= LOW:
        return []
    text = f"Cohen's kappa {kappa} is low (under {LOW})"
    if alignment is not None and alignment.suspect and not alignment.offset:
        why = (
            "and the labels agree no better than shuffled ones: either this judge cannot tell, or they are of other "
            "rows. Look at a few, and join them by a key (--labels FILE --key FIELD)."
        )
        return [Advice("warn", f"{text}, {why}")]
    what = (
        "Say in the prompt what earns each label, with an example; look at the disagreements; try a larger judge "
        "model; and check that the labels belong to these rows."
    )
    return [Advice("warn", f"{text}. {what}")]


def _about_scale(validation: Validation, figures: Agreement) -> list[Advice]:
    out: list[Advice] = []
    other = other_scale(validation)
    counts = [(level.judge, level.human, level.label) for level in validation.levels]
    if counts and validation.n >= 5 and not is_verdict(validation) and not other:
        most, label = max((judge, label) for judge, _, label in counts)
        people = max(human for _, human, _ in counts)
        if most / validation.n >= CLUSTERED and most > 1.25 * people:
            out.append(Advice(
                "warn",
                f"The judge clusters around {label} ({most:,} of {validation.n:,} rows; people's commonest score has "
                f"{people:,}): the prompt may be too vague. Describe what each score on the scale means.",
            ))  # fmt: skip
    width = validation.scale.high - validation.scale.low
    if validation.scale.known and width > 0 and figures.mae.value is not None and not is_verdict(validation):
        mark = GOOD_MAE_SHARE * width
        if figures.mae.high is not None and figures.mae.high < mark:
            out.append(Advice("good", f"MAE {figures.mae} is good (under {mark:g} on this scale)."))
    bias = bias_in_words(figures.bias, validation)
    if (
        bias is not None
        and not other
        and not is_verdict(validation)
        and figures.pearson.low is not None
        and figures.pearson.low > 0
    ):
        out.append(Advice(
            "note",
            f"It rates {bias} but orders answers well enough to rank them. For a mean, correct it by labels "
            "(referee estimate); for the numbers themselves, describe the scale's ends in the prompt.",
        ))  # fmt: skip
    if other:
        out.append(Advice(
            "warn",
            "The judge's scores and people's do not seem to be on one scale: MAE, bias and exact agreement mean "
            "little. Say which scales they are (--scale 0-4 --human-scale 1-5).",
        ))  # fmt: skip
    return out
