"""`make interop`: the unmodified clients `nemo-platform` 0.1.1 and 0.6.0 from PyPI against our server.

Each gets an environment of its own under build/interop, with Python 3.12 or 3.13, which they need; the first run
downloads about 2 GB for both. They do `tutorial_flow.py` step by step; `--record` keeps what was seen.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from referee.testing import ScriptedEndpoint, ScriptedHub

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
from record import record  # noqa: E402
from scratch import FOLDER, environment, version_of  # noqa: E402

VERSIONS = ("0.1.1", "0.6.0")
NOT_THERE = "this release has none"
WORDS = ("nothing", "one", "two", "three", "four")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--record", action="store_true", help="keep it in docs/measured.md")
    options.add_argument("--python", help="a Python 3.12 or 3.13, where none is on the PATH")
    options.add_argument("--environments", type=Path, default=FOLDER)
    given = options.parse_args()
    lines: list[str] = []
    failed = 0
    for version in VERSIONS:
        package = f"nemo-platform[nemo-evaluator-plugin]=={version}"
        python = environment(given.environments / version, package, given.python)
        with platform() as (url, judge):
            steps = flow(python, url, judge)
        done = [step for step in steps if step["note"] != NOT_THERE]
        bad = [step for step in done if not step["ok"]]
        failed += len(bad)
        lines += [f"nemo-platform {version} ({version_of(python)}): {len(done) - len(bad)} of {len(done)} steps"]
        lines += [f"  {mark(step)} {step['seconds']:6.2f} s  {step['step']}" for step in steps]
        lines += [f"       {step['step']}: {step['note'].partition(chr(10))[0]}" for step in bad] + [""]
        print("\n".join(lines[-len(steps) - len(bad) - 2 :]), flush=True)
    if given.record:
        record("Real clients against our server", "make interop", "```text\n" + "\n".join(lines).strip() + "\n```")
    return 1 if failed else 0


def mark(step: dict[str, Any]) -> str:
    """How a step went, in four letters; a dash for what the release has not."""
    if step["note"] == NOT_THERE:
        return "-   "
    return "ok  " if step["ok"] else "FAIL"


@contextmanager
def platform() -> Generator[tuple[str, str]]:
    """A fresh server, a judge and a hub; the addresses of server and judge."""
    rows = [
        {"prompt": f"Question {at}?", "response": f"It helps: {word}.", "helpfulness": at}
        for at, word in enumerate(WORDS)
    ]
    data = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    with (
        ScriptedEndpoint(judge, api_key="key-for-interop") as endpoint,
        ScriptedHub({"nvidia/HelpSteer2": {"validation.jsonl.gz": data}}) as hub,
        tempfile.TemporaryDirectory(prefix="referee-interop-") as folder,
    ):
        server = subprocess.Popen(
            [sys.executable, "-m", "referee", "serve", "--port", "0", "--data", folder],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"HF_ENDPOINT": hub.url},
        )
        assert server.stdout is not None
        try:
            said = server.stdout.readline()
            found = re.search(r"http://\S+", said)
            if found is None:
                sys.exit(f"the server did not start: {said}")
            yield found[0], endpoint.url
        finally:
            server.terminate()
            server.wait(20)
            server.stdout.close()


def judge(body: dict[str, Any]) -> str:
    question = body["messages"][-1]["content"]
    if "ramble" in question:
        return "Well, that depends on whom you ask."
    # One of the clients asks the endpoint something of its own first, to see what it can do.
    return json.dumps({"helpfulness": next((at for at, word in enumerate(WORDS) if f"helps: {word}." in question), 0)})


def flow(python: Path, url: str, judge_url: str) -> list[dict[str, Any]]:
    """What the steps of the flow said."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with tempfile.TemporaryDirectory(prefix="referee-interop-home-") as home:
        done = subprocess.run(
            [str(python), str(ROOT / "interop" / "tutorial_flow.py")],
            capture_output=True,
            text=True,
            cwd=home,
            timeout=600,
            env=kept | {"NMP_BASE_URL": url, "JUDGE_URL": judge_url, "HOME": home, "NEMO_TELEMETRY_DISABLED": "1"},
        )
    steps = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"step"')]
    if done.returncode or not steps:
        steps.append({"step": "the whole script", "ok": False, "note": done.stderr[-1500:], "seconds": 0.0})
    return steps


if __name__ == "__main__":
    sys.exit(main())
