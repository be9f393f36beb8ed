"""The yardstick of `/verify`: a Starlette handler that decodes its body, calls an endpoint, and answers a reward.

    python benchmarks/bare_handler.py http://127.0.0.1:9100/v1/responses

It sends what `judge_request.json` in the working directory holds. The first line it prints is its url.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import aiohttp
import orjson
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def main(endpoint: str) -> None:
    asked = orjson.loads(Path("judge_request.json").read_bytes())
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def verify(request: Request) -> Response:
        row = orjson.loads(await request.body())
        async with session.post(
            endpoint, data=orjson.dumps(asked), headers={"Content-Type": "application/json"}
        ) as answer:
            said = orjson.loads(await answer.read())
        text = said["output"][0]["content"][0]["text"]
        answered = orjson.dumps({**row, "reward": float("[[COMPLIED]]" in text)})
        return Response(answered, media_type="application/json")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
        app = Starlette(routes=[Route("/", verify, methods=["POST"])])
        config = uvicorn.Config(app, log_config=None, access_log=False)
        await uvicorn.Server(config).serve(sockets=[listening])
    await session.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
