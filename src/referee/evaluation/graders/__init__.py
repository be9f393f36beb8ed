"""OpenAI's graders (`score_model`, `label_model`, `string_check`) as judges and metrics, and back.

What one side has no words for is refused by name, with what to do instead: a grader that scored otherwise than the
judge it was made of would be worse than none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from referee.on_use import import_on_use

if TYPE_CHECKING:
    from referee.evaluation.graders.incoming import from_grader
    from referee.evaluation.graders.outgoing import to_grader

__all__ = ["from_grader", "to_grader"]

__getattr__ = import_on_use(__name__, {"from_grader": ".incoming", "to_grader": ".outgoing"})
