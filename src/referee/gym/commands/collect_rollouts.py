"""`ng_collect_rollouts`: roll rows out with the agents that run, and keep what comes of it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial

import uvloop
from rich.console import Console

from referee.errors import RunStopped
from referee.exits import INTERRUPTED, SOME_FAILED
from referee.garbage import let_garbage_wait
from referee.gym.commands.collection_screen import report, status_of
from referee.gym.commands.frame import run_command
from referee.gym.commands.own_settings import read_configuration
from referee.gym.configuration import Configuration
from referee.gym.rollouts.collect import Route, begin, collect, to_agent
from referee.gym.rollouts.materialize import materialize
from referee.gym.rollouts.metrics import Figures, aggregate
from referee.gym.rollouts.prepare import Prepared, prepare
from referee.gym.rollouts.remarks import remarks
from referee.gym.rollouts.settings import KEYS, read_settings
from referee.gym.running import fetch_configuration
from referee.gym.server import ServerClient
from referee.gym.serving import allow_many_connections
from referee.terminal import StatusScreen

USAGE = """
    ng_collect_rollouts +agent_name=NAME +input_jsonl_fpath=ROWS.jsonl [+output_jsonl_fpath=OUT.jsonl]
        [+num_repeats=N] [+limit=N] [+num_samples_in_parallel=N] ["+responses_create_params={temperature: 1.0}"]
        [+resume_from_cache=true|false] [+num_repeats_add_seed=true] [+disable_aggregation=true]

    Roll rows out with an agent of the ng_run that runs: whose head server is at port 11000, or where env.yaml or
    ++head_server.port=PORT say.

      agent_name               the agent; without it, each row's own, its agent_ref
      input_jsonl_fpath        the rows: {responses_create_params: {input: …}, …} on each line; looked up in the working
                               directory, then among the bundled environments
      output_jsonl_fpath       one rollout a line, its reward in it; by default <agent_name>_rollouts.jsonl here
      limit                    at most so many rows
      num_repeats              rollouts of each row (1); for each agent, "+num_repeats={agent_a: 4, _default: 1}"
      num_samples_in_parallel  rollouts under way at once (128)
      responses_create_params  put over each row's own: temperature, max_output_tokens, …
      resume_from_cache        true: go on with what is there; false: begin anew. By default an unfinished collection of
                               the same rollouts is gone on with, and a finished one is begun anew. What was there is
                               kept as OUT.previous.jsonl
      num_repeats_add_seed     a seed for each rollout of a row, for vllm_model
      disable_aggregation      leave the figures out

    Beside the output: OUT_materialized_inputs.jsonl, what was asked for; OUT_failures.jsonl, what failed and why;
    OUT_aggregate_metrics.json, the figures. Every rollout is on the disk when it comes: after Ctrl-C or a crash, run
    the same command again to go on. What failed is tried again then, three times in all.

    Exit codes: 0 every row has its reward; 3 some failed, or an agent is gone; 1 any other error; 130 interrupted.
"""


def main() -> int:
    """The console script."""
    return run_command("ng_collect_rollouts", USAGE, run)


def run(arguments: Sequence[str]) -> int:
    """Collect; the exit code."""
    configuration = read_configuration(arguments, KEYS, needs=KEYS)
    settings = read_settings(configuration)
    running = fetch_configuration(configuration.head)
    agents = [server.name for server in running.servers if server.kind == "responses_api_agents"]
    allow_many_connections()
    with prepare(settings, partial(materialize, settings, agents)) as prepared:
        return uvloop.run(run_collection(prepared, running))


async def run_collection(prepared: Prepared, running: Configuration, route: Callable[[str], Route] = to_agent) -> int:
    """Collect, show how it goes, and say how it went; the exit code."""
    let_garbage_wait()
    collection = begin(prepared)
    _say_where(prepared)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = ServerClient(running)
    stopped: RunStopped | None = None
    figures: list[Figures] = []
    try:
        with StatusScreen(lambda: status_of(collection)):
            try:
                await collect(prepared, client, collection, stop, route)
            except RunStopped as error:
                stopped = error
        if stopped is None and not collection.interrupted and prepared.gathered is not None:
            figures = await aggregate(prepared.gathered, client, prepared.settings.metrics)
    finally:
        await client.aclose()
    said = remarks(collection, prepared)
    if stopped is not None:
        said.insert(0, f"Ended early: {stopped} Run the same command again to go on.")
    key_metrics = {one.agent: one.key_metrics for one in figures}
    console = Console(highlight=False)
    for paragraph in report(collection, prepared, key_metrics, said):
        console.print(paragraph, soft_wrap=True)
    if collection.interrupted:
        return INTERRUPTED
    return SOME_FAILED if stopped is not None or collection.some_failed else 0


def _say_where(prepared: Prepared) -> None:
    settings, plan, earlier = prepared.settings, prepared.plan, prepared.earlier
    agents = ", ".join(plan.agents)
    print(f"{agents} · {settings.input} → {settings.output} · {plan.rollouts:,} rollouts", file=sys.stderr)
    if prepared.aside:
        names = ", ".join(path.name for path in prepared.aside)
        print(f"beginning anew; what was there is kept as {names}", file=sys.stderr)
    elif earlier.done or earlier.tried:
        print(
            f"going on: {len(earlier.done):,} rollouts are there, {len(earlier.given_up):,} are given up "
            "(+resume_from_cache=false begins anew)",
            file=sys.stderr,
        )
