"""What commands' exit codes say, those of `referee` and those of the gym."""

from __future__ import annotations

ERROR = 1
SOME_FAILED = 3
INTERRUPTED = 130
