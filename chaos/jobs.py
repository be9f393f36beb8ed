"""kill -9 of the platform's server at random moments of a job: it must come to the end that nobody disturbed.

    python chaos/jobs.py [--kills 20] [--rows 5000] [--seed N] [--record]

The judge answers late, refuses, fails and hangs now and then. Nobody tells the server to go on: it is only started
again. Checked are every row, its scores and the aggregate, and that no more good answers were served than the
undisturbed job needed and, for each kill, as many as calls were in flight.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from killing import Outcome, command, compared, verdict
from serving import JOBS, Server, spec

from referee.testing import FaultPlan, ScriptedEndpoint

LATENCY = 0.02
FAULTS: Mapping[Any, float] = {"500": 0.02, "429": 0.01, "close_mid_body": 0.01, "hang": 0.001}


def chaos(rows: int, kills: int, seed: int) -> tuple[str, bool]:
    """What was seen, and whether every promise held."""
    with tempfile.TemporaryDirectory(prefix="referee-chaos-") as name:
        calm, _ = attempt(Path(name) / "calm", rows, 0, seed)
        begun = time.monotonic()
        killed, deaths = attempt(Path(name) / "killed", rows, kills, seed)
        seconds = time.monotonic() - begun
    what = f"a job of {rows:,} rows, {kills} kills of its server at random moments, seed {seed}, {seconds:.0f} s"
    more = {
        f"every one of {rows:,} rows is there once, in order": [row["row_index"] for row in killed.rows]
        == list(range(rows)),
        "rows and scores equal to the undisturbed job's": killed.rows == calm.rows,
    }
    return compared(what, calm, killed, deaths, kills, more)


def attempt(data: Path, rows: int, kills: int, seed: int) -> tuple[Outcome, int]:
    """One job, its server killed so many times, and how many kills found it under way."""
    draw = random.Random(seed)
    deaths = 0
    share = rows / (kills + 1)
    with ScriptedEndpoint(verdict, latency=LATENCY, faults=FaultPlan(FAULTS, seed=seed), record=False) as endpoint:
        server = Server(data)
        try:
            job = json.loads(server.call("POST", JOBS, {"spec": spec(endpoint.url, rows)}))["name"]
            for kill in range(kills):
                # Spread over the job, so that all of them fall into it; when exactly, is chance.
                while endpoint.served.answers < (kill + draw.random()) * share and server.status(job) != "completed":
                    time.sleep(0.01)
                time.sleep(draw.uniform(0.0, 0.1))
                deaths += server.status(job) == "active"
                server.kill()
                server = Server(data)
            while (status := server.status(job)) not in ("completed", "error"):
                time.sleep(0.1)
            if status != "completed":
                raise SystemExit(server.call("GET", f"{JOBS}/{job}/status").decode())
            lines = server.call("GET", f"{JOBS}/{job}/results/row-scores/download").splitlines()
            scores = json.loads(server.call("GET", f"{JOBS}/{job}/results/aggregate-scores/download"))
            answers = endpoint.served.answers
        finally:
            server.kill()
    # Replies carry ids and times of their own.
    return Outcome([orjson.loads(line) | {"requests": []} for line in lines], scores, answers), deaths


if __name__ == "__main__":
    sys.exit(command(chaos, page=__doc__, rows=5000, subject="Kill -9 of the platform"))
