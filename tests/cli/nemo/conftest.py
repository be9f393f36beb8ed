"""A platform that `nemo setup` started, and the command `nemo` in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from referee.cli.nemo import app


@dataclass
class Machine:
    """A home folder, and `nemo` at work in it."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "COLUMNS": "160",
            "NO_COLOR": "1",
        }
        for name in ("NMP_BASE_URL", "NMP_WORKSPACE", "REFEREE_PLATFORM_PORT", "REFEREE_PLATFORM_TOKEN"):
            own.setdefault(name, "")
        return own | self.variables

    def __call__(self, *arguments: str | Path, input: str | None = None, code: int = 0) -> Result:
        """Run `nemo` in this process."""
        done = CliRunner(env=self.environment).invoke(
            app, [str(each) for each in arguments], input=input, prog_name="nemo"
        )
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done

    def json(self, *arguments: str | Path) -> Any:
        """Run it and read the JSON that it prints."""
        return json.loads(self(*arguments, "-o", "json").stdout)

    def process(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `nemo` as a process of its own, without a terminal."""
        return subprocess.run(
            [sys.executable, "-m", "referee.cli.nemo", *arguments],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=os.environ | self.environment,
            timeout=250,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which nothing is set up."""
    return Machine(tmp_path)


@pytest.fixture(scope="module")
def nemo(tmp_path_factory: pytest.TempPathFactory) -> Generator[Machine]:
    """A machine on which the platform runs, with the workspace `ws` chosen."""
    machine = Machine(tmp_path_factory.mktemp("home"))
    done = machine.process("setup", "--port", "0", "--workspace", "ws")
    assert done.returncode == 0, done.stderr
    machine.variables["NMP_BASE_URL"] = json.loads((machine.home / "data" / "referee" / "server.json").read_text())[
        "url"
    ]
    try:
        machine("workspaces", "create", "ws")
        yield machine
    finally:
        assert machine.process("services", "stop").returncode == 0
