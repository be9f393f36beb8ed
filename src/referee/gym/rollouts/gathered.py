"""What figures need of rollouts, gathered as they come: all but requests and answers, of which only the tokens used
are kept. Figures need no texts, and ten thousand transcripts are heavy to read a second time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson

from referee.errors import OutputError
from referee.gym.rollouts.keys import PARAMETERS, Json, agent_of

_HEAVY = frozenset({"response", PARAMETERS})
_PIECE = 1 << 18


class Gathered:
    """Light rows by agent, in files without a name, which are gone when it is closed. A context manager.

    Args:
        folder: where there is room for them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {}

    @property
    def agents(self) -> list[str]:
        """The agents that have rows, by name."""
        return sorted(self._files)

    def add(self, row: Json, agent: str | None = None) -> None:
        """Take in a row of rollouts; one without an agent is nobody's to work out. `agent` is its agent, where known.

        Raises:
            OutputError: the disk is full, or the like.
        """
        agent = agent or agent_of(row)
        if agent is None:
            return
        line = orjson.dumps(light(row), option=orjson.OPT_APPEND_NEWLINE)
        try:
            file = self._files.get(agent)
            if file is None:
                file = tempfile.TemporaryFile(dir=self._folder, buffering=_PIECE)  # noqa: SIM115 - closed by clear
                self._files[agent] = file
            file.write(line)
        except OSError as error:
            raise OutputError(f"{self._folder} cannot be written to: {error.strerror or error}") from error

    def rows(self, agent: str) -> Iterator[bytes]:
        """The rows of an agent as a JSON array, in the order in which they came, in pieces of so many bytes."""
        file = self._files[agent]
        file.seek(0)
        piece = b"[" + file.read(_PIECE)
        while following := file.read(_PIECE):
            yield piece.replace(b"\n", b",")
            piece = following
        yield piece[:-1].replace(b"\n", b",") + b"]"

    def clear(self) -> None:
        """Forget all rows."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.clear()


def light(row: Json) -> Json:
    """A verify response without requests and answers, but for the tokens that were used."""
    kept = row.copy()
    for key in _HEAVY:
        kept.pop(key, None)
    for key, value in kept.items():
        if type(value) is dict or type(value) is list:  # half the time of isinstance, and there are many fields
            kept[key] = _without_transcripts(value)
    response = row.get("response")
    if isinstance(response, dict) and (usage := response.get("usage")):
        kept["response"] = {"usage": usage}
    return kept


def _without_transcripts(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_transcripts(one) for one in value]
    if isinstance(value, dict) and not _HEAVY.isdisjoint(value):
        return {key: one for key, one in value.items() if key not in _HEAVY}
    return value
