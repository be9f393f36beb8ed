"""The configuration of a command that has settings of its own, such as `+input_jsonl_fpath=…`.

Apart from `frame`, since the grammar of the command line takes half as long to import as all else that `ng_run` needs.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from referee.gym.commands.frame import warn
from referee.gym.configuration import Configuration, load_configuration
from referee.gym.configuration.overrides import parse_command_line
from referee.gym.configuration.wording import did_you_mean


def read_configuration(
    arguments: Sequence[str],
    keys: Collection[str],
    *,
    needs: Collection[str] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Configuration:
    """The configuration. What is odd in it goes to standard error, and so do settings of the command line that nobody
    reads and that are spelt much like one that is read.

    Args:
        arguments: the command line.
        keys: the settings that the command reads.
        needs: as `load_configuration` takes them.
        defaults: likewise.

    Raises:
        ConfigurationError: with every problem there is.
    """
    configuration = load_configuration(arguments, needs=needs, defaults=defaults)
    warn(configuration)
    for key in parse_command_line(arguments).values:
        if key not in keys and (near := did_you_mean(str(key), keys, cutoff=0.8)):
            print(f"warning: {key} has no effect{near}", file=sys.stderr)
    return configuration
