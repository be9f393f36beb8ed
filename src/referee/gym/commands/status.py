"""`ng_status`: which servers run, and whether they answer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from referee.gym.commands.frame import run_command
from referee.gym.configuration import load_configuration
from referee.gym.running import RunningServer, list_running

USAGE = """
    ng_status [++head_server.port=PORT] [+json=true]

    List the servers of the ng_run whose head server is at port 11000, or where env.yaml or the command line say.
    The exit code is 1 where one of them does not answer.
"""


def main() -> int:
    """The console script."""
    return run_command("ng_status", USAGE, run)


def run(arguments: Sequence[str]) -> int:
    """Print the list; the exit code."""
    configuration = load_configuration(arguments, needs={"json"})
    servers = list_running(configuration.head)
    if configuration.values.get("json") is True:
        listed = [{**server.listed, "status": "success" if server.answers else "no_answer"} for server in servers]
        print(orjson.dumps(listed, option=orjson.OPT_INDENT_2).decode())
    else:
        print(describe_running(servers))
    return 0 if all(server.answers for server in servers) else 1


def describe_running(servers: Sequence[RunningServer]) -> str:
    """The list for people."""
    rows = [
        (
            "✓" if server.answers else "✗",
            server.listed["process_name"],
            f"{server.listed['server_type']}/{server.listed['name']}",
            server.listed["url"],
            f"process {server.listed['pid']}",
            _uptime(server.listed),
        )
        for server in servers
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(6)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    healthy = sum(server.answers for server in servers)
    return "\n".join([*lines, f"{len(servers)} servers, {healthy} answer, {len(servers) - healthy} do not"])


def _uptime(listed: Mapping[str, Any]) -> str:
    # The original's head server says when a server was started, and leaves the rest to whoever asks.
    seconds, started = listed.get("uptime_seconds"), listed.get("start_time")
    if seconds is None and started is not None:
        seconds = time.time() - started
    return "" if seconds is None else f"up {_duration(seconds)}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")]
    while len(parts) > 1 and not parts[0][0]:
        del parts[0]
    return " ".join(f"{number}{unit}" for number, unit in parts)
