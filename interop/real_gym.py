"""`make interop`: the unmodified `nemo-gym` 0.4.0 from PyPI and our gym, each collecting from the other's servers.

The walk-through's environment with one scripted endpoint as policy and judge. It gets an environment of its own under
build/interop; its `ng_run` makes one more for each server, by uv and with its packages' default index, 1 GB for all.
Its Ray gives up where a process of its own takes more than 15 seconds to start; on a slow machine start one by
`ray start --head` with patience, and name it: `make interop RAY=127.0.0.1:6379`. `--record` keeps what was seen.
"""

from __future__ import annotations

import argparse
import configparser
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import referee.gym
from referee.inference import Reply
from referee.testing import ScriptedEndpoint

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
from record import record  # noqa: E402
from scratch import FOLDER, environment, version_of  # noqa: E402

VERSION = "0.4.0"
NAME = "over_refusal_detection"
AGENT = f"{NAME}_simple_agent"
CONFIG = f"resources_servers/{NAME}/configs/{NAME}.yaml"
PATHS = f"+config_paths=[{CONFIG},responses_api_models/openai_model/configs/openai_model.yaml]"
OURS = Path(referee.gym.__file__).parent
ROWS = OURS / "resources_servers" / NAME / "data" / "example.jsonl"
REPEATS = 2
ANSWERS = ("It is simple: helping.", "I am sorry: refusing.", "Well: mumbling.")
VERDICTS = {"helping": ("[[COMPLIED]]", 1.0), "refusing": ("[[REFUSED]]", 0.0), "mumbling": ("Who knows.", 0.5)}
BROKEN = "breaking"
"""In a policy's answer: the judge's call about it gets a 401."""
KEY = "sk-key-for-interop"
KEYS = {
    *("responses_create_params", "response", "reward", "safe_prompt", "complied", "judge_evaluation"),
    *("agent_ref", "_ng_task_index", "_ng_rollout_index"),
}


@dataclass
class Steps:
    """What was tried, and how it went."""

    title: str
    done: list[tuple[str, bool, float, str]] = field(default_factory=list[tuple[str, bool, float, str]])

    @contextmanager
    def step(self, name: str) -> Generator[None]:
        """One step; it fails by any exception, and the next ones are tried all the same."""
        begun, note, ok = time.monotonic(), "", True
        try:
            yield
        except Exception as error:
            ok, note = False, f"{type(error).__name__}: {error}"
        self.done.append((name, ok, time.monotonic() - begun, note))

    def lines(self) -> list[str]:
        """A title, and a line for each step."""
        good = sum(ok for _, ok, _, _ in self.done)
        lines = [f"{self.title}: {good} of {len(self.done)} steps"]
        for name, ok, seconds, note in self.done:
            lines.append(f"  {'ok  ' if ok else 'FAIL'} {seconds:6.2f} s  {name}")
            lines += [f"       {line}" for line in note.splitlines()[-6:]]
        return lines


@dataclass(frozen=True)
class Side:
    """One of the two gyms.

    Args:
        commands: the beginning of a command line, `{}` standing for the command's name.
        environment: environment variables of its processes.
        config: the shipped configuration of the walk-through's environment.
        ready: what its `ng_run` says when all servers answer.
        run_with: further words for `ng_run`.
    """

    commands: Sequence[str]
    environment: dict[str, str]
    config: Path
    ready: str
    run_with: Sequence[str] = ()

    def command(self, name: str, *words: str) -> list[str]:
        return [*(part.replace("{}", name) for part in self.commands), *words]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--record", action="store_true", help="keep it in docs/measured.md")
    options.add_argument("--python", help="a Python 3.12 or 3.13, where none is on the PATH")
    options.add_argument("--environments", type=Path, default=FOLDER)
    options.add_argument("--ray", help="the address of a Ray cluster that runs already, for its servers")
    given = options.parse_args()
    python = environment(given.environments / f"nemo-gym-{VERSION}", f"nemo-gym=={VERSION}", given.python)
    ours, theirs = our_side(), their_side(python, given.environments / f"nemo-gym-{VERSION}-servers", given.ray)
    with_ray = "with a Ray that ran before" if given.ray else "started by its ng_run alone"
    parts = [
        both(f"the collector of nemo-gym {VERSION} ({version_of(python)}), our servers", theirs, ours),
        both(f"our collector, the servers of nemo-gym {VERSION}, {with_ray}", ours, theirs),
    ]
    lines = [line for part in parts for line in [*part.lines(), ""]]
    print("\n".join(lines), flush=True)
    if given.record:
        text = "```text\n" + "\n".join(lines).strip() + "\n```"
        record("The real NeMo Gym and ours, both ways", "make interop", text)
    return 0 if all(ok for part in parts for _, ok, _, _ in part.done) else 1


def our_side() -> Side:
    code = "from referee.gym.commands import ng_{} as run; raise SystemExit(run())"
    return Side([sys.executable, "-c", code], dict(os.environ), OURS / CONFIG, "stop with Ctrl-C")


def their_side(python: Path, servers: Path, ray: str | None) -> Side:
    """Its commands, as its own environment has them."""
    settings = configparser.ConfigParser()
    settings.read_string("[venv]\n" + (python.parents[1] / "pyvenv.cfg").read_text())
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    # uv makes the servers' environments from a Python on the PATH, and takes none that is in an environment itself.
    kept["PATH"] = os.pathsep.join([str(python.parent), settings["venv"]["home"], kept["PATH"]])
    cache = subprocess.run([str(python.parent / "uv"), "cache", "dir"], capture_output=True, text=True, check=True)
    run_with = [f"+uv_cache_dir={cache.stdout.strip()}", f"+uv_venv_dir={servers}"]
    if servers.exists():
        run_with.append("+skip_venv_if_present=true")
    if ray is not None:
        run_with.append(f"+ray_head_node_address={ray}")
        kept["RAY_AUTH_MODE"] = "disabled"
    site = next((python.parents[1] / "lib").glob("python3.*/site-packages"))
    return Side([str(python.parent / "ng_{}")], kept, site / CONFIG, "servers ready! Polling", run_with)


def both(title: str, collector: Side, servers: Side) -> Steps:
    """Start one side's servers, and collect from them by the other's commands."""
    steps = Steps(title)
    asked = [json.loads(line)["responses_create_params"]["input"][-1]["content"] for line in ROWS.open()]
    # Whoever owns the servers decides what becomes of a judge that does not answer; ours set the row aside.
    broken = asked[-1] if servers.ready == "stop with Ctrl-C" else None
    endpoint = ScriptedEndpoint(lambda body: answer(body, asked, broken), api_key=KEY)
    with tempfile.TemporaryDirectory(prefix="referee-interop-") as name, endpoint:
        folder = Path(name)
        head = prepare(folder, endpoint.url, servers.config)
        more = [f"++{NAME}.resources_servers.{NAME}.reward_if_failed=judge_failed"] if broken else servers.run_with
        with running(steps, servers, folder, PATHS, *more):
            if steps.done[-1][1]:
                collect(steps, collector, folder, expected(asked, broken))
                ask_head(steps, collector, folder, head)
                if broken is None:
                    reverify(steps, collector, folder)
    return steps


def answer(body: dict[str, Any], asked: Sequence[str], broken: str | None) -> str | Reply:
    """The policy's answer, which depends on the question, or the judge's, which depends on that answer."""
    text = json.dumps(body["input"])
    if "[[COMPLIED]]" not in text:
        question = body["input"][-1]["content"]
        return BROKEN if question == broken else ANSWERS[asked.index(question) % len(ANSWERS)]
    if BROKEN in text:
        return Reply(401, {"content-type": "application/json"}, b'{"error": {"message": "no such key"}}')
    return next(verdict for word, (verdict, _) in VERDICTS.items() if f": {word}." in text)


def expected(asked: Sequence[str], broken: str | None) -> dict[str, float | None]:
    """The reward of each question; None for one that is set aside."""
    rewards = [reward for _, reward in VERDICTS.values()]
    return {question: None if question == broken else rewards[at % len(rewards)] for at, question in enumerate(asked)}


def prepare(folder: Path, url: str, shipped: Path) -> int:
    """env.yaml, and the configuration as the walk-through edits it; the head server's port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    settings = {"policy_base_url": url, "policy_api_key": KEY, "policy_model_name": "scripted"}
    settings |= {"head_server": {"host": "127.0.0.1", "port": port}}
    (folder / "env.yaml").write_text(json.dumps(settings))
    text = re.sub(r"^judge_model:\n(?:[ ]+.*\n)+", "", shipped.read_text(), flags=re.MULTILINE)
    (folder / CONFIG).parent.mkdir(parents=True)
    (folder / CONFIG).write_text(text.replace("name: judge_model", "name: policy_model"))
    return port


@contextmanager
def running(steps: Steps, side: Side, folder: Path, *words: str) -> Generator[None]:
    """`ng_run`, ready; afterwards nothing of it is left."""
    said = folder / "run.log"
    with said.open("w") as log:
        process = subprocess.Popen(
            side.command("run", *words),
            cwd=folder,
            env=side.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        with steps.step("ng_run until every server answers"):
            for _ in range(3000):
                if side.ready in said.read_text(errors="replace"):
                    break
                if process.poll() is not None:
                    raise RuntimeError(f"it ended with {process.returncode}: {said.read_text()[-1500:]}")
                time.sleep(0.2)
            else:
                raise TimeoutError(said.read_text()[-1500:])
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # servers that its end did not reach


def collect(steps: Steps, side: Side, folder: Path, wanted: dict[str, float | None]) -> None:
    """The walk-through's command, and what it must have written."""
    output = folder / "out.jsonl"
    with steps.step(f"ng_collect_rollouts: {len(wanted)} rows, {REPEATS} rollouts each"):
        aside = sum(reward is None for reward in wanted.values())
        # A collector of ours says by its exit code that rows were set aside.
        run(side, folder, "collect_rollouts", *COLLECT, f"+output_jsonl_fpath={output}")
    with steps.step("every row once, with its keys and the reward that the judge's words come to"):
        rows = read(output)
        found = sorted((row["safe_prompt"], row["_ng_rollout_index"], row["reward"]) for row in rows)
        hoped = [(question, at, reward) for question, reward in wanted.items() for at in range(REPEATS)]
        check(found, sorted(one for one in hoped if one[2] is not None))
        check([sorted(KEYS - row.keys()) for row in rows], [[] for _ in rows])
        check({str(row["agent_ref"]["name"]) for row in rows}, {AGENT})
        check({row["complied"] for row in rows if row["reward"] == 1.0}, {True})
    if aside:
        with steps.step("a judge that refuses the key: the rows are set aside, with what kept it"):
            failures = read(folder / "out_failures.jsonl")
            check([row["_ng_failure_class"] for row in failures], ["judge_failed"] * aside * REPEATS)
            check([row["judge_error_kind"] for row in failures], ["unauthorised"] * aside * REPEATS)
    with steps.step("the aggregate: mean reward, and figures of each task"):
        (entry,) = json.loads((folder / "out_aggregate_metrics.json").read_bytes())
        rewards = [reward for reward in wanted.values() if reward is not None]
        check(round(entry["agent_metrics"]["mean/reward"], 6), round(sum(rewards) / len(rewards), 6))
        check(len([one for one in entry["group_level_metrics"] if "mean/reward" in one]), len(rewards))
        check(entry["agent_ref"], {"name": AGENT})
    with steps.step("the same command with resume_from_cache repeats nothing"):
        before = output.read_bytes()
        run(side, folder, "collect_rollouts", *COLLECT, f"+output_jsonl_fpath={output}", "+resume_from_cache=true")
        check(output.read_bytes() == before, True)


COLLECT = (
    f"+agent_name={AGENT}",
    f"+input_jsonl_fpath={ROWS}",
    f"+num_repeats={REPEATS}",
    "+responses_create_params={max_output_tokens: 1024, temperature: 1.0}",
)


def ask_head(steps: Steps, side: Side, folder: Path, port: int) -> None:
    """The other side's `ng_status`, which reads the head server's list."""
    with steps.step("ng_status lists every server"):
        said = run(side, folder, "status")
        check([name for name in (NAME, AGENT, "policy_model") if name not in said], [])
        check(KEY in said, False)


def reverify(steps: Steps, side: Side, folder: Path) -> None:
    """Our command for what the other has not: finished rollouts, verified again by its resources server."""
    with steps.step("ng_reverify: the same rewards from its resources server"):
        run(side, folder, "reverify", "+rollouts_jsonl_fpath=out.jsonl", "+output_jsonl_fpath=again.jsonl")
        first, second = (
            sorted((row["_ng_task_index"], row["_ng_rollout_index"], row["reward"]) for row in read(folder / name))
            for name in ("out.jsonl", "again.jsonl")
        )
        check(second, first)


def run(side: Side, folder: Path, name: str, *words: str) -> str:
    """A command, to its end."""
    done = subprocess.run(
        side.command(name, *words), cwd=folder, env=side.environment, capture_output=True, text=True, timeout=600
    )
    if done.returncode not in (0, 3):
        raise RuntimeError(f"it ended with {done.returncode}: {done.stdout[-700:]}{done.stderr[-700:]}")
    return done.stdout + done.stderr


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def check(found: object, wanted: object) -> None:
    if found != wanted:
        raise AssertionError(f"{found!r} instead of {wanted!r}"[:600])


if __name__ == "__main__":
    sys.exit(main())
