"""The datasets that a configuration's agents declare, and where their files are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from referee.errors import ConfigurationError
from referee.gym.configuration import Configuration
from referee.gym.configuration.search import find
from referee.judge.explain import mistakes_in

Mode = Literal["train_preparation", "example_validation"]
MODES: tuple[Mode, ...] = get_args(Mode)
TYPES: dict[Mode, tuple[str, ...]] = {
    "train_preparation": ("train", "validation", "benchmark"),
    "example_validation": ("example",),
}
"""The types of datasets that a mode is about."""
_LICENSED = ("train", "validation")


class DatasetConfig(BaseModel):
    """A dataset as NeMo Gym's configurations declare one under an agent."""

    model_config = ConfigDict(frozen=True)

    name: str
    type: Literal["train", "validation", "example", "benchmark"]
    jsonl_fpath: str
    num_repeats: int = Field(default=1, ge=1)
    source: dict[str, Any] | None = None
    gitlab_identifier: dict[str, Any] | None = None
    huggingface_identifier: dict[str, Any] | None = None
    license: str | None = None
    prompt_config: str | None = None


@dataclass(frozen=True)
class Dataset:
    """A dataset of an agent.

    Args:
        agent: who rolls its rows out.
        config: what the configuration says of it.
        path: its file; None where there is none.
        beside: what the names of files about it begin with: its path in the working directory, without an ending.
    """

    agent: str
    config: DatasetConfig
    path: Path | None
    beside: Path

    @property
    def hub_url(self) -> str | None:
        """Where on the Hugging Face Hub its rows are; None where the configuration does not say."""
        source = self.config.source if (self.config.source or {}).get("type") == "huggingface" else None
        named = source or self.config.huggingface_identifier or {}
        repository, file = named.get("repo_id"), named.get("artifact_fpath")
        return f"hf://datasets/{repository}/{file}" if repository and file else None


def declared_datasets(configuration: Configuration, mode: Mode) -> list[Dataset]:
    """The datasets of a mode, in the order of the configuration.

    Raises:
        ConfigurationError: with every mistake in them; or there is none.
    """
    problems: list[str] = []
    found: list[Dataset] = []
    others: set[str] = set()
    for server in configuration.servers:
        if server.kind != "responses_api_agents":
            continue
        given: Sequence[Any] = server.settings.get("datasets") or ()
        for index, one in enumerate(given):
            at = f"{server.name}.datasets[{index}]"
            try:
                config = DatasetConfig.model_validate(one)
            except ValidationError as error:
                problems += [f"{at}.{mistake}" for mistake in mistakes_in(error, DatasetConfig, one)]
                continue
            if config.type not in TYPES[mode]:
                others.add(config.type)
                continue
            problems += [f"{at}: {problem}" for problem in _problems(config)]
            path = Path(config.jsonl_fpath).expanduser()
            found.append(
                Dataset(server.name, config, find(config.jsonl_fpath, configuration.roots), path.with_suffix(""))
            )
    if not found and not problems:
        there = f"; there are some of type {', '.join(sorted(others))}, for the other mode" if others else ""
        problems.append(
            f"no agent declares a dataset of type {' or '.join(TYPES[mode])}, which mode={mode} is about{there}: name "
            f"a file that does in config_paths, or add to an agent "
            f"`datasets: [{{name: …, type: {TYPES[mode][0]}, jsonl_fpath: …, license: …}}]`"
        )
    if problems:
        raise ConfigurationError(problems)
    return found


def _problems(config: DatasetConfig) -> list[str]:
    found: list[str] = []
    if config.type in _LICENSED and not config.license:
        found.append(f"{config.name!r} has no license, which a {config.type} dataset needs; add `license: …`")
    if config.prompt_config is not None:
        found.append(
            f"{config.name!r} has a prompt_config, which is not read here: write the prompts into its rows' "
            f"responses_create_params"
        )
    return found
