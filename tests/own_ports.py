"""Ports for what is told its port before it starts, and for what takes one by itself from a range.

A port of the system's choice, let go of and taken again a second later, may meanwhile be that of a connection or of
another test's server. So each worker of the tests has a range of its own, below the ports that connections get.
"""

from __future__ import annotations

import itertools
import os
import socket

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_EACH = 500
_LOW = 22_001 + _EACH * (_WORKER % 20)
_turns = itertools.count(os.getpid())  # where the tests run twice on a machine, they begin at different ports

GYM_RANGE = {"port_range_low": 12_001 + _EACH * (_WORKER % 20), "port_range_high": 12_500 + _EACH * (_WORKER % 20)}
"""The settings of a gym whose servers take ports of this process's tests alone."""


def free_port() -> int:
    """A port that nobody listens on, and that is given to nobody else soon."""
    return next(port for turn in _turns if is_free(port := _LOW + turn % _EACH))


def is_free(port: int) -> bool:
    """Whether the port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
