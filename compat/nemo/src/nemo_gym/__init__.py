"""NeMo Gym's import name for referee's reward servers. Re-exports and nothing else."""

from __future__ import annotations

from pathlib import Path

from referee_nemo import missing, refuse_beside_original

refuse_beside_original(__name__)

import referee.gym  # noqa: E402
from nemo_gym._absent import INSTEAD  # noqa: E402
from referee import __version__  # noqa: E402

PARENT_DIR = Path(referee.gym.__file__).parent
WORKING_DIR = Path.cwd()

__all__ = [
    "PARENT_DIR",
    "WORKING_DIR",
    "__version__",
]


def __getattr__(name: str) -> object:
    raise missing(__name__, name, INSTEAD)
