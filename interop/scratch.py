"""Environments of their own for other people's packages: a Python that will do, made once under build/interop."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "build" / "interop"
PYTHONS = ("python3.12", "python3.13")


def environment(target: Path, requirement: str, given: str | None) -> Path:
    """The Python of an environment at `target` with a package in it, made where it is not there yet.

    Args:
        target: the environment's folder.
        requirement: what to install, as pip understands it.
        given: a Python 3.12 or 3.13 to make it with; by default the first one on the PATH.
    """
    python = target / "bin" / "python"
    if not (target / ".installed").exists():
        found = given or next((path for name in PYTHONS if (path := shutil.which(name)) and _works(path)), None)
        if found is None:
            sys.exit(
                f"{requirement} needs Python 3.12 or 3.13, and none of {', '.join(PYTHONS)} is on the PATH: "
                "name one, as in make interop ARGS='--python /path/to/python3.12'"
            )
        print(f"installing {requirement} into {target} (about a gigabyte)", flush=True)
        subprocess.run([found, "-m", "venv", "--clear", str(target)], check=True)
        # pip's resolver does not come to an end on these requirements; uv's does within seconds.
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "uv"], check=True)
        uv = str(target / "bin" / "uv")
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), requirement], check=True)
        (target / ".installed").touch()
    return python


def version_of(python: Path) -> str:
    """Such as `Python 3.12.1`."""
    return subprocess.run([str(python), "--version"], capture_output=True, text=True, check=True).stdout.strip()


def _works(python: str) -> bool:
    # A version manager puts names on the PATH that stand for nothing.
    return subprocess.run([python, "--version"], capture_output=True).returncode == 0
