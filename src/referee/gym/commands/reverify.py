"""`ng_reverify`: rewards of finished rollouts anew, by another judge or verifier, without asking the policy again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import uvloop

from referee.gym.commands.collect_rollouts import run_collection
from referee.gym.commands.frame import run_command
from referee.gym.commands.own_settings import read_configuration
from referee.gym.rollouts.prepare import prepare
from referee.gym.rollouts.reverify import Finished, to_verifier
from referee.gym.rollouts.settings import DEFAULT_PARALLEL, CollectionSettings, KeyReader, beside
from referee.gym.running import fetch_configuration
from referee.gym.serving import allow_many_connections

KEYS = (
    "rollouts_jsonl_fpath",
    "materialized_inputs_jsonl_fpath",
    "output_jsonl_fpath",
    "judge_failed_only",
    "limit",
    "num_samples_in_parallel",
    "resume_from_cache",
    "overwrite",
    "disable_aggregation",
)
USAGE = """
    ng_reverify +rollouts_jsonl_fpath=OUT.jsonl [+output_jsonl_fpath=NEW.jsonl] [+judge_failed_only=true]
        [+limit=N] [+num_samples_in_parallel=N] [+resume_from_cache=true|false] [+disable_aggregation=true]

    Verify finished rollouts again, with the resources servers of the ng_run that runs: another judge, prompt or
    labels, and the same answers of the policy, which is not asked.

      rollouts_jsonl_fpath             what ng_collect_rollouts wrote
      materialized_inputs_jsonl_fpath  what it had asked for; by default OUT_materialized_inputs.jsonl
      output_jsonl_fpath               by default OUT_reverified.jsonl; the files beside it are those of a collection
      judge_failed_only                only where the judge failed; all other rollouts keep their reward
      overwrite                        true: the same as resume_from_cache=false

    Exit codes as those of ng_collect_rollouts.
"""


def main() -> int:
    """The console script."""
    return run_command("ng_reverify", USAGE, run)


def run(arguments: Sequence[str]) -> int:
    """Verify; the exit code."""
    configuration = read_configuration(arguments, KEYS, needs=KEYS)
    keys = KeyReader(configuration.values)
    rollouts = keys.file("rollouts_jsonl_fpath", configuration.roots, required="the rollouts to verify again")
    inputs = beside(rollouts, "_materialized_inputs", ".jsonl")
    if keys.text("materialized_inputs_jsonl_fpath") is not None or not inputs.is_file():
        inputs = keys.file("materialized_inputs_jsonl_fpath", configuration.roots, required="what had been asked for")
    given = keys.text("output_jsonl_fpath")
    output = Path.cwd() / Path(given).expanduser() if given else beside(rollouts, "_reverified", ".jsonl")
    if output.resolve() == rollouts.resolve():
        keys.problems.append("output_jsonl_fpath is the file of the rollouts themselves: give another one")
    settings = CollectionSettings(
        input=rollouts,
        output=output,
        parallel=keys.number("num_samples_in_parallel") or DEFAULT_PARALLEL,
        resume=False if keys.flag("overwrite") else keys.flag("resume_from_cache"),
        aggregate=not keys.flag("disable_aggregation"),
    )
    finished = Finished(
        rollouts, inputs, failed_only=keys.flag("judge_failed_only") or False, limit=keys.number("limit")
    )
    keys.done()
    running = fetch_configuration(configuration.head)
    allow_many_connections()
    with prepare(settings, finished.materialize, finished.scored) as prepared:
        return uvloop.run(run_collection(prepared, running, partial(to_verifier, running=running)))
