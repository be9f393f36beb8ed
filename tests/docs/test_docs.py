"""Every code block of the README and docs runs.

Blocks of one page run in order, in one empty folder. Python shares its names across the page; shell lines run with the
project's commands, in this process where a line is such a command and nothing else; `# file: NAME` on top of a block
writes it to that file; YAML without a name must be a judge or a part of one, and so must a file that has scores.
`ng_run` runs beside what follows it, once it is ready, to the next `ng_run` or the page's end; env.yaml
gets a head server on a free port, as pages are tested side by side. So has the platform, whose home is a folder of the
page's own; it is stopped at the page's end. `make` lines are looked up in the Makefile, since running them here would
run this test again.
"""

from __future__ import annotations

import gzip
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

import referee.cli.nemo
from in_process import run_here
from referee.cli.nemo.background import stop
from referee.gym import commands as gym_commands
from referee.judge import Judge
from referee.testing import ScriptedEndpoint, ScriptedHub

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HUB = {
    "nvidia/HelpSteer2": {
        "validation.jsonl.gz": gzip.compress(
            b"".join(b'{"prompt": "p", "response": "worth %d", "helpfulness": %d}\n' % (at, at) for at in range(5))
        )
    }
}
COMMANDS: dict[str, Callable[[], Any]] = {
    "referee": referee.cli.main,
    "nemo": referee.cli.nemo.main,
    **{name: main for name, main in vars(gym_commands).items() if name.startswith("ng_")},
}
WHOLE: dict[str, Any] = {
    "model": {"url": "http://127.0.0.1:1/v1", "name": "m"},
    "scores": [{"name": "s", "rubric": [{"label": "A", "value": 1}, {"label": "B", "value": 0}]}],
    "prompt_template": "{{ item.prompt }}",
}


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder with the project's commands in it, run by this Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    calls = {
        name: f"from referee.gym.commands import {name} as main" for name in vars(gym_commands) if name[:3] == "ng_"
    }
    calls |= {"referee": "from referee.cli import main", "nemo": "from referee.cli.nemo import main"}
    for name, imported in calls.items():
        command = folder / name
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{imported}; raise SystemExit(main())" "$@"\n')
        command.chmod(0o755)
    return folder


@pytest.mark.local
@pytest.mark.usefixtures("one_core")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path, commands: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setenv("NVIDIA_API_KEY", "a-key")
    names: dict[str, Any] = {"__name__": "__docs__"}
    with ScriptedEndpoint(_rating) as endpoint, ScriptedHub(HUB) as hub, ExitStack() as beside, _home(folder.parent):
        monkeypatch.setenv("JUDGE_URL", endpoint.url)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        _write("env.yaml", "")
        for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
            _run(language, text, names, page, beside)
    if page.name == "README.md":  # the walk-through on the embedded model
        rollout = names["rollout"]
        assert (rollout["reward"], rollout["complied"]) in ((0.0, False), (0.5, False), (1.0, True))


def _rating(body: dict[str, Any]) -> str:
    """A judge that says 4, but for the answers of the hub's data set, which say themselves what they are worth."""
    asked = body["messages"][-1]["content"] if "messages" in body else ""
    found = re.search(r"Response: worth (\d)", asked) if isinstance(asked, str) else None
    return f'{{"helpfulness": {found[1] if found else 4}}}'


@contextmanager
def _home(folder: Path) -> Iterator[None]:
    """A home for the platform, on a port of its own; what was started there is stopped."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        patch.setenv("REFEREE_PLATFORM_PORT", str(port))
        patch.setenv("NMP_BASE_URL", f"http://127.0.0.1:{port}")
        try:
            yield
        finally:
            if (folder / "data").exists():
                stop(folder / "data" / "referee")


def _run(language: str, text: str, names: dict[str, Any], page: Path, beside: ExitStack) -> None:
    first, _, rest = text.partition("\n")
    if first.startswith("# file: "):
        name = first.removeprefix("# file: ").strip()
        _write(name, rest)
        if language == "yaml" and "scores" in yaml.safe_load(rest):
            Judge.load(name)
    elif language == "python":
        exec(compile(text, str(page), "exec"), names)
    elif language == "bash":
        for line in text.strip().splitlines():
            if line.startswith("ng_run "):
                beside.close()
                beside.enter_context(_running(line, page))
            else:
                _shell(line, page)
    elif language == "yaml":
        Judge.parse(WHOLE | yaml.safe_load(text))
    else:
        assert language in ("text", "mermaid"), (
            f"{page.name} has a block of {language or 'no'} language, which is not run"
        )


def _write(name: str, text: str) -> None:
    if name == "env.yaml":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            text += f"head_server: {{port: {probe.getsockname()[1]}}}\n"
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


@contextmanager
def _running(line: str, page: Path) -> Iterator[None]:
    """Servers that run while the context is open, and stop by themselves at Ctrl-C."""
    process = subprocess.Popen(
        ["bash", "-ec", f"exec {line}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        said: list[str] = []
        for printed in process.stdout:
            said.append(printed)
            if "stop with Ctrl-C" in printed:
                break
        else:
            raise AssertionError(f"{page.name}: {line}\n{''.join(said)}")
        yield
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


def _shell(line: str, page: Path) -> None:
    if line.startswith("make "):
        subprocess.run(["make", "--dry-run", *line.split()[1:]], cwd=ROOT, check=True, capture_output=True)
        return
    words = shlex.split(line)
    main = COMMANDS.get(words[0])
    if main is not None and not set(line) & set("|<>&;$`"):
        done = run_here(main, words)
    else:
        done = subprocess.run(["bash", "-ec", line], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, f"{page.name}: {line}\n{done.stdout}\n{done.stderr}"
