from __future__ import annotations

import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
from running_platform import Platform

from referee.platform.settings import Settings
from referee.testing import ScriptedEndpoint


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server leaves that made the workspace `ws` and stopped; its tables take half of a server's start."""
    folder = tmp_path_factory.mktemp("prepared") / "data"
    with Platform(Settings(data=folder)) as running:
        running.make_workspace()
    return folder


@pytest.fixture
def platform(tmp_path: Path, prepared: Path) -> Generator[Platform]:
    """A server with an empty workspace `ws`."""
    with Platform(Settings(data=Path(shutil.copytree(prepared, tmp_path / "data")), shard_rows=4)) as running:
        yield running


@pytest.fixture
def model() -> Generator[ScriptedEndpoint]:
    """A judge's endpoint that always says 3."""
    with ScriptedEndpoint('{"helpfulness": 3}') as endpoint:
        yield endpoint
