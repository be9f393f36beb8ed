"""Protocols: how many model calls make a verdict, and how they are put together.

A protocol is a generator without I/O: it yields batches of requests, is sent the answers in the same order (failures
among them as values), and returns a verdict. Equal answers make equal requests.

To add a protocol, write a class here that is a `_Protocol` with a `type` of its own and a `run` method, and add it to
`Protocol` at the end; nothing else has to know of it. `run` gets the `Desk`, which makes requests from contexts and
reads answers, and the context that templates see. The other methods of `_Protocol` have defaults that suit most.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from referee.errors import TemplateError
from referee.exchange import Failure, Request, Response
from referee.judge.models import Model
from referee.judge.parsers import bare
from referee.judge.prompt import own
from referee.judge.scores import Label, Score
from referee.judge.verdict import Exchange, Failed, Outcome, Scored, Unclear, Verdict

Deliberation = Generator[Sequence[Request], Sequence[Response | Failure], Verdict]
Context = Mapping[str, Any]
Combine = Literal["mean", "median", "majority"]


class Desk:
    """What a protocol works with: it makes requests from contexts and reads answers. See `judge.desk`."""

    def __init__(
        self,
        scores: Sequence[Score],
        ask: Callable[[Context, str], Request],
        read: Callable[[Response | Failure], dict[str, Outcome]],
    ) -> None:
        self.scores = scores
        self.described = own({score.name: score.model_dump(mode="json", exclude={"parser"}) for score in scores})
        self.ask = ask
        self._read = read

    def exchange(self, request: Request, answer: Response | Failure) -> Exchange:
        """The call with what was read from its answer."""
        return Exchange(request, answer, self._read(answer))

    def gather(self, requests: Sequence[Request]) -> Generator[Any, Any, tuple[Exchange, ...]]:
        """Yield one batch and return its exchanges."""
        answers = yield requests
        return tuple(self.exchange(*pair) for pair in zip(requests, answers, strict=True))

    def conclude(self, exchanges: Sequence[Exchange], combine: Callable[[Score, list[Outcome]], Outcome]) -> Verdict:
        """A verdict whose scores are combined, one by one, from what the exchanges say."""
        return Verdict(
            {score.name: combine(score, [made.outcomes[score.name] for made in exchanges]) for score in self.scores},
            tuple(exchanges),
        )


class _Protocol(BaseModel):
    """What a protocol may say of itself beside `run`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def check(self, scores: Sequence[Score]) -> None:
        """Raise ValueError where the protocol cannot go with these scores."""

    def routes(self, model: Model | str | None) -> dict[str, Model | str]:
        """The models that requests go to, by the route that `desk.ask` is given; `model` is the judge's own."""
        if model is None:
            raise ValueError("model is missing: give {url, name}, or the name of a model that the surroundings know")
        return {"": model}


class Single(_Protocol):
    """One call."""

    type: Literal["single"] = "single"

    def run(self, desk: Desk, context: Context) -> Deliberation:
        """Ask once."""
        request = desk.ask(context, "")
        (answer,) = yield (request,)
        exchange = desk.exchange(request, answer)
        return Verdict(exchange.outcomes, (exchange,))


class Repeats(_Protocol):
    """The same call n times at once; the scored ones are combined, and `<score>.n` says how many there were."""

    type: Literal["repeats"] = "repeats"
    n: int = Field(ge=1)
    combine: Combine = "mean"

    def run(self, desk: Desk, context: Context) -> Deliberation:
        """Ask n times."""
        exchanges = yield from desk.gather([desk.ask(context, "")] * self.n)
        return desk.conclude(exchanges, lambda score, outcomes: combine_scored(score, outcomes, self.combine))


class Panel(_Protocol):
    """The same question to several models at once, combined as `repeats` is."""

    type: Literal["panel"] = "panel"
    models: tuple[Model | str, ...] = Field(min_length=1)
    combine: Combine = "mean"

    def routes(self, model: Model | str | None) -> dict[str, Model | str]:
        """The panel's members by their number; the judge's own model is not asked beside them."""
        return {str(number): member for number, member in enumerate(self.models)}

    def run(self, desk: Desk, context: Context) -> Deliberation:
        """Ask each model."""
        exchanges = yield from desk.gather([desk.ask(context, str(number)) for number in range(len(self.models))])
        return desk.conclude(exchanges, lambda score, outcomes: combine_scored(score, outcomes, self.combine))


class Swap(_Protocol):
    """A second call with two fields exchanged, against the habit of preferring a place.

    Args:
        fields: the two item fields, or `sample.output_text` for the target's answer. Where the target's answer was
            taken from a field exchanged here, it is exchanged with it.
        when: `always`, or the labels after which the second call is made; after another label one call is enough.
        mirror: what a label of the second call means in the first one's terms (`{A: B, B: A}`); a label that is not
            named means itself. On a range, the second value is read as it stands.
        otherwise: the outcome where the two disagree: `tie` (the label `tie` where there is one, else the middle of
            the two values) or a value.

    Whether both orders agree is reported as `<score>.consistent`, their values as `<score>.first` and
    `<score>.second`.
    """

    type: Literal["swap"] = "swap"
    fields: tuple[str, str]
    when: Literal["always"] | tuple[Label, ...] = "always"
    mirror: dict[Label, Label] = Field(default_factory=dict)
    otherwise: Literal["tie"] | float = "tie"

    def check(self, scores: Sequence[Score]) -> None:
        """The labels named here must be labels of the scores, and be read as labels."""
        known = {label for score in scores for label in score.labels}
        named = {*self.mirror, *self.mirror.values(), *(() if self.when == "always" else self.when)}
        if unknown := sorted(named - known):
            raise ValueError(f"protocol names the label {unknown[0]!r}; the scores have {', '.join(sorted(known))}")
        for score in scores:
            if score.labels:
                _needs_labels(score, "swap")
            if odd := sorted(
                mine for mine in self.mirror.keys() & {*score.labels} if self.mirror[mine] not in score.labels
            ):
                raise ValueError(f"protocol.mirror makes {odd[0]!r} of {score.name} a label that {score.name} lacks")

    def run(self, desk: Desk, context: Context) -> Deliberation:
        """Ask in one order, and in the other at once or where the first answer calls for it."""
        exchanged = self._exchanged(context)
        requests = [desk.ask(context, "")]
        if self.when == "always":
            exchanges = yield from desk.gather([*requests, desk.ask(exchanged, "")])
            return desk.conclude(exchanges, self._combine)
        exchanges = yield from desk.gather(requests)
        labels = {outcome.label for outcome in exchanges[0].outcomes.values() if isinstance(outcome, Scored)}
        if not labels & set(self.when):
            return Verdict(exchanges[0].outcomes, exchanges)
        exchanges += yield from desk.gather([desk.ask(exchanged, "")])
        return desk.conclude(exchanges, self._combine)

    def _exchanged(self, context: Context) -> Context:
        item, sample = dict(context["item"]), dict(context["sample"])
        places = [(sample, "output_text") if name == "sample.output_text" else (item, name) for name in self.fields]
        values: list[Any] = []
        for place, key in places:
            if key not in place:
                raise TemplateError(f"there is no field {key!r}, which the protocol swaps", field=key)
            values.append(place[key])
        for (place, key), value in zip(places, reversed(values), strict=True):
            if key in ("output", "response") and sample.get("output_text") == context["item"][key]:
                sample["output_text"] = value
            place[key] = value
        return {**context, "item": item, "sample": sample}

    def _combine(self, score: Score, outcomes: list[Outcome]) -> Outcome:
        if (missing := first_missing(outcomes)) is not None:
            return missing
        one, two = (outcome for outcome in outcomes if isinstance(outcome, Scored))
        if two.label is not None:
            label = self.mirror.get(two.label, two.label)
            two = Scored(score.values()[label], label)
        # What each order said, the second in the first one's terms: by them `referee rank` sees a favourite place.
        orders = {"first": one.value, "second": two.value}
        if one.label == two.label and one.value == two.value:
            return Scored(one.value, one.label, {"consistent": 1.0, **orders})
        apart = {"consistent": 0.0, **orders}
        if self.otherwise != "tie":
            return Scored(self.otherwise, None, apart)
        if "tie" in score.labels:
            return Scored(score.values()["tie"], "tie", apart)
        return Scored((one.value + two.value) / 2, None, apart)


class Rubric(_Protocol):
    """One call for each item of a list in the row, all at once; templates see it as `rubric_item`.

    Args:
        items: where the list is: `item.rubric`.
        combine: `mean`, `min`, `max`, `all` and `any` (1 or 0; an item passes at the score's maximum), `weighted`.
        weight: the field of a rubric item with its weight (1 where it is missing; all zero gives 0).
        expect: the field of a rubric item that names the label wanted, in any case of letters and with or without
            the marks around it (`YES` for `[[YES]]`); then an item is worth 1 where the judge says so and else 0.
        unclear_as: the label that an unclear verdict on one item counts as; without it that item makes the whole
            verdict unclear. How many there were is reported as `<score>.unclear`.
    """

    type: Literal["rubric"] = "rubric"
    items: str = "item.rubric"
    combine: Literal["mean", "min", "max", "all", "any", "weighted"] = "mean"
    weight: str = "weight"
    expect: str | None = None
    unclear_as: Label | None = None

    def check(self, scores: Sequence[Score]) -> None:
        """What is expected is a label, and so is what unclear items count as."""
        for score in scores if self.expect is not None or self.unclear_as is not None else ():
            _needs_labels(score, "rubric with expect or unclear_as")
            if self.unclear_as not in (None, *score.labels):
                raise ValueError(f"protocol.unclear_as is {self.unclear_as!r}, which is no label of {score.name}")

    def run(self, desk: Desk, context: Context) -> Deliberation:
        """Ask once for each item."""
        items = self._items(context)
        weights = [self._weight(item) for item in items]
        wanted = None if self.expect is None else [self._wanted(item, desk.scores) for item in items]
        if not items:
            reason = f"{self.items} is empty: there is nothing to judge"
            return Verdict({score.name: Unclear(reason) for score in desk.scores})
        exchanges = yield from desk.gather([desk.ask({**context, "rubric_item": item}, "") for item in items])
        return desk.conclude(exchanges, lambda score, outcomes: self._combine(score, outcomes, weights, wanted))

    def _items(self, context: Context) -> list[Any]:
        value: Any = context
        for key in self.items.split("."):
            if not isinstance(value, Mapping) or key not in value:
                raise TemplateError(f"there is no field {self.items!r}, which the protocol asks for", field=self.items)
            value = value[key]
        if not isinstance(value, list):
            raise TemplateError(f"{self.items} is {type(value).__name__}, not a list", field=self.items)
        return value

    def _weight(self, item: Any) -> float:
        given = item.get(self.weight) if isinstance(item, Mapping) else None
        try:
            return 1.0 if given is None else float(given)
        except (TypeError, ValueError) as error:
            raise TemplateError(
                f"the {self.weight} of a rubric item is {given!r}, not a number", self.weight
            ) from error

    def _wanted(self, item: Any, scores: Sequence[Score]) -> str:
        given = item.get(self.expect) if isinstance(item, Mapping) else None
        labels = [label for score in scores for label in score.labels]
        if given is None or bare(str(given)) not in map(bare, labels):
            reason = f"a rubric item's {self.expect} is {given!r}, and the labels are {', '.join(labels)}"
            raise TemplateError(reason, field=self.expect)
        return bare(str(given))

    def _combine(
        self, score: Score, outcomes: list[Outcome], weights: list[float], wanted: list[str] | None
    ) -> Outcome:
        details: dict[str, float] = {}
        if self.unclear_as is not None:
            details["unclear"] = float(sum(isinstance(outcome, Unclear) for outcome in outcomes))
            stand_in = Scored(score.values()[self.unclear_as], self.unclear_as)
            outcomes = [stand_in if isinstance(outcome, Unclear) else outcome for outcome in outcomes]
        if (missing := first_missing(outcomes)) is not None:
            return missing
        scored = [outcome for outcome in outcomes if isinstance(outcome, Scored)]
        values, best = [outcome.value for outcome in scored], float(score.maximum)
        if wanted is not None:
            said = [bare(outcome.label or "") for outcome in scored]
            values, best = [float(label == want) for label, want in zip(said, wanted, strict=True)], 1.0
        details |= {"n": float(len(values)), "passed": float(sum(value >= best for value in values))}
        return Scored(self._value(values, best, weights), details=details)

    def _value(self, values: list[float], best: float, weights: list[float]) -> float:
        if self.combine == "weighted":
            total = sum(weights)
            return sum(value * weight for value, weight in zip(values, weights, strict=True)) / total if total else 0.0
        if self.combine in ("all", "any"):
            passed = [value >= best for value in values]
            return float(all(passed) if self.combine == "all" else any(passed))
        return float({"mean": statistics.fmean, "min": min, "max": max}[self.combine](values))


def first_missing(outcomes: Sequence[Outcome]) -> Unclear | Failed | None:
    """The first failed outcome, else the first unclear one, else None."""
    failed = next((outcome for outcome in outcomes if isinstance(outcome, Failed)), None)
    return failed or next((outcome for outcome in outcomes if isinstance(outcome, Unclear)), None)


def combine_scored(score: Score, outcomes: Sequence[Outcome], combine: Combine) -> Outcome:
    """Combine the scored outcomes and say how many they were; without any, failed where any failed, else unclear."""
    scored = [outcome for outcome in outcomes if isinstance(outcome, Scored)]
    if not scored:
        missing = first_missing(outcomes)
        assert missing is not None
        return missing
    values = [outcome.value for outcome in scored]
    details = {"n": float(len(scored)), "spread": statistics.pstdev(values)}
    masses = [outcome.details["mass"] for outcome in scored if "mass" in outcome.details]
    if masses:
        details["mass"] = statistics.fmean(masses)
    if combine == "majority":
        (value, most), *others = Counter(values).most_common()
        if others and others[0][1] == most:
            votes = ", ".join(f"{count} × {vote:g}" for vote, count in Counter(values).most_common())
            return Unclear(f"{score.name} has no majority: {votes}")
    else:
        value = statistics.fmean(values) if combine == "mean" else statistics.median(values)
    labels = {outcome.label for outcome in scored if outcome.value == value}
    return Scored(value, labels.pop() if len(labels) == 1 else None, details)


def _needs_labels(score: Score, protocol: str) -> None:
    if not score.labels or not score.parser.gives_labels:
        raise ValueError(
            f"{protocol} compares labels, and {score.name} has none: give it a rubric, read as json, regex or label"
        )


Protocol = Annotated[Single | Swap | Repeats | Panel | Rubric, Field(discriminator="type")]
