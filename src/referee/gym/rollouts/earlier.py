"""What an earlier run of a collection left, and whether this one may go on from there.

It may where everything that was collected would be asked for in the same way again. More rows or more repeats are fine;
other parameters, or other rows under the same numbers, are a different collection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import zip_longest
from pathlib import Path
from typing import Any

from referee.errors import OutputError
from referee.gym.configuration.wording import listed
from referee.gym.rollouts.files import read_objects
from referee.gym.rollouts.gathered import Gathered
from referee.gym.rollouts.keys import (
    BAD_ROW,
    FAILURE_CLASS,
    FAILURE_TERMINAL,
    INPUT_LINE,
    PARAMETERS,
    Json,
    Key,
    key_of,
)
from referee.gym.rollouts.settings import CollectionSettings
from referee.gym.rollouts.tally import Tally

_EXCERPT = 60


@dataclass
class Earlier:
    """What is there already.

    Args:
        done: rollouts that are in the output.
        given_up: rollouts that failed for good, or as often as is allowed, with what the last attempt said.
        tried: attempts of rollouts that failed.
        bad_lines: lines of the input that were recorded as no rows.
        tally: the counts of what is in the output.
        gathered: what figures need of it, where there are to be figures.
    """

    done: set[Key] = field(default_factory=set[Key])
    given_up: dict[Key, Json] = field(default_factory=dict[Key, Json])
    tried: Counter[Key] = field(default_factory=Counter[Key])
    bad_lines: set[int] = field(default_factory=set[int])
    tally: Tally = field(default_factory=Tally)
    gathered: Gathered | None = None

    def add(self, row: Json) -> None:
        """Take in a row of the output."""
        key = key_of(row)
        if key is not None and key not in self.done:
            self.done.add(key)
            self.tally.add(row)
            if self.gathered is not None:
                self.gathered.add(row)

    @property
    def over(self) -> int:
        """How many rollouts need no further attempt."""
        return len(self.done) + len(self.given_up)


def read_earlier(settings: CollectionSettings, gathered: Gathered | None) -> Earlier:
    """What the output and the failures hold.

    Args:
        settings: the collection's.
        gathered: takes in what figures need of the output.

    Raises:
        OutputError: they are not files of rollouts.
    """
    earlier = Earlier(gathered=gathered)
    for _, row in read_objects(settings.output):
        if key_of(row) is None:
            raise OutputError(
                f"{settings.output} has rows without _ng_task_index, so it is not an output of rollouts: "
                f"choose another output_jsonl_fpath"
            )
        earlier.add(row)
    for _, row in read_objects(settings.failures):
        key = key_of(row)
        if row.get(FAILURE_CLASS) == BAD_ROW:
            earlier.bad_lines.add(row[INPUT_LINE])
        if key is None or key in earlier.done:
            continue
        earlier.tried[key] += 1
        if row.get(FAILURE_TERMINAL) or earlier.tried[key] >= settings.attempts:
            earlier.given_up[key] = row
    return earlier


def check_unchanged(settings: CollectionSettings, earlier: Earlier, planned: Path) -> None:
    """Compare what was asked for earlier with what is to be asked for now; `earlier` forgets the failures of rollouts
    that are asked for in another way now.

    Args:
        settings: the collection's; its `materialized` file says what was asked for earlier.
        earlier: what came of that.
        planned: what is to be asked for now.

    Raises:
        OutputError: rollouts that were collected would be other ones now.
    """
    before, now = _differing(settings.materialized, planned)
    if before == now:
        return
    for key in [key for key in earlier.tried if before.get(key) != now.get(key)]:
        del earlier.tried[key]
        earlier.given_up.pop(key, None)
    changed = {key for key in earlier.done if before.get(key) != now.get(key)}
    if changed:
        what = _describe(settings, changed, planned)
        raise OutputError(
            f"{settings.output} holds {len(earlier.done):,} rollouts of a collection that was another one:\n"
            f"{listed(what)}\n"
            f"Give the same rows and settings as before to go on with it; or another output_jsonl_fpath; or "
            f"+resume_from_cache=false, which begins anew and keeps what is there under another name."
        )


def _differing(before: Path, now: Path) -> tuple[dict[Key, int], dict[Key, int]]:
    """Digests of the rows of two files, by key, but for those that both have on the same line: mostly all of them."""
    digests: tuple[dict[Key, int], dict[Key, int]] = ({}, {})
    for rows in zip_longest(read_objects(before), read_objects(now)):
        if None not in rows and rows[0][0] == rows[1][0]:
            continue
        for row, into in zip(rows, digests, strict=True):
            if row is not None and (key := key_of(row[1])) is not None:
                into[key] = int.from_bytes(blake2b(row[0], digest_size=8).digest())
    return digests


def _describe(settings: CollectionSettings, changed: set[Key], planned: Path) -> list[str]:
    """What is different, a line each kind of difference."""
    before = dict(_rows(settings.materialized, changed))
    differences: Counter[str] = Counter()
    for key, row in _rows(planned, changed):
        earlier = before.pop(key, None)
        for difference in _differences(earlier, row) if earlier is not None else ():
            differences[difference] += 1
    lines = [f"{text} ({count:,} rollouts)" for text, count in differences.most_common(5)]
    if len(differences) > len(lines):
        lines.append(f"… and {len(differences) - len(lines):,} further differences")
    if before:
        lines.append(f"{len(before):,} rollouts that were collected are not asked for any more")
    return lines


def _rows(path: Path, wanted: set[Key]) -> Iterator[tuple[Key, Json]]:
    for _, row in read_objects(path):
        if (key := key_of(row)) is not None and key in wanted:
            yield key, row


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], at: str = "") -> Iterator[str]:
    for name in {**before, **now}:
        was, is_now = before.get(name), now.get(name)
        if was == is_now:
            continue
        if name == PARAMETERS and isinstance(was, dict) and isinstance(is_now, dict):
            yield from _differences(was, is_now, f"{PARAMETERS}.")
        elif isinstance(was, dict | list | str) or isinstance(is_now, dict | list | str):
            yield f"{at}{name} is another one"
        else:
            yield f"{at}{name} was {was} and is {is_now}"
