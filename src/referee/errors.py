"""Every error that referee raises on purpose, in one hierarchy.

A message names the thing, the value it had, and what to do about it. What happens to a single row (a call that
failed, an answer that could not be read) is not an exception but a value: see `exchange.Failure` and `judge.Verdict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class RefereeError(Exception):
    """The base of all errors raised by referee. `str(error)` is a complete message for the user."""


class DefinitionError(RefereeError):
    """A judge, a metric or a configuration says something that cannot be meant."""


class ConfigurationError(DefinitionError):
    """A gym configuration cannot be run. `problems` are all its mistakes, each a complete message with its mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            self.problems[0]
            if len(self.problems) == 1
            else f"{len(self.problems)} problems in the configuration:\n\n" + "\n\n".join(self.problems)
        )


class LaunchError(RefereeError):
    """Servers cannot be started, or one ended while it was needed: a taken port, a missing library, a crash."""


class PlatformError(RefereeError):
    """The platform cannot be run as it is set up: unsafe settings, a data folder in use, a lost key."""


class TemplateError(DefinitionError):
    """A prompt template cannot be compiled, or a row lacks a field that it asks for."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class DataError(RefereeError):
    """Rows cannot be read: no such file, an unknown format, a missing optional library."""


class SecretError(RefereeError):
    """An API key that a definition names was not found where it was looked for."""


class JournalError(RefereeError):
    """A journal cannot be opened: locked by another run, or not a journal."""


class OutputError(RefereeError):
    """An output folder cannot be used, as it holds another judge's run or the like."""


class ModelError(RefereeError):
    """A model cannot be used at all: unknown, not installed, or its weights are damaged."""


class RunStopped(RefereeError):
    """A run ended before its rows did. What was received until then is kept, in the output folder or in `result`.

    `kind` is the failure kind that ended it, where one did.
    """

    def __init__(self, message: str, kind: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.result: object = None


class EvaluationError(RunStopped):
    """A row failed in a run that goes on only as long as none does. `result` is what the run has until then.

    `index` is the row's position, `metric_key` the metric's name in results.
    """

    def __init__(self, index: int, metric_key: str, reason: str, kind: str | None = None) -> None:
        super().__init__(
            f"metric {metric_key!r} on row {index}: {reason}; ignore_request_failure=True goes on after a failed row",
            kind,
        )
        self.index = index
        self.metric_key = metric_key


class RewardError(RefereeError):
    """A rollout has no reward, as its judge failed, and a trainer asked that has no other way to be told.

    `kind` is the kind of failure.
    """

    def __init__(self, environment: str, kind: str | None, message: str | None) -> None:
        super().__init__(f"{environment} has no reward for this rollout, as its judge failed: {kind}: {message}")
        self.kind = kind


class EstimatorError(RefereeError):
    """A statistical estimator was refused, as the data contradict what it assumes. The message says what to use."""


class ConversionError(RefereeError):
    """A request or a reply cannot be said in the other API: it has not the form of its own, or means something the
    other has no words for."""


class MissingExtraError(RefereeError, ImportError):
    """An optional library is needed that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an extra that is not installed: pip install 'referee[{extra}]'")
        self.extra = extra


class APIError(RefereeError):
    """A platform could not do what a client asked of it, or was not asked rightly."""


class APIConnectionError(APIError):
    """No platform answered at the client's address. The message names the command that starts one."""


class APITimeoutError(APIConnectionError):
    """A platform took longer to answer than the client's `timeout`."""


class APIResponseError(APIError):
    """What answered is no platform: its reply has not the form of one."""


class APIStatusError(APIError):
    """A platform refused a call. Each usual status has a class of its own below.

    `status_code` is the status, `body` the decoded reply, `response` the reply as the HTTP library has it, and
    `message` what the platform said.
    """

    status: ClassVar[int | None] = None

    def __init__(self, message: str, *, status_code: int, body: object = None, response: object = None) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.body = body
        self.response = response


class BadRequestError(APIStatusError):
    """400: what was asked cannot be done; a storage that cannot be reached, say."""

    status = 400


class AuthenticationError(APIStatusError):
    """401: the platform wants a token, or another one."""

    status = 401


class PermissionDeniedError(APIStatusError):
    """403: the platform does not allow it."""

    status = 403


class NotFoundError(APIStatusError):
    """404: there is nothing of this name."""

    status = 404


class ConflictError(APIStatusError):
    """409: the name is taken, the thing still holds others, or its state does not allow it."""

    status = 409


class UnprocessableEntityError(APIStatusError):
    """422: the request has not the form it must have; the message says where."""

    status = 422


class RateLimitError(APIStatusError):
    """429: too many requests."""

    status = 429


class InternalServerError(APIStatusError):
    """500 and above: the platform failed; its log says why."""

    status = 500


class JobError(APIError, RuntimeError):
    """A job ended without a result, or has none yet. `status` is the job's, `details` what it says of itself."""

    def __init__(self, message: str, *, status: str, details: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.details = details


class JobTimeoutError(APIError, TimeoutError):
    """A job was not done within the time that was given to it. It goes on."""
