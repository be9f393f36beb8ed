from __future__ import annotations

from collections.abc import Generator

import pytest
from running_platform import Platform

from referee.platform.settings import Settings
from referee.testing import ScriptedEndpoint


@pytest.fixture
def platform(tmp_path) -> Generator[Platform]:
    """A server with an empty workspace `ws`."""
    with Platform(Settings(data=tmp_path / "data", shard_rows=4)) as running:
        running.make_workspace()
        yield running


@pytest.fixture
def model() -> Generator[ScriptedEndpoint]:
    """A judge's endpoint that always says 3."""
    with ScriptedEndpoint('{"helpfulness": 3}') as endpoint:
        yield endpoint
