"""Whether the server is there: the routes that are open to everyone, and the evaluator's own."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

router = APIRouter(tags=["health"])


@router.get("/health/ready")
async def ready() -> dict[str, str]:
    """Answers when requests are taken; interrupted jobs are going on then."""
    return {"status": "ready"}


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Answers while the process lives."""
    return {"status": "live"}


@router.get("/status")
async def status() -> dict[str, Any]:
    """The services in this server."""
    services = ["entities", "secrets", "files", "jobs", "evaluator"]
    return {"status": "healthy", "services": {"ready": services, "not_ready": []}, "controllers": {}}


@router.get("/apis/evaluator/v1/healthz")
async def evaluator() -> dict[str, Any]:
    """What the evaluator can run."""
    return {"plugin": "evaluator", "status": "ok", "mode": "referee", "jobs": ["evaluator.evaluate"]}
