"""The report of any answer: as a file, and as what a notebook shows."""

from __future__ import annotations

import os

from referee.pages.page import Page
from referee.validation.agreement import Validation
from referee.validation.comparison import Comparison
from referee.validation.correction import Correction
from referee.validation.planning import Plan
from referee.validation.ranking import Ranked
from referee.validation.reports.comparison_page import comparison_page
from referee.validation.reports.correction_page import correction_page
from referee.validation.reports.plan_page import plan_page
from referee.validation.reports.rank_page import rank_page
from referee.validation.reports.validation_page import validation_page

Answer = Validation | Comparison | Correction | Plan | Ranked


def write_report(
    path: str | os.PathLike[str], answer: Answer, *, title: str | None = None, introduction: str = ""
) -> None:
    """Write an answer as one HTML file that loads nothing: for a browser, a phone, paper, or an attachment.

    Args:
        path: the file; one that is there is replaced.
        answer: what `validate`, `compare`, `estimate`, `plan` or `rank` gave.
        title: the page's heading, in place of one made from the answer.
        introduction: a paragraph under it.

    Raises:
        MissingExtraError: the extra `reports` is not installed.
        OutputError: the file cannot be written.
    """
    report(answer, title=title, introduction=introduction).write(path)


def report(answer: Answer, *, title: str | None = None, introduction: str = "") -> Page:
    """The page of an answer; arguments as `write_report`."""
    if isinstance(answer, Validation):
        return validation_page(answer, title, introduction)
    if isinstance(answer, Comparison):
        return comparison_page(answer, title, introduction)
    if isinstance(answer, Correction):
        return correction_page(answer, title, introduction)
    if isinstance(answer, Ranked):
        return rank_page(answer, title, introduction)
    return plan_page(answer, title, introduction)
