"""Every error that referee raises on purpose, in one hierarchy.

A message names the thing, the value it had, and what to do about it. What happens to a single row (a call that
failed, an answer that could not be read) is not an exception but a value: see `exchange.Failure` and `judge.Verdict`.
"""

from __future__ import annotations

from collections.abc import Sequence


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
