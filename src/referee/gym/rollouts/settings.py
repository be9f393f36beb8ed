"""What a collection is told: the keys of `ng_collect_rollouts`, read from a configuration and checked all at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from referee.errors import ConfigurationError
from referee.gym.configuration import Configuration
from referee.gym.configuration.search import find
from referee.gym.configuration.wording import did_you_mean

Value = TypeVar("Value")
DEFAULT_PARALLEL = 128
ATTEMPTS_VARIABLE = "NEMO_GYM_MAX_ROLLOUT_ATTEMPTS"
DEFAULT_ATTEMPTS = 3
ANY_AGENT = "_default"
KEYS = (
    "agent_name",
    "input_jsonl_fpath",
    "output_jsonl_fpath",
    "limit",
    "num_repeats",
    "num_samples_in_parallel",
    "responses_create_params",
    "resume_from_cache",
    "num_repeats_add_seed",
    "disable_aggregation",
)


@dataclass(frozen=True)
class CollectionSettings:
    """One collection.

    Args:
        input: the rows, JSON Lines.
        output: where rollouts go, one line each.
        agent: the agent that rolls all rows out; None where each row names its own in `agent_ref`.
        limit: at most so many rows.
        repeats: rollouts of each row; by agent where they differ, `_default` for the others.
        parallel: the most rollouts under way at once.
        parameters: put over each row's `responses_create_params`.
        resume: whether to go on with what is there: True and nothing else will do, False to begin anew, None to go on
            with an unfinished collection of the same rollouts and to begin anew after a finished one.
        add_seed: whether each rollout of a row asks for a seed of its own, for model servers that know seeds.
        aggregate: whether figures are worked out at the end.
        attempts: how often a rollout is tried, over all runs, before it is given up.
    """

    input: Path
    output: Path
    agent: str | None = None
    limit: int | None = None
    repeats: int | Mapping[str, int] = 1
    parallel: int = DEFAULT_PARALLEL
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    resume: bool | None = None
    add_seed: bool = False
    aggregate: bool = True
    attempts: int = DEFAULT_ATTEMPTS

    @property
    def materialized(self) -> Path:
        """Each rollout as it is asked for, one line each."""
        return beside(self.output, "_materialized_inputs", ".jsonl")

    @property
    def failures(self) -> Path:
        """What failed, one line an attempt."""
        return beside(self.output, "_failures", ".jsonl")

    @property
    def metrics(self) -> Path:
        """The figures."""
        return beside(self.output, "_aggregate_metrics", ".json")


def beside(output: Path, suffix: str, ending: str) -> Path:
    """The file that belongs to an output of rollouts: its stem with a suffix, in the same folder."""
    return output.parent / (output.stem + suffix + ending)


def read_settings(
    configuration: Configuration, *, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> CollectionSettings:
    """A collection's settings.

    Args:
        configuration: loaded with `needs=KEYS`.
        cwd: the working directory, the process's by default.
        environment: read for `NEMO_GYM_MAX_ROLLOUT_ATTEMPTS`; the process's by default.

    Raises:
        ConfigurationError: with every mistake there is.
    """
    keys = KeyReader(configuration.values)
    here = cwd or Path.cwd()
    agent = keys.text("agent_name")
    rows = keys.file("input_jsonl_fpath", configuration.roots, required="the rows to roll out")
    given = keys.text("output_jsonl_fpath")
    output = Path(given).expanduser() if given else Path(f"{agent or rows.name.split('.')[0]}_rollouts.jsonl")
    if given and output.suffix != ".jsonl":
        keys.problems.append(f"output_jsonl_fpath is {given!r}: give a file whose name ends in .jsonl")
    settings = CollectionSettings(
        input=rows,
        output=here / output,
        agent=agent,
        limit=keys.number("limit", least=0) or None,
        repeats=_repeats(keys),
        parallel=keys.number("num_samples_in_parallel") or DEFAULT_PARALLEL,
        parameters=keys.mapping("responses_create_params"),
        resume=keys.flag("resume_from_cache"),
        add_seed=keys.flag("num_repeats_add_seed") or False,
        aggregate=not keys.flag("disable_aggregation"),
        attempts=_attempts(os.environ if environment is None else environment, keys.problems),
    )
    keys.done()
    return settings


class KeyReader:
    """Reads a command's keys; what is wrong with them is in `problems`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.problems: list[str] = []

    def done(self) -> None:
        """Raise a ConfigurationError where there were problems."""
        if self.problems:
            raise ConfigurationError(self.problems)

    def value(self, key: str) -> Any:
        """Whatever it is."""
        return self._values.get(key)

    def text(self, key: str) -> str | None:
        """A text that is not empty."""
        return self._read(key, lambda value: isinstance(value, str) and bool(value), "a text")

    def flag(self, key: str) -> bool | None:
        """true or false."""
        return self._read(key, lambda value: isinstance(value, bool), "true or false")

    def mapping(self, key: str) -> dict[str, Any]:
        """A mapping."""
        example = f'a mapping, such as "+{key}={{temperature: 1.0}}"'
        return self._read(key, lambda value: isinstance(value, dict), example) or {}

    def number(self, key: str, least: int = 1) -> int | None:
        """A whole number."""
        return self._read(key, lambda value: _is_number(value, least), f"a whole number from {least}")

    def decimal(self, key: str) -> float | None:
        """A number."""
        return self._read(key, lambda value: isinstance(value, int | float) and not isinstance(value, bool), "a number")

    def file(self, key: str, roots: Collection[Path], *, required: str) -> Path:
        """A file, looked up in the roots."""
        name = self.text(key)
        if name is None:
            if key not in self._values or self._values[key] is None:
                self.problems.append(f"{key} is not given: name {required} with +{key}=FILE")
            return Path()
        found = find(name, tuple(roots))
        if found is None:
            near = did_you_mean(Path(name).name, _siblings(name, roots))
            places = ", ".join(map(str, roots))
            self.problems.append(f"{key}: the file {name!r} was not found; looked for it in {places}{near}")
        return found or Path()

    def _read(self, key: str, accepts: Callable[[Any], bool], wanted: str) -> Any:
        value = self._values.get(key)
        if value is None or accepts(value):
            return value
        self.problems.append(f"{key} is {value!r}, and should be {wanted}")
        return None


def _repeats(keys: KeyReader) -> int | Mapping[str, int]:
    given: Any = keys.value("num_repeats")
    if given is None or _is_number(given, 1):
        return given or 1
    if isinstance(given, dict) and given and all(_is_number(number, 1) for number in given.values()):
        return given
    keys.problems.append(
        f"num_repeats is {given!r}, and should be a whole number from 1, or one for each agent, "
        f'such as "+num_repeats={{my_agent: 4, {ANY_AGENT}: 1}}"'
    )
    return 1


def _attempts(environment: Mapping[str, str], problems: list[str]) -> int:
    text = environment.get(ATTEMPTS_VARIABLE) or str(DEFAULT_ATTEMPTS)
    if text.isdigit() and int(text) > 0:
        return int(text)
    problems.append(f"the environment variable {ATTEMPTS_VARIABLE} is {text!r}, and should be a whole number from 1")
    return DEFAULT_ATTEMPTS


def _is_number(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _siblings(name: str, roots: Collection[Path]) -> list[str]:
    folders = [(root / name).parent for root in roots]
    return [file.name for folder in folders if folder.is_dir() for file in folder.iterdir()]
