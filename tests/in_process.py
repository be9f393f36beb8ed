"""Commands run in the process of the tests, where it is not the process that is tested: no Python to start each time.

What a command gets is as in a process of its own: its arguments, working directory, environment and two streams to
write to. A process of their own have `tests/gym/test_walkthrough.py`, whatever is killed, and whatever serves.
"""

from __future__ import annotations

import gc
import io
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest


class Stream(io.TextIOWrapper):
    """What a command writes to, kept."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def text(self) -> str:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()


def run_here(
    main: Callable[[], Any],
    arguments: Sequence[str],
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a console script's function to its end.

    Args:
        main: the function; what it returns is the exit code.
        arguments: the command's name and its arguments.
        cwd: where it runs; by default where the tests do.
        env: variables that it finds beside those of the tests.
    """
    out, err = Stream(), Stream()
    thresholds = gc.get_threshold()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", list(arguments))
        if cwd is not None:
            patch.chdir(cwd)
        for name, value in (env or {}).items():
            patch.setenv(name, value)
        try:
            code = main()
        except SystemExit as end:
            code = end.code
        finally:
            # A process of its own would take with it how it searches for garbage.
            gc.enable()
            gc.set_threshold(*thresholds)
            gc.unfreeze()
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    return subprocess.CompletedProcess(list(arguments), code or 0, out.text(), err.text())
