"""`make interop`: our reward functions against the trainers' own code.

The wheels of TRL, verl and verifiers are fetched without what they depend on (no torch), and their source is read: with
which arguments they call a reward function, how they tell an asynchronous one and its name, and what they do with its
answer. What they decide by small functions of their own is decided by these functions here. The real verifiers is
installed in an environment of its own under build/interop and does `verifiers_flow.py`. `--record` keeps what was seen.
"""

from __future__ import annotations

import argparse
import ast
import functools
import inspect
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from referee import Environment
from referee.gym.trainers import trl_reward, verifiers_reward, verl_score
from referee.gym.trainers.trl import NO_COLUMNS

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
from record import record  # noqa: E402

WHEELS = {"trl": "1.16.0", "verl": "0.9.1", "verifiers": "0.4.0"}
MANAGERS = ("naive", "dapo", "limited", "gdpo", "remote")
"""verl's reward managers, and with them every way in which its reward loop calls `compute_score`."""


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--record", action="store_true", help="keep it in docs/measured.md")
    options.add_argument("--environments", type=Path, default=ROOT / "build" / "interop")
    given = options.parse_args()
    sources = {name: source(name, version, given.environments / "wheels") for name, version in WHEELS.items()}
    lines: list[str] = []
    failed = 0
    with Environment.load("answer_check") as environment:
        for name, check in {"trl": trl, "verl": verl, "verifiers": verifiers}.items():
            steps = list(told(check(sources[name], environment)))
            if name == "verifiers":
                steps += flow(python_with_verifiers(given.environments / "verifiers"))
            failed += sum(not step["ok"] for step in steps)
            lines += [f"{name} {WHEELS[name]}"]
            for step in steps:
                lines += [f"  {'ok  ' if step['ok'] else 'FAIL'} {step['seconds']:6.2f} s  {step['step']}"]
                lines += [] if step["ok"] else [f"       {step['note'].partition(chr(10))[0]}"]
            lines += [""]
            print("\n".join(lines[lines.index(f"{name} {WHEELS[name]}") :]), flush=True)
    if given.record:
        record("Trainers and our reward functions", "make interop", "```text\n" + "\n".join(lines).strip() + "\n```")
    return 1 if failed else 0


def source(name: str, version: str, folder: Path) -> zipfile.ZipFile:
    """A wheel, fetched where it is not there yet."""
    found = list(folder.glob(f"{name}-{version}-*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, "--dest", str(folder), f"{name}=={version}"], check=True)
        found = list(folder.glob(f"{name}-{version}-*.whl"))
    return zipfile.ZipFile(found[0])


Check = tuple[str, Callable[[], None]]


def told(checks: Iterator[Check]) -> Iterator[dict[str, Any]]:
    """What became of each check."""
    for title, check in checks:
        begun = time.perf_counter()
        try:
            check()
        except Exception as error:  # a check that fails is told, and the next is done
            yield step(title, begun, f"{type(error).__name__}: {error}")
        else:
            yield step(title, begun)


def step(title: str, begun: float, note: str = "") -> dict[str, Any]:
    return {"step": title, "ok": not note, "note": note, "seconds": time.perf_counter() - begun}


def trl(wheel: zipfile.ZipFile, environment: Environment) -> Iterator[Check]:
    """TRL's trainers that take reward functions."""
    trainers = [
        name for name in wheel.namelist() if name in ("trl/trainer/grpo_trainer.py", "trl/trainer/rloo_trainer.py")
    ]
    functions = [trl_reward(environment), trl_reward(environment, asynchronous=True)]

    def calls() -> None:
        assert len(trainers) == 2, trainers
        for name in trainers:
            tree = ast.parse(wheel.read(name))
            made = [call for call in calls_in(tree, "reward_func", "func") if "completions" in keywords(call)]
            assert len(made) == 2, f"{name} calls reward functions in {len(made)} places"
            for call, function in zip(made, functions, strict=True):
                assert isinstance(call.func, ast.Name)
                assert not call.args
                bind(function.__call__, keywords(call))

    def beside() -> None:
        for name in trainers:
            tree = ast.parse(wheel.read(name))
            keys = {key for target, key in stored(tree) if target == "reward_kwargs"}
            assert keys, f"{name} passes nothing"
            assert keys <= NO_COLUMNS, f"{name} passes {keys - NO_COLUMNS}, which would be taken for columns"

    def tells() -> None:
        own = run_functions(wheel.read("trl/trainer/utils.py"), "is_async_callable", "get_callable_name")
        assert [own["is_async_callable"](function) for function in functions] == [False, True]
        assert {own["get_callable_name"](function) for function in functions} == {"answer_check"}

    yield "GRPO and RLOO call with what our functions take, the awaited one too", calls
    yield "what they pass beside the columns is known, and taken for none", beside
    yield "their own is_async_callable and get_callable_name tell both kinds, by the environment's name", tells


def verl(wheel: zipfile.ZipFile, environment: Environment) -> Iterator[Check]:
    """verl's reward loop, its older managers and the loading of a custom function."""
    score = verl_score(environment, if_failed=0.0)
    awaited = verl_score(environment, if_failed=0.0, asynchronous=True)

    def calls() -> None:
        for manager in MANAGERS:
            path = f"verl/experimental/reward_loop/reward_manager/{manager}.py"
            made = calls_in(ast.parse(wheel.read(path)), "compute_score", "remote")
            made = [call for call in made if "solution_str" in keywords(call)]
            assert made, f"{manager} calls no compute_score"
            for call in made:
                assert not call.args
                for function in (score, awaited):
                    bind(function, keywords(call))

    def positions() -> None:
        tree = ast.parse(wheel.read("verl/workers/reward_manager/prime.py"))
        (call,) = [call for call in calls_in(tree, "partial") if named(call.args[0]) == "evaluation_func"]
        said = {"task": "data_source", "completion": "solution_str", "reference": "ground_truth"}
        names = [said.get(named(arg), "extra_info") for arg in call.args[1:]]
        assert list(inspect.signature(score).parameters)[: len(names)] == names, names

    def tells() -> None:
        tree = ast.parse(wheel.read("verl/trainer/ppo/reward.py"))
        assert any("iscoroutinefunction" in ast.unparse(call.func) for call in calls_in(tree, "iscoroutinefunction"))
        assert (inspect.iscoroutinefunction(score), inspect.iscoroutinefunction(awaited)) == (False, True)
        own = run_functions(wheel.read("verl/trainer/ppo/reward.py"), "_call_with_kwargs", "_call_with_kwargs_async")
        wrapped = functools.partial(own["_call_with_kwargs"], score, {})
        said = {"solution_str": "B", "ground_truth": "B", "extra_info": {"check_type": "exact"}}
        assert wrapped(data_source="d", **said)["score"] == 1.0

    def answer() -> None:
        path = "verl/experimental/reward_loop/reward_manager/naive.py"
        text = wheel.read(path).decode()
        assert "isinstance(result, dict)" in text
        assert 'score = result["score"]' in text
        assert "reward_extra_info[key] = value" in text
        said = score("d", "A", "B", {"check_type": "exact"})
        assert said == {"score": 0.0, "judge_failed": 0.0, "judge_unclear": 0.0}, said

    yield f"the reward loop's managers ({', '.join(MANAGERS)}) call with what our functions take", calls
    yield "the manager of prime gives all by position, in our order", positions
    yield "they are told apart, and called by its own wrapper with `reward_kwargs`", tells
    yield "an answer is a number, or a mapping with `score`, whose other entries are logged", answer


def verifiers(wheel: zipfile.ZipFile, environment: Environment) -> Iterator[Check]:
    """verifiers' rewards and judges."""

    def rewards() -> None:
        own = run_functions(wheel.read("verifiers/v1/utils/decorators.py"), "invoke")
        tree = ast.parse(wheel.read("verifiers/v1/task.py"))
        given = {
            ast.literal_eval(key)
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and named(node.targets[0]) == "available"
            and isinstance(node.value, ast.Dict)
            for key in node.value.keys
            if key is not None
        }
        assert given == {"task", "trace"}, given
        reward = verifiers_reward(environment)
        own["invoke"](reward, {"task": None, "trace": None, "runtime": None}).close()

    def judges() -> None:
        names = {
            node.name
            for node in ast.walk(ast.parse(wheel.read("verifiers/v1/judge.py")))
            if isinstance(node, ast.ClassDef)
        }
        assert {"Judge", "JudgeResponse"} <= names, names
        exported = wheel.read("verifiers/v1/__init__.py").decode()
        assert "RubricJudge" in exported
        assert "Rubric," not in exported

    yield "its own `invoke` gives a reward the task and the trace, by name", rewards
    yield "verifiers.v1 has Judge and RubricJudge, and no Rubric", judges


def python_with_verifiers(target: Path) -> Path:
    """The Python of an environment with verifiers and referee installed, made where it is not there yet."""
    python = target / "bin" / "python"
    if not (target / ".installed").exists():
        print(f"installing verifiers {WHEELS['verifiers']} into {target}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(target)], check=True)
        # pip's resolver takes minutes on these requirements; uv's seconds.
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "uv"], check=True)
        install = [str(target / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(python)]
        subprocess.run([*install, f"verifiers=={WHEELS['verifiers']}", "--editable", f"{ROOT}[gym]"], check=True)
        (target / ".installed").touch()
    return python


def flow(python: Path) -> list[dict[str, Any]]:
    """What the steps with the real verifiers said."""
    begun = time.perf_counter()
    done = subprocess.run(
        [str(python), str(ROOT / "interop" / "verifiers_flow.py")],
        capture_output=True,
        text=True,
        timeout=600,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    steps = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"step"')]
    if done.returncode or not steps:
        steps.append(step("the whole script", begun, done.stderr[-1500:] or "it said nothing"))
    return steps


def calls_in(tree: ast.AST, *names: str) -> list[ast.Call]:
    """The calls of functions or methods of these names."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and named(node.func) in names]


def named(node: ast.AST) -> str:
    """The last name of a call's function or of an argument."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def keywords(call: ast.Call) -> set[str]:
    return {keyword.arg for keyword in call.keywords if keyword.arg is not None}


def stored(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Mappings and keys that something is stored under: `name["key"] = …`."""
    for node in ast.walk(tree):
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            yield named(target.value), target.slice.value


def bind(function: Callable[..., Any], names: set[str]) -> None:
    """Raise TypeError where the function cannot be called with these keyword arguments."""
    inspect.signature(function).bind(**dict.fromkeys(names))


def run_functions(text: bytes, *names: str) -> dict[str, Any]:
    """These functions of a module, without the module, whose imports would need what is not installed."""
    found = [node for node in ast.parse(text).body if getattr(node, "name", None) in names]
    assert len(found) == len(names), f"found {len(found)} of {', '.join(names)}"
    future = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
    module = ast.fix_missing_locations(ast.Module([future, *found], []))
    scope: dict[str, Any] = {"inspect": inspect, "functools": functools}
    exec(compile(module, "<from the wheel>", "exec"), scope)
    scope["get_origin"] = scope["get_type_hints"] = None  # for parameters by their types, which ours have not
    return scope


if __name__ == "__main__":
    sys.exit(main())
