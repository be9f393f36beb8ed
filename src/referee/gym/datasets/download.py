"""Datasets that are not here yet, fetched from where their configuration says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from referee.data import open_rows
from referee.errors import ConfigurationError, DataError
from referee.gym.datasets.declared import Dataset
from referee.gym.rollouts.files import replacing


def fetched(datasets: Iterable[Dataset], *, download: bool) -> list[Dataset]:
    """The datasets with all their files there.

    Args:
        datasets: as they are declared.
        download: whether those that are not there are fetched from the Hugging Face Hub.

    Raises:
        ConfigurationError: with every file that is not there and is not to be fetched, or nobody says from where.
        DataError: one cannot be fetched, or has a row that is no JSON object.
        MissingExtraError: the library that reads the Hub is not installed.
    """
    datasets = list(datasets)
    problems = [_why_missing(one, download) for one in datasets if one.path is None]
    if unmended := [problem for problem in problems if problem is not None]:
        raise ConfigurationError(unmended)
    return [_fetch(one) if one.path is None else one for one in datasets]


def _why_missing(dataset: Dataset, download: bool) -> str | None:
    if download and dataset.hub_url is not None:
        return None
    at = f"the file {dataset.config.jsonl_fpath!r} of {dataset.agent}'s dataset {dataset.config.name!r} is not there"
    if dataset.hub_url is not None:
        return f"{at}: fetch it from {dataset.hub_url} with +should_download=true"
    return (
        f"{at}: put it there, or say where on the Hugging Face Hub it is by "
        f"`source: {{type: huggingface, repo_id: OWNER/NAME, artifact_fpath: FILE.jsonl}}`"
    )


def _fetch(dataset: Dataset) -> Dataset:
    assert dataset.hub_url is not None
    path = Path(dataset.config.jsonl_fpath).expanduser()
    with replacing(path) as file, open_rows(dataset.hub_url) as rows:
        for row in rows:
            if row.item is None:
                raise DataError(f"{dataset.hub_url} cannot be taken over: {row.error}")
            file.write(row.raw + b"\n")
    return replace(dataset, path=path)
