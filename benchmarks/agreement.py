"""The bars of the statistics: a bootstrap on ten thousand rows, a million rows, a report. Prints a table.

    python benchmarks/agreement.py             # a minute
    python benchmarks/agreement.py --record    # and keep the table in docs/measured.md

Each line is a process of its own, on one core. What counts is its CPU time, which other work on the machine does not
change; the time on the clock stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from record import record

MANY, DRAWS, LARGE = 10_000, 10_000, 1_000_000
BARS = {
    "discrete": (f"agreement, {DRAWS:,} draws, {MANY:,} rows, scores 0 … 4", 1.0),
    "continuous": (f"the same, continuous scores: {MANY:,} distinct rows", 30.0),
    "summary": (f"agreement of {LARGE:,} rows, scores 0 … 4", 10.0),
    "clusters": (f"the same in {LARGE // 2:,} clusters", 10.0),
    "file": (f"`validate` on a run's file of {LARGE:,} rows, half a gigabyte", 10.0),
    "report": ("a report of 1,600 rows, with seven charts, as a file", 3.0),
}
MOST_MEMORY = 500
"""MB that a million rows may take beside the process itself."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="keep the table in docs/measured.md")
    parser.add_argument("--one", choices=list(BARS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)))
        return
    lines = ["| what | CPU | bar | | on the clock | memory grown |", "|---|---|---|---|---|---|"]
    for name, (about, bar) in BARS.items():
        found = child(name)
        held = found["cpu"] <= bar and found["grown"] <= MOST_MEMORY
        lines.append(
            f"| {about} | {found['cpu']:.2f} s | ≤ {bar:g} s | {'ok' if held else '**over**'} | {found['clock']:.2f} s "
            f"| {found['grown']:.0f} MB |"
        )
    print("\n".join(lines))
    if options.record:
        record("Statistics and reports", "make bench", "\n".join(lines))


def child(name: str) -> dict[str, float]:
    """What one line costs, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", name],
        check=True, capture_output=True, text=True, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def measure(name: str) -> dict[str, float]:
    """CPU and clock of one piece of work, libraries being loaded, and the memory that it took beside its input."""
    work = WORK[name]()
    before = peak()
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return {"cpu": time.process_time() - cpu, "clock": time.perf_counter() - clock, "grown": peak() - before}


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def agreement_of(rows: int, draws: int, *, continuous: bool = False, cluster: int = 1) -> Callable[[], object]:
    """Work on drawn rows, made before the time is taken."""
    import numpy as np

    from referee.statistics import agreement

    rng = np.random.default_rng(0)
    people = rng.integers(0, 5, rows).astype(float)
    judge = people + rng.normal(0, 1, rows)
    if continuous:
        people += rng.normal(0, 1, rows)
    else:
        judge = np.clip(np.rint(judge), 0, 4)
    clusters = np.arange(rows) // cluster if cluster > 1 else None
    agreement(judge[:50], people[:50])  # loads what is loaded at first use
    return lambda: agreement(judge, people, clusters=clusters, draws=draws)


def file_of(rows: int) -> Callable[[], object]:
    """Reading and summarising results as `referee evaluate` writes them, two answers to a prompt."""
    import random

    import orjson

    from referee.validation import validate

    draw = random.Random(0)
    words = ["the", "judge", "read", "an", "answer", "and", "said", "what", "it", "was", "worth"]
    texts = [" ".join(draw.choices(words, k=60)) for _ in range(1_000)]
    folder = tempfile.TemporaryDirectory(prefix="referee-bench-")
    path = Path(folder.name) / "rows.jsonl"
    with path.open("wb") as file:
        for number in range(rows):
            people = draw.randint(0, 4)
            item = {"prompt": f"question {number // 2}: {texts[number // 2 % 1_000][:100]}",
                    "response": texts[number % 997], "rated": people}  # fmt: skip
            found = [{"name": "quality", "value": min(4, max(0, people + draw.choice((-1, 0, 0, 1))))}]
            file.write(orjson.dumps({"row_index": number, "item": item, "sample": {}, "metrics": {"quality": found},
                                     "metric_errors": None, "unscored": None}) + b"\n")  # fmt: skip
    validate([0, 1, 2, 3, 4], human=[0, 1, 2, 3, 4])  # loads what is loaded at first use
    return lambda: (validate(path, human="rated", scale="0-4"), folder.cleanup())


def report_of() -> Callable[[], object]:
    """Writing the page of a judge that has everything, the script of its charts being in the cache."""
    import random

    from referee.pages.script import chart_script
    from referee.validation import validate
    from referee.validation.reports import write_report

    draw = random.Random(0)
    words = ["an", "answer", "goes", "on", "about", "what", "was", "asked", "and", "says", "little"]
    rows = [
        {
            "prompt": f"question {number // 4}",
            "response": " ".join(draw.choices(words, k=60)),
            "group": f"group {number % 5}",
            "rated": number % 5,
            "judge": min(4, max(0, number % 5 + draw.choice((-1, 0, 0, 1)))),
        }
        for number in range(1_600)
    ]
    found = validate(rows, human="rated", judge="judge", by="group")
    chart_script()
    folder = tempfile.TemporaryDirectory(prefix="referee-bench-")
    return lambda: (write_report(Path(folder.name) / "report.html", found), folder.cleanup())


WORK: dict[str, Callable[[], Callable[[], object]]] = {
    "discrete": lambda: agreement_of(MANY, DRAWS),
    "continuous": lambda: agreement_of(MANY, DRAWS, continuous=True),
    "summary": lambda: agreement_of(LARGE, 2_000),
    "clusters": lambda: agreement_of(LARGE, 2_000, cluster=2),
    "file": lambda: file_of(LARGE),
    "report": report_of,
}

if __name__ == "__main__":
    main()
