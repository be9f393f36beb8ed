"""A platform as a process on this machine: started and left alone, found again, stopped.

The data folder knows whether a server has it: that one holds the folder's lock. Who it is, and where it listens, the
server itself has written beside it when it was ready (`referee.platform.presence`).
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError

from referee.errors import LaunchError, MissingExtraError
from referee.platform.presence import LOCK_FILE, LOG_FILE, make_room, read_record
from referee.platform.settings import Settings

_PATIENCE = 30.0
_SOON = 0.02


def run_here(settings: Settings, say: Callable[[str], Any]) -> None:
    """Run the platform in this process until it is told to stop.

    Raises:
        LaunchError: the port is taken.
        PlatformError: the settings are not safe, or another server has the data folder.
    """
    try:
        from referee.platform.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "referee":
            raise
        raise MissingExtraError(f"the platform (no module {error.name})", "platform") from error
    serve(settings, say)


def start(settings: Settings) -> str:
    """Start the platform as a process of its own, wait until it is ready, and return where it is.

    Raises:
        LaunchError: it ended or was not ready in time; its last words are in the message.
    """
    settings.check()
    if is_running(settings.data):
        return f"it runs already: {look(settings.data).get('url', 'started by another command')}"
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = settings.data / LOG_FILE
    make_room(log)
    begun = log.stat().st_size if log.exists() else 0
    command = [sys.executable, "-m", "referee.cli.nemo", "services", "run"]
    command += ["--host", settings.host, "--port", str(settings.port), "--data", str(settings.data.absolute())]
    with log.open("ab") as words:
        # A session of its own, so that closing the terminal does not end it.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=words, stderr=subprocess.STDOUT, start_new_session=True, cwd="/"
        )
    _wait_ready(process, settings, log, begun)
    process.returncode = 0  # it lives on; nobody here waits for it
    return f"the platform is ready at {read_record(settings.data)['url']} (pid {process.pid}, log {log})"


def stop(data: Path) -> str:
    """Stop the platform that has this folder, and wait until it has let go of it.

    Raises:
        LaunchError: it cannot be told which process that is, or it does not end.
    """
    if not is_running(data):
        return f"no platform runs on {data}"
    until = time.monotonic() + _PATIENCE
    while not isinstance(pid := read_record(data).get("pid"), int):
        if not is_running(data) or time.monotonic() > until:  # it is still starting
            raise LaunchError(f"a process has {data} and does not say which it is: see who has {data / LOCK_FILE} open")
        time.sleep(_SOON)
    try:
        os.kill(pid, signal.SIGTERM)
    except (ProcessLookupError, PermissionError) as error:
        raise LaunchError(f"the process {pid} that is said to serve {data} cannot be stopped: {error}") from error
    while is_running(data):
        if time.monotonic() > until:
            raise LaunchError(f"the platform (pid {pid}) has not ended {_PATIENCE:g} s after it was told to")
        time.sleep(_SOON)
    return f"stopped the platform on {data}"


def look(data: Path) -> dict[str, Any]:
    """What there is to say: `status` (ready, starting, stopped), and of one that runs url, pid and start."""
    if not is_running(data):
        return {"status": "stopped", "data": str(data), "start it with": "nemo services start"}
    known = read_record(data)
    ready = "url" in known and _answers(str(known["url"]))
    return {"status": "ready" if ready else "starting", **known, "data": str(data)}


def is_running(data: Path) -> bool:
    """Whether a server has the folder."""
    try:
        lock = os.open(data / LOCK_FILE, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def last_lines(file: Path, count: int) -> Sequence[str]:
    """The last lines of a log."""
    with file.open("rb") as log:
        log.seek(max(0, file.stat().st_size - count * 400))
        return log.read().decode("utf-8", "replace").splitlines()[-count:]


def _wait_ready(process: subprocess.Popen[bytes], settings: Settings, log: Path, begun: int) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        known = read_record(settings.data)
        if known.get("pid") == process.pid and _answers(str(known.get("url"))):
            return
        if process.poll() is not None:
            raise LaunchError(f"the platform did not start: {_words(log, begun) or 'it said nothing'}")
        if time.monotonic() > until:
            process.kill()
            process.wait()
            raise LaunchError(f"the platform was not ready after {_PATIENCE:g} s: {_words(log, begun)} (log {log})")
        time.sleep(_SOON)


def _words(log: Path, begun: int) -> str:
    with log.open("rb") as file:
        file.seek(begun)
        return file.read().decode("utf-8", "replace").strip()[-2000:].removeprefix("nemo: ")


def _answers(url: str) -> bool:
    # Not through a proxy that the environment may name: it is this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/health/ready", timeout=2.0) as answer:
            return answer.status == 200
    except (URLError, OSError, ValueError):
        return False
