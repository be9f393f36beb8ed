"""`ng_validate`: whether a configuration could be run, without starting anything."""

from __future__ import annotations

from collections.abc import Sequence

from referee.errors import ConfigurationError, RefereeError
from referee.gym.commands.frame import run_command, warn
from referee.gym.configuration import Configuration, load_configuration, require_servers
from referee.gym.entrypoint import load_server
from referee.gym.requirements import describe_unmet
from referee.gym.server import ServerClient, ServerContext
from referee.gym.stand_in import VALUES

USAGE = """
    ng_validate "+config_paths=[FILE,…]" [++KEY=VALUE …]

    Check a configuration as far as it can be without starting servers: files, overrides, unset values, references,
    requirements, and the settings of every bundled server. The policy model need not be configured: an environment
    can be checked by itself.
"""


def main() -> int:
    """The console script."""
    return run_command("ng_validate", USAGE, run)


def run(arguments: Sequence[str]) -> int:
    """Check, and say so; the exit code."""
    configuration = load_configuration(arguments, defaults=VALUES)
    warn(configuration)
    check(configuration)
    print("the configuration is sound")
    return 0


def check(configuration: Configuration) -> None:
    """Check what only the servers know of their settings; users' servers are not imported.

    Raises:
        ConfigurationError: with every problem there is.
    """
    require_servers(configuration)
    client = ServerClient(configuration)
    problems: list[str] = []
    for server in configuration.servers:
        if server.in_process:
            try:
                load_server(server).from_context(ServerContext(server, configuration, client))
            except RefereeError as error:
                problems.append(str(error))
    if unmet := describe_unmet(configuration.servers):
        problems.append(unmet)
    if problems:
        raise ConfigurationError(problems)
