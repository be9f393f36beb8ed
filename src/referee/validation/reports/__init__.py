"""Reports: one self-contained HTML page for each answer of `validate`, `compare`, `estimate`, `plan` and `rank`."""

from __future__ import annotations

from referee.validation.reports.writing import report, write_report

__all__ = ["report", "write_report"]
