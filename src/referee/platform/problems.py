"""What is answered where something is wrong: `{"detail": …}` with a status, from the routes' own exceptions."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from referee.errors import RefereeError


def not_found(what: str, name: str, workspace: str | None = None) -> HTTPException:
    """404."""
    where = f" in workspace {workspace!r}" if workspace is not None else ""
    return HTTPException(404, f"{what} {name!r} not found{where}")


def exists(what: str, name: str) -> HTTPException:
    """409 for a name that is taken."""
    return HTTPException(409, f"{what} {name!r} already exists")


def invalid(place: tuple[str | int, ...], message: str, given: Any = None, kind: str = "value_error") -> HTTPException:
    """422 for one value of the request: where it stands, what is wrong with it, and what it was."""
    return HTTPException(422, [{"type": kind, "loc": list(place), "msg": message, "input": given}])


def answer_errors(app: FastAPI) -> None:
    """Turn what goes wrong into answers; what a client sent in a secret's body is not sent back."""

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        secret = request.url.path.startswith("/apis/secrets/")
        detail = [
            {
                "type": one["type"],
                "loc": list(one["loc"]),
                "msg": one["msg"],
                "input": None if secret else _plain(one.get("input")),
            }
            for one in error.errors()
        ]
        return JSONResponse({"detail": detail}, 422)

    @app.exception_handler(RefereeError)
    async def _refused(request: Request, error: RefereeError) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        return JSONResponse({"detail": str(error)}, 400)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value[:200].decode("utf-8", "replace")
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)
