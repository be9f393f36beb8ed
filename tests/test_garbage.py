"""Cyclic garbage is searched for seldom, and still found."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from referee.garbage import let_garbage_wait


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.enable()
    gc.set_threshold(*thresholds)
    gc.unfreeze()


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_what_is_loaded_is_passed_over_and_later_cycles_are_found_without_being_asked_for() -> None:
    loaded = Cycle()
    gc.disable()
    let_garbage_wait()
    assert gc.isenabled()
    assert not any(one is loaded for one in gc.get_objects())
    gone = weakref.ref(Cycle())
    kept: list[list[int]] = []
    while gone() is not None and len(kept) < 200_000:
        # Looked at seldom: newer Pythons search between instructions, when a look might just hold on to it.
        kept += [[] for _ in range(1_000)]
    assert 700 < len(kept) < 200_000
