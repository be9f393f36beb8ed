"""A platform that is a function, for clients' tests: each call goes to it, and what it returns is the reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import orjson

from referee.client import AsyncPlatformClient, PlatformClient

Handler = Callable[[httpx2.Request], httpx2.Response]
NOW = "2026-11-21T20:37:19.717967"


def client(handler: Handler, **options: Any) -> PlatformClient:
    return PlatformClient(
        base_url="http://127.0.0.1:8080",
        **{"workspace": "w", **options},
        http_client=httpx2.Client(transport=httpx2.MockTransport(handler)),
    )


def async_client(handler: Handler, **options: Any) -> AsyncPlatformClient:
    return AsyncPlatformClient(
        base_url="http://127.0.0.1:8080",
        **{"workspace": "w", **options},
        http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(handler)),
    )


def says(status: int, body: object, **headers: str) -> httpx2.Response:
    return httpx2.Response(status, content=orjson.dumps(body), headers=headers)


def workspace(name: str) -> dict[str, Any]:
    return {
        "id": f"workspace-{name}",
        "name": name,
        "description": None,
        "created_at": NOW,
        "created_by": "",
        "updated_at": NOW,
        "updated_by": "",
    }


def page(items: list[dict[str, Any]], number: int, size: int, total: int) -> dict[str, Any]:
    return {
        "data": items,
        "pagination": {
            "page": number,
            "page_size": size,
            "current_page_size": len(items),
            "total_pages": -(-total // size),
            "total_results": total,
        },
        "sort": "-created_at",
        "filter": None,
    }


def job(name: str = "nemo-evaluator-abc", status: str = "created") -> dict[str, Any]:
    return {
        "id": f"platform-job-{name}",
        "name": name,
        "workspace": "w",
        "description": None,
        "project": None,
        "created_at": NOW,
        "updated_at": NOW,
        "spec": {"metrics": []},
        "status": status,
        "status_details": {},
        "error_details": None,
        "ownership": None,
        "custom_fields": {},
    }


def job_status(status: str, error: dict[str, Any] | None = None, **details: Any) -> dict[str, Any]:
    return {
        "id": "platform-job-1",
        "name": "nemo-evaluator-abc",
        "status": status,
        "status_details": details,
        "error_details": error,
        "steps": [],
        "created_at": NOW,
        "updated_at": NOW,
    }
