"""`ng_aggregate_rollouts`: the figures of rollouts that were collected in several files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from glob import glob
from pathlib import Path

from referee.errors import DataError
from referee.gym.commands.frame import run_command
from referee.gym.configuration import Configuration, load_configuration
from referee.gym.rollouts.files import read_objects, replacing
from referee.gym.rollouts.gathered import Gathered
from referee.gym.rollouts.keys import AGENT_REF
from referee.gym.rollouts.metrics import aggregate
from referee.gym.rollouts.settings import KeyReader, beside
from referee.gym.running import fetch_configuration
from referee.gym.server import ServerClient

KEYS = ("input_glob", "output_jsonl_fpath", "merge_shards")
USAGE = """
    ng_aggregate_rollouts "+input_glob=PATTERN[,PATTERN…]" +output_jsonl_fpath=OUT.jsonl [+merge_shards=false]

    Work out the figures of all rollouts in the files that match, with the agents of the ng_run that runs.

      input_glob          such as 'results/shard*.jsonl'; what lies beside an output (_failures, _materialized_inputs)
                          and OUT itself are left out
      output_jsonl_fpath  the figures go to OUT_aggregate_metrics.json, and the rollouts of all files to OUT
      merge_shards        false: the figures alone
"""
_BESIDE = ("_failures", "_materialized_inputs", ".previous")


def main() -> int:
    """The console script."""
    return run_command("ng_aggregate_rollouts", USAGE, run)


def run(arguments: Sequence[str]) -> int:
    """Aggregate; the exit code."""
    configuration = load_configuration(arguments, needs=KEYS)
    keys = KeyReader(configuration.values)
    pattern, given = keys.text("input_glob"), keys.text("output_jsonl_fpath")
    merge = keys.flag("merge_shards") is not False
    if pattern is None:
        keys.problems.append("input_glob is not given: name the files of rollouts with '+input_glob=shard*.jsonl'")
    if given is None:
        keys.problems.append(
            "output_jsonl_fpath is not given: say where to put them with +output_jsonl_fpath=OUT.jsonl"
        )
    keys.done()
    output = Path.cwd() / Path(given or "").expanduser()
    shards = find_shards(pattern or "", output)
    running = fetch_configuration(configuration.head)
    metrics = beside(output, "_aggregate_metrics", ".json")
    count = asyncio.run(_aggregate(shards, running, metrics))
    print(f"{count:,} rollouts of {len(shards):,} files\nfigures: {metrics}")
    if merge:
        merge_files(shards, output)
        print(f"rollouts: {output}")
    return 0


def find_shards(patterns: str, output: Path) -> list[Path]:
    """The files of rollouts that match patterns separated by commas, each once, without `output` and what is beside.

    Raises:
        DataError: there is none.
    """
    found = [Path(name) for part in patterns.split(",") for name in sorted(glob(os.path.expanduser(part.strip())))]
    shards = [
        path
        for path in dict.fromkeys(path.resolve() for path in found)
        if path != output.resolve() and not path.stem.endswith(_BESIDE) and path.suffix == ".jsonl"
    ]
    if not shards:
        raise DataError(f"no file of rollouts matches input_glob={patterns!r} in {Path.cwd()}: quote the pattern")
    return shards


def merge_files(shards: Sequence[Path], output: Path) -> None:
    """Write the lines of all files to one, whole or not at all."""
    with replacing(output) as file:
        for path in shards:
            file.writelines(line for line, _ in read_objects(path))


async def _aggregate(shards: Sequence[Path], running: Configuration, metrics: Path) -> int:
    client = ServerClient(running)
    try:
        with Gathered(metrics.parent) as gathered:
            for path in shards:
                for _, row in read_objects(path):
                    gathered.add(row)
            if not gathered.agents:
                raise DataError(
                    f"the rollouts of {shards[0]} name no agent ({AGENT_REF}), so nobody knows their figures"
                )
            figures = await aggregate(gathered, client, metrics)
    finally:
        await client.aclose()
    return sum(one.agent_metrics.get("num_rollouts", 0) for one in figures)
