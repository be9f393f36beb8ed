"""What a client asks of a platform, said without asking it: the sync and the async client share all of this.

An operation is a generator. It yields a `Call`, is sent the `Answer`, yields the next one, and returns what the user
gets; a `Pause` asks for time to pass. Whoever drives it does the I/O, so that waiting for a job or uploading a folder
is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from referee.errors import APIError, APIResponseError
from referee.exchange import excerpt

Json = Mapping[str, Any]
Model = TypeVar("Model", bound=BaseModel)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request.

    Args:
        method: the HTTP method.
        path: from the platform's root, with every part of it quoted (see `path`).
        query: parameters; those that are None are left out.
        json: the body as a JSON value.
        content: the body as it is: bytes, or a file that is streamed.
        save: a file that the reply's body is streamed into, instead of being handed over.
    """

    method: str
    path: str
    query: Mapping[str, str | int | None] = field(default_factory=dict[str, "str | int | None"])
    json: Json | None = field(default=None, repr=False)  # a secret may be in it
    content: bytes | Path | None = field(default=None, repr=False)
    save: Path | None = None

    @property
    def parameters(self) -> dict[str, str | int]:
        """The query without what is not given."""
        return {key: value for key, value in self.query.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply that says the call was done."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Let so many seconds pass."""

    seconds: float


Steps = Generator[Call | Pause, Answer, Value]
"""An operation: driven by `transport.Session` and `transport.AsyncSession`."""


def path(template: str, **parts: str | None) -> str:
    """A path with its parts quoted: `path("/a/{name}", name="b/c")` is `/a/b%2Fc`.

    Raises:
        APIError: a part is empty; a missing workspace most of all.
    """
    quoted: dict[str, str] = {}
    for name, value in parts.items():
        if not value:
            mend = "give workspace=… to the call or to the client" if name == "workspace" else f"give the {name}"
            raise APIError(f"{name} is {value!r}, and the call needs one: {mend}")
        quoted[name] = quote(value, safe="")
    return template.format(**quoted)


def file_path(template: str, file: str, **parts: str | None) -> str:
    """The same for a path that ends in a file's own path, whose slashes stay."""
    return path(template, **parts) + quote(file.lstrip("/"), safe="/")


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def ask(call: Call, model: type[Model]) -> Steps[Model]:
    """Make a call and read the reply as `model`."""
    answer = yield call
    return read(call, answer, model.model_validate_json)


def do(call: Call) -> Steps[None]:
    """Make a call whose reply says no more than that it was done."""
    yield call


def read(call: Call, answer: Answer, by: Callable[[bytes], Value]) -> Value:
    """Read the body of a reply.

    Raises:
        APIResponseError: it has not the form of a platform's.
    """
    try:
        return by(answer.body)
    except (ValidationError, ValueError) as error:
        problem = str(error).splitlines()[0]
        raise APIResponseError(
            f"the reply to {call.method} {call.path} is not what a platform answers ({problem}): "
            f"{excerpt(answer.body.decode('utf-8', 'replace'))}; is the base_url that of a platform?"
        ) from error
