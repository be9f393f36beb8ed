"""`ng_prepare_data`: the datasets that agents declare, checked row by row and put together by type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from referee.gym.commands.frame import run_command
from referee.gym.commands.own_settings import read_configuration
from referee.gym.configuration.wording import closest_or_all
from referee.gym.datasets.collate import Collated, collate
from referee.gym.datasets.declared import MODES, TYPES, Mode, declared_datasets
from referee.gym.datasets.download import fetched
from referee.gym.rollouts.settings import KeyReader
from referee.gym.stand_in import JUDGE_VALUES, VALUES
from referee.readable import plural

KEYS = ("output_dirpath", "mode", "should_download", "data_source", "overwrite_metrics_conflicts")
USAGE = """
    ng_prepare_data "+config_paths=[FILE,…]" +mode=train_preparation|example_validation +output_dirpath=FOLDER
        [+should_download=true] [+overwrite_metrics_conflicts=true]

    Check every row of the datasets that the configuration's agents declare, and put those of one type together. All
    mistakes are told at once, with their lines; where there is one, nothing is written. No server is started.

      mode                         train_preparation: datasets of the types train, validation and benchmark;
                                   example_validation: those of the type example
      output_dirpath               where <type>.jsonl goes, each row with the agent that declares it in agent_ref, and
                                   <type>_metrics.json, what these rows are like
      should_download              fetch files that are not there from the Hugging Face Hub, where the dataset has
                                   source: {type: huggingface, repo_id: OWNER/NAME, artifact_fpath: FILE.jsonl}
      overwrite_metrics_conflicts  true: replace metrics files that say something else

    Beside each dataset, under the working directory: <dataset>_metrics.json. Where there is one already it must agree.
"""


def main() -> int:
    """The console script."""
    return run_command("ng_prepare_data", USAGE, run)


def run(arguments: Sequence[str]) -> int:
    """Prepare; the exit code."""
    configuration = read_configuration(arguments, KEYS, defaults=VALUES | JUDGE_VALUES)
    keys = KeyReader(configuration.values)
    output, given = keys.text("output_dirpath"), keys.text("mode")
    if output is None:
        keys.problems.append("output_dirpath is not given: say where to put the data with +output_dirpath=FOLDER")
    modes: dict[str | None, Mode] = {one: one for one in MODES}
    if given is None:
        keys.problems.append(f"mode is not given: it is one of {', '.join(MODES)}, such as +mode={MODES[0]}")
    elif given not in modes:
        keys.problems.append(f"mode is {given!r}{closest_or_all(given, MODES)}")
    download = keys.flag("should_download") or False
    overwrite = keys.flag("overwrite_metrics_conflicts") or False
    if download and (source := keys.text("data_source")) not in (None, "huggingface"):
        keys.problems.append(f"data_source is {source!r}: data can be fetched from huggingface alone")
    keys.done()
    mode = modes[given]
    datasets = fetched(declared_datasets(configuration, mode), download=download)
    _say(collate(datasets, Path.cwd() / Path(output or "").expanduser(), overwrite=overwrite), TYPES[mode])
    return 0


def _say(found: Collated, types: Sequence[str]) -> None:
    for dataset, figures in found.datasets:
        config = dataset.config
        repeats = f", each {config.num_repeats} times" if config.num_repeats > 1 else ""
        rows = plural(figures.rows // config.num_repeats, "row")
        print(f"{dataset.agent} · {config.name} ({config.type}): {rows}{repeats}, {dataset.path}")
    if found.redirected:
        print(f"{plural(found.redirected, 'row')} named another agent; agent_ref names the one that declares the data.")
    for kind in types:
        if kind in found.types:
            path, figures = found.types[kind]
            print(f"{path}: {plural(figures.rows, 'row')}")
