"""The `ng_*` commands: one function for each console script, whose work is in the module of its name."""

from __future__ import annotations

import gc
import sys
import time
from importlib import import_module

from referee.errors import MissingExtraError

BEGAN = time.monotonic()
"""When the command began."""
_EXTRA = frozenset({"fastapi", "uvicorn", "hydra", "omegaconf", "itsdangerous", "packaging", "starlette"})


def ng_run() -> int:
    """Start the servers of a configuration."""
    gc.disable()  # a tenth of the time until they are ready, and what is imported is no garbage; see `launcher`
    return _start("run")


def ng_status() -> int:
    """List running servers, and whether they answer."""
    return _start("status")


def ng_dump_config() -> int:
    """Print what a configuration comes to."""
    return _start("dump_config")


def ng_validate() -> int:
    """Check a configuration without starting anything."""
    return _start("validate")


def ng_init_resources_server() -> int:
    """Make a new environment in the working directory."""
    return _start("init_resources_server")


def ng_test() -> int:
    """Run the tests of environments."""
    return _start("test")


def ng_prepare_data() -> int:
    """Check the datasets of agents, and put them together for training."""
    return _start("prepare_data")


def ng_collect_rollouts() -> int:
    """Roll rows out with a running agent, and keep rewards and figures."""
    gc.disable()  # as for ng_run; see `run_collection`
    return _start("collect_rollouts")


def ng_aggregate_rollouts() -> int:
    """Work out the figures of rollouts in several files."""
    return _start("aggregate_rollouts")


def ng_reward_profile() -> int:
    """Show the rewards of rollouts task by task: mean, spread, pass@k."""
    return _start("reward_profile")


def ng_reverify() -> int:
    """Verify finished rollouts again, without asking the policy."""
    gc.disable()  # as for ng_run; see `run_collection`
    return _start("reverify")


def ng_version() -> int:
    """Print versions."""
    return _start("version")


def ng_help() -> int:
    """List the commands."""
    return _start("help")


def _start(module: str) -> int:
    # Imported late: without the extra that they need, the answer is how to install it and not a traceback.
    try:
        main = import_module(f"referee.gym.commands.{module}").main
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        print(f"ng_{module}: {MissingExtraError('the gym', 'gym')}", file=sys.stderr)
        return 1
    return main()
