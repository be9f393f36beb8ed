"""What the tests of several rooms need: hypothesis without a deadline, and the embedded model where there is one."""

from __future__ import annotations

import functools
import importlib.util
import os
import signal

import pytest
import typer.main
import typer.testing
from hypothesis import settings

from referee.errors import ModelError
from referee.inference.embedded.weights import DEFAULT_MODEL, locate

# A deadline for one example says more about the machine's other work than about the code.
settings.register_profile("referee", deadline=None)
settings.load_profile("referee")

# A process makes its commands once, and a test's runner at every call, which takes longer than most commands do.
typer.testing._get_command = functools.cache(typer.main.get_command)

# A shell's background jobs ignore Ctrl-C, and so would every process that a test starts, and sends one.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What `ng_test` starts is pytest too, and does without the plugins that pyproject.toml leaves out here: a second each.
os.environ.setdefault("PYTEST_ADDOPTS", "-p no:hydra_pytest -p no:schemathesis")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One worker more than cores: a quarter of the tests' time is waiting, for servers to start and clocks to run."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 1


@pytest.fixture(scope="session")
def weights() -> str:
    """The bundled model's name, where it can be run; the test is skipped where it cannot."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed: pip install 'referee[local]'")
    try:
        locate(DEFAULT_MODEL.name)
    except ModelError as error:
        pytest.skip(str(error))
    return DEFAULT_MODEL.name


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of one core, for what runs in this process: there the embedded model is loaded once, not twice."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
