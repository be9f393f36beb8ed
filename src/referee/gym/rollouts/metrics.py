"""The figures of collected rollouts, worked out by the agents that rolled them out and streamed to them.

What is sent of a row is all but the policy's and the judge's requests and answers, of which only the tokens used are
kept: figures need no texts, and ten thousand transcripts are heavy.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from referee.errors import LaunchError
from referee.exchange import excerpt
from referee.gym.api.aggregation import AggregateMetrics, compute_aggregate_metrics
from referee.gym.rollouts.files import read_objects
from referee.gym.rollouts.keys import AGENT_REF, PARAMETERS, Json, agent_of
from referee.gym.server import ServerClient

_HEAVY = frozenset({"response", PARAMETERS})
_PIECE = 1 << 18
_HEADERS = {"content-type": "application/json"}


async def aggregate(outputs: Sequence[Path], client: ServerClient, agents: Iterable[str]) -> list[Json]:
    """The figures of each agent's rollouts, as the metrics file holds them.

    Args:
        outputs: files of rollouts.
        client: knows the agents.
        agents: those that may have rollouts in the files.

    Raises:
        LaunchError: an agent does not run, or answers no figures.
    """
    entries = [_entry(agent, await _figures(outputs, client, agent)) for agent in agents]
    return [entry for entry in entries if entry["agent_metrics"]]


def write_metrics(path: Path, entries: list[Json]) -> None:
    """Write the metrics file, whole or not at all."""
    unfinished = path.with_suffix(".tmp")
    unfinished.write_bytes(orjson.dumps(entries, option=orjson.OPT_INDENT_2) + b"\n")
    unfinished.replace(path)


def light(row: Json) -> Json:
    """A verify response without requests and answers, but for the tokens that were used."""
    kept = {key: _without_transcripts(value) for key, value in row.items() if key not in _HEAVY}
    response = row.get("response")
    usage = response.get("usage") if isinstance(response, dict) else None
    return {**kept, "response": {"usage": usage}} if usage else kept


def _without_transcripts(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_transcripts(one) for one in value]
    if isinstance(value, dict) and not _HEAVY.isdisjoint(value):
        return {key: one for key, one in value.items() if key not in _HEAVY}
    return value


async def _figures(outputs: Sequence[Path], client: ServerClient, agent: str) -> AggregateMetrics:
    url = f"{client.url_of(agent)}/aggregate_metrics"
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=_request(outputs, agent), headers=_HEADERS) as answer,
        ):
            raw = await answer.read()
    except (aiohttp.ClientError, OSError) as error:
        raise LaunchError(f"the agent {agent!r} is gone ({error}): is ng_run still running?") from error
    if answer.status == 404:
        # An agent of someone's own need not have the route; the figures are then the usual ones.
        rows = (row for path in outputs for _, row in read_objects(path) if agent_of(row) == agent)
        return await asyncio.to_thread(lambda: compute_aggregate_metrics([light(row) for row in rows]))
    if answer.status != 200:
        said = excerpt(raw[:2000].decode(errors="replace"), 500)
        raise LaunchError(f"the agent {agent!r} answered {answer.status} to {url}: {said}")
    return AggregateMetrics.model_validate_json(raw)


async def _request(outputs: Sequence[Path], agent: str) -> AsyncIterator[bytes]:
    """The request, in pieces as they are read."""
    piece = bytearray(b'{"verify_responses":[')
    first = True
    for path in outputs:
        for _, row in read_objects(path):
            if agent_of(row) != agent:
                continue
            if not first:
                piece += b","
            first = False
            piece += orjson.dumps(light(row))
            if len(piece) > _PIECE:
                yield bytes(piece)
                piece.clear()
    yield bytes(piece + b"]}")


def _entry(agent: str, figures: AggregateMetrics) -> Json:
    return {
        AGENT_REF: {"name": agent},
        "agent_metrics": figures.agent_metrics,
        "key_metrics": figures.key_metrics,
        "group_level_metrics": figures.group_level_metrics,
    }
