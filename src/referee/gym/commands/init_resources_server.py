"""`ng_init_resources_server`: a new environment in the working directory, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from referee.errors import DefinitionError
from referee.gym.commands.frame import run_command
from referee.gym.configuration.wording import did_you_mean
from referee.gym.scaffold import FOLDER, Made, copy_environment, make_environment

USAGE = """
    ng_init_resources_server NAME              a judge in one YAML file, without Python
    ng_init_resources_server NAME --python     rules of your own in app.py
    ng_init_resources_server --from BUNDLED [NAME] [--python]

    Make an environment in resources_servers/NAME: configuration, README, five rows, a test. --from copies a bundled
    one to be edited; its Python is still found where it is, unless --python copies that too.
    +entrypoint=resources_servers/NAME is taken as well, for the kind with an app.py.
"""
_OPTIONS = ("--python", "--from")
_KEYLESS = "responses_api_models/embedded_model/configs/embedded_model.yaml"
_ABOUT = {
    "README.md": "what it rewards",
    "app.py": "the rules",
    "data/example.jsonl": "five rows",
}


def main() -> int:
    """The console script."""
    return run_command("ng_init_resources_server", USAGE, run)


def run(arguments: Sequence[str]) -> int:
    """Make it, and say what was made; the exit code."""
    wanted = _read(arguments)
    here = Path.cwd()
    if wanted.bundled is not None:
        made = copy_environment(wanted.bundled, wanted.name or wanted.bundled, here, code=wanted.python)
    elif wanted.name is not None:
        made = make_environment(wanted.name, "python" if wanted.python else "judge", here)
    else:
        raise DefinitionError("which name shall it have? ng_init_resources_server NAME")
    print(describe(made))
    return 0


@dataclass
class _Wanted:
    name: str | None = None
    python: bool = False
    bundled: str | None = None


def _read(arguments: Sequence[str]) -> _Wanted:
    wanted = _Wanted()
    rest = iter(arguments)
    for text in rest:
        if text == "--python":
            wanted.python = True
        elif text == "--from" or text.startswith("--from="):
            wanted.bundled = text.partition("=")[2] if "=" in text else next(rest, "")
            if not wanted.bundled:
                raise DefinitionError("--from names no environment: --from over_refusal_detection")
        elif text.startswith("-"):
            raise DefinitionError(f"{text!r} is not an option{did_you_mean(text, _OPTIONS)}")
        elif wanted.name is not None:
            raise DefinitionError(f"{wanted.name!r} and {text!r}: one name at a time")
        else:
            entrypoint = text.lstrip("+").removeprefix("entrypoint=")
            # As the original has it, that way of naming is for environments with an app.py.
            wanted.python |= entrypoint != text and wanted.bundled is None
            path = Path(entrypoint.rstrip("/"))
            if path.parent not in (Path(), Path(FOLDER)):
                raise DefinitionError(f"{entrypoint!r}: an environment lies in {FOLDER}/NAME of the working directory")
            wanted.name = path.name
    return wanted


def describe(made: Made) -> str:
    """What was made and what to type next."""
    place = f"{FOLDER}/{made.name}"
    width = max(len(path) for path in made.files)
    configs = [path for path in made.files if path.startswith("configs/")]
    lines = [f"made {place}:" if made.bundled is None else f"made {place}, a copy of the bundled {made.bundled}:"]
    lines += [f"  {path:<{width}}  {_about(path)}".rstrip() for path in made.files]
    if made.bundled is not None and "app.py" not in made.files:
        lines.append("Its Python is still the bundled one. What you edit here comes before the bundled file.")
    config = f"configs/{made.name}.yaml" if f"configs/{made.name}.yaml" in configs else configs[0]
    tested = any(path.startswith("tests/") for path in made.files)
    lines += ["", "Next:", *([f"  ng_test {made.name}"] if tested else [])]
    lines += [
        f'  ng_run "+config_paths=[{place}/{config},{_KEYLESS}]"',
        "and in another terminal, when it says that it is ready:",
        f"  ng_collect_rollouts +agent_name={made.name}_simple_agent +input_jsonl_fpath={place}/data/example.jsonl "
        f"+output_jsonl_fpath={made.name}_rollouts.jsonl",
        "That needs no key: a small model in the process answers and judges, badly. For an endpoint, take",
        "responses_api_models/openai_model/configs/openai_model.yaml instead and set policy_base_url, policy_api_key",
        "and policy_model_name in env.yaml.",
    ]
    return "\n".join(lines)


def _about(path: str) -> str:
    if path.startswith("configs/"):
        return "the configuration: edit this"
    if path.startswith("tests/"):
        return "its test"
    return "the prompt" if path.startswith("prompt_templates/") else _ABOUT.get(path, "")
