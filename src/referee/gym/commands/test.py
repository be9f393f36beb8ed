"""`ng_test`: run the tests of environments in the working directory."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from referee.errors import DefinitionError, LaunchError
from referee.gym.commands.frame import run_command
from referee.gym.configuration.search import search_roots
from referee.gym.configuration.wording import closest_or_all
from referee.gym.scaffold import FOLDER

USAGE = """
    ng_test [NAME …] [-- PYTEST OPTIONS]

    Run the tests of environments, resources_servers/NAME/tests, with pytest; without a name those of all in the working
    directory. +entrypoint=resources_servers/NAME is taken as well. The exit code is pytest's.
"""


def main() -> int:
    """The console script."""
    return run_command("ng_test", USAGE, run)


def run(arguments: Sequence[str]) -> int:
    """Run the tests; the exit code."""
    names, options = _split(arguments)
    here = Path.cwd()
    folders = [_find(name, here) for name in names] or _all_of(here)
    if importlib.util.find_spec("pytest") is None:
        raise LaunchError(f"pytest is not installed: {sys.executable} -m pip install pytest")
    codes = [_run_tests(folder, here, options) for folder in folders]
    return max(codes)


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    given, options = list(arguments[:cut]), list(arguments[cut + 1 :])
    if odd := [text for text in given if text.startswith("-")]:
        raise DefinitionError(f"{odd[0]!r} is not an option; what pytest is to get stands after --")
    return [Path(text.lstrip("+").removeprefix("entrypoint=").rstrip("/")).name for text in given], options


def _find(name: str, here: Path) -> Path:
    roots = search_roots(here, os.environ)
    found = [root / FOLDER / name for root in roots if (root / FOLDER / name).is_dir()]
    for folder in found:
        if (folder / "tests").is_dir():
            return folder
    if found:
        raise DefinitionError(f"{found[0]} has no tests; they go into {found[0] / 'tests'}/test_{name}.py")
    known = {path.parent.name for root in roots for path in (root / FOLDER).glob("*/tests")}
    raise DefinitionError(f"no environment is called {name!r} in {here / FOLDER}{closest_or_all(name, known)}")


def _all_of(here: Path) -> list[Path]:
    folders = [path.parent for path in sorted((here / FOLDER).glob("*/tests"))]
    if not folders:
        raise DefinitionError(f"no environment in {here / FOLDER} has tests; ng_init_resources_server NAME makes one")
    return folders


def _run_tests(folder: Path, here: Path, options: Sequence[str]) -> int:
    # One process each: every environment has an `app` of its own, importable as for its server.
    inherited = [os.path.abspath(part) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    paths = os.pathsep.join([str(folder), str(folder.parent.parent), *inherited])
    command = [sys.executable, "-m", "pytest", str(folder / "tests"), *options]
    return subprocess.run(command, cwd=here, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode
