"""What a notebook shows of an answer: the reading, the first figures, and charts as pictures that need no script."""

from __future__ import annotations

from referee.errors import MissingExtraError
from referee.validation.agreement import Validation
from referee.validation.comparison import Comparison
from referee.validation.correction import Correction
from referee.validation.planning import Plan

_CELL = "max-width:900px;font-family:system-ui,sans-serif"
_CHARTS = "display:flex;flex-wrap:wrap;gap:16px;background:#fff;color:#000"


def cell(answer: Validation | Comparison | Correction | Plan) -> str | None:
    """An answer as HTML for a notebook; None without the extra `reports`, and the notebook then prints it as text."""
    try:
        from referee.pages.page import text

        pictures = "".join(f"<div>{picture}</div>" for picture in _pictures(answer))
    except MissingExtraError:
        return None
    first, *others = answer.reading or ("",)
    told = f"<p><strong>{text(first)}</strong></p>" + "".join(f"<p>{text(sentence)}</p>" for sentence in others)
    return f'<div style="{_CELL}">{told}{_figures(answer)}<div style="{_CHARTS}">{pictures}</div></div>'


def _figures(answer: Validation | Comparison | Correction | Plan) -> str:
    from referee.pages.page import table, text
    from referee.validation.reports.parts import brief

    if isinstance(answer, Validation) and answer.agreement is not None:
        shown = [(label, estimate) for _, label, estimate in answer.agreement.figures()]
    elif isinstance(answer, Validation) and answer.labels is not None:
        shown = [("exact agreement", answer.labels.accuracy), ("Cohen's kappa", answer.labels.kappa)]
    elif isinstance(answer, Correction):
        shown = [
            (f"corrected {answer.quantity}", answer.estimate),
            ("judge alone", answer.uncorrected),
            ("people alone", answer.humans_only),
        ]
    elif isinstance(answer, Comparison):
        return "".join(f"<p>{text(pair.sentence)}</p>" for pair in answer.pairs)
    else:
        return ""
    return table(("", ""), ([text(name), text(brief(estimate))] for name, estimate in shown))


def _pictures(answer: Validation | Comparison | Correction | Plan) -> list[str]:
    from referee.validation.reports.charts import confusion, distributions, scatter, svg
    from referee.validation.reports.interval_charts import differences, three_ways

    if isinstance(answer, Validation):
        if not answer.n:
            return []
        each = scatter(answer) if answer.kind == "numbers" else confusion(answer)
        return [svg(distributions(answer)), svg(each)] if answer.levels else [svg(each)]
    if isinstance(answer, Correction):
        return [svg(three_ways(answer))]
    if isinstance(answer, Comparison):
        chart = differences(answer)
        return [] if chart is None else [svg(chart)]
    return []
