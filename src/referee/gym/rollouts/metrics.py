"""The figures of collected rollouts, worked out by the agents that rolled them out and streamed to them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import aiohttp
import orjson

from referee.errors import LaunchError
from referee.exchange import excerpt
from referee.gym.api.aggregation import compute_aggregate_metrics
from referee.gym.rollouts.files import replacing
from referee.gym.rollouts.gathered import Gathered
from referee.gym.rollouts.keys import AGENT_REF, Json
from referee.gym.server import ServerClient

_PIECE = 1 << 18
_READABLE = 1 << 20
"""Up to so many bytes the file is written for people."""
_AFTER_TASKS = b'],"agent_metrics":'
_HEADERS = {"content-type": "application/json"}


@dataclass(frozen=True)
class Figures:
    """The figures of one agent's rollouts, but for those of each task, which are in the file alone."""

    agent: str
    agent_metrics: Json
    key_metrics: Json


async def aggregate(gathered: Gathered, client: ServerClient, metrics: Path) -> list[Figures]:
    """Have the figures of each agent's rollouts worked out, and write them to a file, whole or not at all.

    Args:
        gathered: the rollouts.
        client: knows the agents.
        metrics: the file, `[{agent_ref, agent_metrics, key_metrics, group_level_metrics}]`.

    Raises:
        LaunchError: an agent does not run, or answers no figures.
        OutputError: the file cannot be written.
    """
    found: list[Figures] = []
    answer = metrics.with_suffix(".answer.tmp")
    try:
        with replacing(metrics) as file:
            file.write(b"[")
            for agent in gathered.agents:
                await _ask(gathered, client, agent, answer)
                figures = _read_figures(agent, answer)
                if figures.agent_metrics:
                    file.write(b",\n" if found else b"\n")
                    found.append(figures)
                    _write_entry(figures, answer, file)
            file.write(b"\n]\n")
    finally:
        answer.unlink(missing_ok=True)
    return found


async def _ask(gathered: Gathered, client: ServerClient, agent: str, into: Path) -> None:
    """Write an agent's answer to a file. Of many tasks it is long, so it is not held."""
    url = f"{client.url_of(agent)}/aggregate_metrics"
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=_request(gathered.rows(agent)), headers=_HEADERS) as answer,
        ):
            if answer.status == 200:
                with into.open("wb") as file:
                    async for piece in answer.content.iter_chunked(_PIECE):
                        file.write(piece)
                return
            said = excerpt((await answer.content.read(2000)).decode(errors="replace"), 500)
    except (aiohttp.ClientError, OSError) as error:
        raise LaunchError(f"the agent {agent!r} is gone ({error}): is ng_run still running?") from error
    if answer.status != 404:
        raise LaunchError(f"the agent {agent!r} answered {answer.status} to /aggregate_metrics: {said}")
    # An agent of someone's own need not have the route; the figures are then the usual ones.
    rows = orjson.loads(b"".join(gathered.rows(agent)))
    into.write_text((await asyncio.to_thread(compute_aggregate_metrics, rows)).model_dump_json(), encoding="utf-8")


def _read_figures(agent: str, answer: Path) -> Figures:
    """The figures in an answer, but for those of each task where these come first and are long."""
    with answer.open("rb") as file:
        file.seek(max(0, answer.stat().st_size - _PIECE))
        end = file.read()
    try:
        try:
            told: Any = orjson.loads(b"{" + end[end.index(_AFTER_TASKS) + 2 :])
        except ValueError:
            told = orjson.loads(answer.read_bytes())
        return Figures(agent, dict(told["agent_metrics"]), dict(told["key_metrics"]))
    except (ValueError, TypeError, KeyError) as error:
        said = excerpt(end[:500].decode(errors="replace"))
        raise LaunchError(f"the agent {agent!r} answered no figures to /aggregate_metrics: {said}") from error


def _write_entry(figures: Figures, answer: Path, file: BinaryIO) -> None:
    reference = orjson.dumps({AGENT_REF: {"name": figures.agent}})
    if answer.stat().st_size < _READABLE:
        entry = orjson.loads(reference) | orjson.loads(answer.read_bytes())
        file.write(orjson.dumps(entry, option=orjson.OPT_INDENT_2))
        return
    with answer.open("rb") as source:
        # As it came, with the agent in front.
        file.write(reference[:-1] + b"," + source.read(_PIECE).lstrip()[1:])
        shutil.copyfileobj(source, file)


async def _request(rows: Iterator[bytes]) -> AsyncIterator[bytes]:
    yield b'{"verify_responses":'
    for piece in rows:
        yield piece
    yield b"}"
