"""How often the intervals of `referee.statistics` cover the truth, over a declared grid; prints markdown tables.

An interval that promises 95 % is measured like any other claim. For each cell (a population at a size) rows are drawn
many times, and the share of intervals that hold the known truth is counted. Intervals that carry a warning, and
estimates that say why they have none, are counted apart: there the method itself says that it does not know.

Repetitions go by what a table claims: cheap estimates and those that stand on assumptions get thousands, the rest
enough to tell 93 % from 95 %.

    make simulate                                # the whole grid, a quarter of an hour on one core
    make simulate RECORD=1                       # and replace the tables in docs/statistics.md
    python benchmarks/simulate_coverage.py --only "corrected means" --scale 4
    python benchmarks/simulate_coverage.py --only agreement --lines "lognormal @" --into docs/statistics.md
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from coverage_studies import STUDIES, Outcome

MARK = "<!-- coverage tables, written by `make simulate`: do not edit below -->"
DOMAIN = (0.93, 0.97)
LEGEND = (
    "Coverage at nominal 95 % / mean width; n counts clusters where rows are clustered, and labels where a mean is "
    "corrected. ▼ below 93 %, ▲ over 97 %, both by more than chance (two standard errors). In brackets the share of "
    "estimates that carried a warning, or said why they have no interval; coverage is that of the others."
)
REPETITIONS = {"rates": 4_000, "means": 2_000, "corrected means": 2_000, "recorded judgments": 1_000}
FEWEST = 20
"""Intervals without a warning under which their coverage is not told."""
USUAL = 400
"""Repetitions a cell of the other studies: a coverage of 95 % is known to one point in a hundred."""
HEADING = re.compile(r"^### (.*)$", re.MULTILINE)


@dataclass
class Tally:
    """What became of one column's intervals in one cell."""

    plain: int = 0
    """Intervals without a warning."""
    covered: int = 0
    """Of these, the ones that hold the truth."""
    other: int = 0
    """Estimates with a warning, without an interval, or refused."""
    width: float = field(default=0.0)
    """Sum of the plain intervals' widths."""

    def add(self, outcome: Outcome, column: str) -> None:
        estimate, truth = outcome[column]
        if estimate is None or estimate.low is None or estimate.high is None or estimate.warnings:
            self.other += 1
            return
        self.plain += 1
        self.covered += estimate.low <= truth <= estimate.high
        self.width += estimate.high - estimate.low

    def __str__(self) -> str:
        if self.plain < FEWEST:
            return "–"
        share, aside = self.covered / self.plain, self.other / (self.plain + self.other)
        # A cell is marked only where chance does not explain it (two standard errors of this many repetitions).
        slack = 2 * np.sqrt(0.95 * 0.05 / self.plain)
        mark = "▼" if share < DOMAIN[0] - slack else "▲" if share > DOMAIN[1] + slack else ""
        width = f"/{self.width / self.plain:.2f}"
        return f"{share:.3f}{mark}{width}" + (f" ({aside:.0%})" if aside >= 0.005 else "")


def run_cell(study: str, number: int, repetitions: int) -> tuple[str, int, dict[str, Tally]]:
    """One line of a study's table: setting, n, and the tally of each column."""
    cell = list(STUDIES[study]())[number]
    rng = np.random.default_rng([zlib.crc32(study.encode()), number])
    tallies: dict[str, Tally] = {}
    for _ in range(repetitions):
        outcome = cell.repeat(rng)
        for column in outcome:
            tallies.setdefault(column, Tally()).add(outcome, column)
    return cell.setting, cell.n, tallies


def table(lines: list[tuple[str, int, dict[str, Tally]]]) -> str:
    columns = list(dict.fromkeys(column for _, _, tallies in lines for column in tallies))
    rows = [["setting", "n", *columns], ["---", "---:", *("---" for _ in columns)]]
    for setting, n, tallies in lines:
        rows.append([setting, str(n), *(str(tallies.get(column, "")) for column in columns)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def merged(old: str, new: str) -> str:
    """A study's text with the lines of a new table in place of those of the same setting and n."""
    caption, _, before = old.partition("\n\n")
    lines, fresh = _cells(before), _cells(new)
    header = lines[0]
    made = {(row[0], row[1]): dict(zip(fresh[0], row, strict=True)) for row in fresh[2:]}
    rows = [
        [made[row[0], row[1]].get(name, "") for name in header] if (row[0], row[1]) in made else row for row in lines
    ]
    return f"{caption}\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cells(table: str) -> list[list[str]]:
    return [[part.strip() for part in line.strip("|").split("|")] for line in table.splitlines()]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--scale", type=float, default=1.0, help="that many times the usual repetitions")
    options.add_argument("--only", choices=list(STUDIES), action="append", help="a study; repeat for several")
    options.add_argument(
        "--lines", metavar="REGEX", help="only lines whose `setting @ n` has this; others stay as they are"
    )
    options.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options.add_argument("--into", type=Path, help="a page whose tables are replaced")
    chosen = options.parse_args()
    start = time.perf_counter()
    parts: dict[str, str] = {}
    print(LEGEND)
    with ProcessPoolExecutor(chosen.workers) as pool:
        for study in chosen.only or STUDIES:
            began = time.perf_counter()
            number = max(1, round(REPETITIONS.get(study, USUAL) * chosen.scale))
            cells = list(STUDIES[study]())
            wanted = re.compile(chosen.lines or "")
            at = [place for place, cell in enumerate(cells) if wanted.search(f"{cell.setting} @ {cell.n}")]
            jobs = [pool.submit(run_cell, study, cell, number) for cell in at]
            if cells and not jobs:
                continue
            if not jobs:
                print(f"{study}: left out, the recorded judgments are not here", file=sys.stderr)
                continue
            error = np.sqrt(0.95 * 0.05 / number)
            caption = f"{number:,} repetitions a cell; the standard error of a coverage is {error:.3f}."
            made = table([job.result() for job in jobs])
            title = study.capitalize()
            page: Path | None = chosen.into if chosen.lines is not None else None
            parts[title] = f"{caption}\n\n{made}" if page is None else merged(tables_of(page)[title], made)
            print(f"### {study.capitalize()}\n\n{parts[study.capitalize()]}\n", flush=True)
            print(f"{study}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
            if chosen.into is not None:
                write(chosen.into, parts)
    print(f"{time.perf_counter() - start:.0f} s in all", file=sys.stderr)
    return 0


def tables_of(page: Path) -> dict[str, str]:
    """What a page has of each study, by its title."""
    pieces = HEADING.split(page.read_text(encoding="utf-8").partition(MARK)[2])
    return {title: text.strip() for title, text in zip(pieces[1::2], pieces[2::2], strict=True)}


def write(page: Path, parts: dict[str, str]) -> None:
    """Put the tables at the end of a page in place of their last versions; tables that were not made again stay."""
    prose = page.read_text(encoding="utf-8").partition(MARK)[0]
    kept = tables_of(page) | parts
    order = [study.capitalize() for study in STUDIES if study.capitalize() in kept]
    body = "\n\n".join(f"### {title}\n\n{kept[title]}" for title in order)
    page.write_text(f"{prose}{MARK}\n\n{LEGEND}\n\n{body}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
