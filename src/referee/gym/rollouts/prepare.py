"""Before the first rollout: what there is to do, what is done already, and the files open for what will come."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from referee.errors import OutputError
from referee.gym.rollouts.earlier import Earlier, check_unchanged, read_earlier
from referee.gym.rollouts.files import Appending, set_aside
from referee.gym.rollouts.gathered import Gathered
from referee.gym.rollouts.keys import BAD_ROW, FAILURE_CLASS, FAILURE_MESSAGE, FAILURE_TERMINAL, INPUT_LINE
from referee.gym.rollouts.materialize import Plan
from referee.gym.rollouts.settings import CollectionSettings


@dataclass
class Prepared:
    """A collection that can begin. A context manager: it holds the output open, for itself alone.

    Args:
        settings: the collection's.
        plan: what there is to roll out.
        earlier: what is there already.
        output: open for rollouts.
        failures: open for failures.
        aside: the names of what was set aside.
    """

    settings: CollectionSettings
    plan: Plan
    earlier: Earlier
    output: Appending
    failures: Appending
    aside: list[Path] = field(default_factory=list[Path])

    @property
    def gathered(self) -> Gathered | None:
        """What figures need of the rollouts, those of an earlier run too; None where there are to be no figures."""
        return self.earlier.gathered

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.output.close()
        self.failures.close()
        if self.gathered is not None:
            self.gathered.clear()


def prepare(
    settings: CollectionSettings, write: Callable[[Path], Plan], finished: Callable[[], Iterable[bytes]] = tuple
) -> Prepared:
    """Write down what there is to do, look at what an earlier run left, and open the files.

    Args:
        settings: the collection's.
        write: writes every rollout to a file; `materialize`, say.
        finished: lines that a collection which is begun anew has in its output from the start.

    Raises:
        ConfigurationError: an agent is asked for that does not run.
        DataError: the input cannot be read.
        OutputError: the output cannot be written, or is another collection's.
    """
    planned = settings.materialized.with_suffix(f".{os.getpid()}.tmp")
    try:
        _make_folder(settings.output.parent)
        plan = write(planned)
        gathered = Gathered(settings.output.parent) if settings.aggregate else None
        output = Appending(settings.output)
        try:
            aside: list[Path] = []
            earlier = _go_on(settings, planned, gathered)
            if earlier is None:
                earlier = Earlier(gathered=gathered)
                if gathered is not None:
                    gathered.clear()
                output.close()
                aside = [
                    moved
                    for path in (settings.output, settings.failures, settings.materialized)
                    if path.exists() and path.stat().st_size and (moved := set_aside(path))
                ]
                output = Appending(settings.output)
                for line in finished():
                    output.write(line)
                    earlier.add(orjson.loads(line))
            planned.replace(settings.materialized)
            settings.metrics.unlink(missing_ok=True)
            failures = Appending(settings.failures)
            _record_bad_rows(plan, earlier, failures)
        except BaseException:
            output.close()
            if gathered is not None:
                gathered.clear()
            raise
    finally:
        planned.unlink(missing_ok=True)
    return Prepared(settings, plan, earlier, output, failures, aside)


def _go_on(settings: CollectionSettings, planned: Path, gathered: Gathered | None) -> Earlier | None:
    """What an earlier run left, if this one is to go on from there."""
    empty = not any(path.exists() and path.stat().st_size for path in (settings.output, settings.failures))
    if empty or settings.resume is False:
        return None
    if not settings.materialized.exists():
        if settings.resume is None:
            return None
        raise OutputError(
            f"{settings.output} cannot be gone on with, as {settings.materialized.name}, which says what was asked "
            f"for, is not beside it: put it back, or begin anew with +resume_from_cache=false"
        )
    earlier = read_earlier(settings, gathered)
    if settings.resume is None and earlier.over >= _count_lines(settings.materialized):
        return None
    check_unchanged(settings, earlier, planned)
    return earlier


def _record_bad_rows(plan: Plan, earlier: Earlier, failures: Appending) -> None:
    for bad in plan.bad:
        if bad.line not in earlier.bad_lines:
            record = {
                FAILURE_CLASS: BAD_ROW,
                FAILURE_MESSAGE: bad.message,
                FAILURE_TERMINAL: True,
                INPUT_LINE: bad.line,
            }
            failures.write(orjson.dumps(record) + b"\n")


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {folder} cannot be made: {error.strerror or error}; choose another output_jsonl_fpath"
        ) from error
