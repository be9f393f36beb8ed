"""A small `make chaos`: two kills of a short run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

CHAOS = Path(__file__).parents[2] / "chaos" / "evaluation.py"


def test_a_run_killed_twice_ends_as_if_nobody_had_disturbed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(CHAOS.parent)
    spec = importlib.util.spec_from_file_location("chaos_evaluation", CHAOS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text, held = module.chaos(rows=400, kills=2, seed=1)  # the second kill comes in the middle, on a busy machine too
    assert held, text
