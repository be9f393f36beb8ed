"""Requests of every kind to every route of the platform, made from its OpenAPI document: none is answered with a 5xx.

    python chaos/routes.py [--examples 10] [--seed 0]

Schemathesis makes them, those that the document allows and those that it just does not. Half of them name what exists,
as a name that was made up ends at the first look.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from serving import JOBS, WORKSPACE, Server, spec

from referee.testing import ScriptedEndpoint

EXISTING = {"workspace": WORKSPACE, "name": "it", "path": "rows.jsonl"}
FILESETS = f"/apis/files/v2/workspaces/{WORKSPACE}/filesets"
SECRETS = f"/apis/secrets/v2/workspaces/{WORKSPACE}/secrets"
_PATIENCE = 20.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=10, help="requests of each kind to each route")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="referee-fuzz-") as name, ScriptedEndpoint('{"helpfulness": 3}') as model:
        server = Server(Path(name))
        try:
            answers, broken = fuzz(server, model.url, options.examples, options.seed)
        finally:
            server.kill()
    said = ", ".join(f"{count} × {status}" for status, count in sorted(answers.items()))
    print(f"{answers.total():,} requests, seed {options.seed}, {time.monotonic() - begun:.0f} s: {said}")
    print("\n".join(broken) or "ok    none was answered with a 5xx, and the server is ready")
    return 1 if broken else 0


def fuzz(server: Server, model: str, examples: int, seeded: int) -> tuple[Counter[int], list[str]]:
    """How often each status was answered, and the requests that must not have been answered so."""
    server.call("POST", FILESETS, {"name": "it"})
    server.put(f"{FILESETS}/it/-/rows.jsonl", b'{"prompt": "p", "response": "r"}\n')
    server.call("POST", SECRETS, {"name": "it", "value": "v"})
    server.call("POST", JOBS, {"name": "it", "spec": spec(model, 3)})
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    operations: list[Any] = [found.ok() for found in schema.get_all_operations()]  # pyright: ignore[reportAttributeAccessIssue]
    answers, broken = Counter[int](), list[str]()
    # What deletes comes last, so that there is something to ask for.
    for operation in sorted(operations, key=lambda one: one.method.upper() == "DELETE"):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _send(operation, mode, examples, seeded, answers, broken)
    if json.loads(server.call("GET", "/health/ready")) != {"status": "ready"}:
        broken.append("the server is not ready any more")
    return answers, broken


def _send(
    operation: Any, mode: GenerationMode, examples: int, seeded: int, answers: Counter[int], broken: list[str]
) -> None:
    @seed(seeded)
    @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Any, known: bool) -> None:
        for name, value in EXISTING.items():
            if name in (case.path_parameters or {}) and (known or name == "workspace"):
                case.path_parameters[name] = value
        answer = case.call(timeout=_PATIENCE)
        answers[answer.status_code] += 1
        if answer.status_code >= 500:
            broken.append(f"{answer.status_code}  {case.as_curl_command()}\n      {answer.text[:500]}")

    try:
        send()
    except Unsatisfiable:
        if mode is GenerationMode.POSITIVE:
            raise  # else there is nothing in such a request that can be wrong


if __name__ == "__main__":
    sys.exit(main())
