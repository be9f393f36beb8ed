"""The parser that reads token probabilities: the expected score over what the judge might have written."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field

from referee.exchange import TokenLogprob
from referee.judge.reading import Answer, Read, Scale, ScoreParser
from referee.judge.verdict import Failed, Outcome, Scored, Unclear


class TokenProbabilityParser(ScoreParser):
    """Reads the expected score over the probabilities of the score tokens (G-Eval, arXiv 2303.16634).

    The probabilities of the allowed tokens are renormalised, as endpoints take them before any grammar; how much
    probability they held together is reported as `<score>.mass`. Without log-probabilities the row fails: there is no
    fallback to the plain score.

    Args:
        json_path: the path whose last key the score's token follows, where the answer is JSON; the score's name by
            default. Where several such keys occur the last one counts.
        wins: which score token counts where the answer is not JSON.
        minimum_mass: below this captured mass the verdict is unclear.
    """

    reads_cut_answers = True  # one token is all that is needed, so that answers are cut off on purpose
    gives_labels = False  # an expected value lies between labels

    type: Literal["token_probability"] = "token_probability"
    json_path: str | None = Field(default=None, min_length=1)
    wins: Literal["first", "last"] = "first"
    minimum_mass: float = Field(default=0.0, ge=0, le=1)

    def check(self, score: Scale) -> None:
        """What is read is one token: a digit, or the token that a label begins with."""
        values = score.values()
        if score.labels and not all(label[0].isalnum() for label in score.labels):
            raise ValueError(f"token_probability reads words, and {score.name} has labels that begin with a mark")
        if not score.labels and (not values or any(len(value) > 1 for value in values)):
            raise ValueError(
                f"token_probability reads one digit, and {score.name} has another scale: "
                "use whole numbers from 0 to 9, or a rubric whose labels are words"
            )

    def place(self, score: Scale) -> str | None:
        """The path, where one is given: without it the answer may be a bare digit."""
        return self.json_path

    def parameters(self) -> dict[str, Any]:
        """Log-probabilities of as many tokens as endpoints give."""
        return {"logprobs": True, "top_logprobs": 20}

    def example(self, written: str) -> str:
        """The digit or word itself."""
        return written

    def reader(self, score: Scale) -> Read:
        """Reads the expected value at the score's token."""
        return lambda answer: self._expected(answer, score)

    def _expected(self, answer: Answer, score: Scale) -> Outcome:
        positions = answer.response.logprobs
        if not positions:
            return Failed(
                "bad_reply", "the reply holds no token log-probabilities: the endpoint has none, or was not asked"
            )
        values = score.values()
        written = "".join(position.token for position in positions)
        begin = written.rfind(answer.text)
        if begin < 0:
            return Unclear("the tokens of the reply are not those of the answer without its thinking", answer.text)
        at = self._place_of_score(answer, written, begin, score)
        if at is None:
            return Unclear(f"no token of the answer is one of {', '.join(values)}", answer.text)
        words = _Words(values)
        chosen, prefix = _token_at(positions, at)
        if words.value(chosen.token, prefix) is None:
            return Unclear(f"the token {chosen.token!r} is not one of {', '.join(values)}", answer.text)
        weights: dict[float, float] = {}
        for token, logprob in {chosen.token: chosen.logprob, **dict(chosen.top)}.items():
            value = words.value(token, prefix)
            if value is not None:
                weights[value] = weights.get(value, 0.0) + math.exp(min(logprob, 0.0))
        mass = sum(weights.values())
        if mass <= 0 or mass < self.minimum_mass:
            return Unclear(f"the score tokens hold {mass:.3g} of the probability", answer.text)
        expected = sum(value * weight for value, weight in weights.items()) / mass
        return Scored(min(max(expected, min(weights)), max(weights)), details={"mass": min(mass, 1.0)})

    def _place_of_score(self, answer: Answer, written: str, begin: int, score: Scale) -> int | None:
        """Where the score's token begins: after its key in JSON, else at a value that stands alone in the text."""
        key = (self.json_path or score.name).rpartition(".")[2]
        keyed = [match.end() for match in re.finditer(rf'"{re.escape(key)}"\s*:\s*"?', written[begin:])]
        alone = _standing_alone(tuple(score.values()), answer.response.finish == "length")
        if keyed:
            return begin + keyed[-1] if alone.match(written, begin + keyed[-1]) else None
        places = [match.start() for match in alone.finditer(written, begin)]
        return (places[0] if self.wins == "first" else places[-1]) if places else None


_AROUND = " \t\r\n\"'`*:,{}[]()"
"""What may stand in one token with a score, before it or after it."""


@lru_cache(maxsize=64)
def _standing_alone(values: tuple[str, ...], cut: bool) -> re.Pattern[str]:
    """A pattern for a value that is no part of a word or of a longer number; where the answer was cut, also for the
    beginning of one at its end."""
    forms = [rf"{re.escape(value)}(?!\w|\.\d*[1-9])" for value in sorted(values, key=len, reverse=True)]
    if cut:
        begun = {value[:length] for value in values for length in range(1, len(value))}
        forms += [rf"{re.escape(value)}\Z" for value in sorted(begun, key=len, reverse=True)]
    return re.compile(rf"(?<![\w./-])(?:{'|'.join(forms)})", re.IGNORECASE)


class _Words:
    """Which value a token stands for: what may be written, in any case of letters where that tells them apart."""

    def __init__(self, values: dict[str, float]) -> None:
        self._fold = len({word.casefold() for word in values}) == len(values)
        self._values = {self._folded(word): value for word, value in values.items()}

    def _folded(self, word: str) -> str:
        return word.casefold() if self._fold else word

    def value(self, token: str, prefix: str) -> float | None:
        """The value of a token, or of the only label that it begins; `prefix` stands before the score in it."""
        word = self._folded(token.removeprefix(prefix))
        bare = word.strip(_AROUND)
        for known in (word, bare):
            if known in self._values:
                return self._values[known]
        begun = [value for label, value in self._values.items() if bare and label.startswith(bare)]
        return begun[0] if len(begun) == 1 and not bare.isdigit() else None


def _token_at(positions: Sequence[TokenLogprob], at: int) -> tuple[TokenLogprob, str]:
    """The token that holds the character at `at`, and what stands before that character in it."""
    end = 0
    for position in positions:
        end += len(position.token)
        if end > at:
            return position, position.token[: len(position.token) - (end - at)]
    return positions[-1], ""
