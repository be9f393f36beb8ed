"""The walk-through's environment without any key: a small model in this process is policy and judge."""

from __future__ import annotations

import asyncio
import importlib.util
from typing import Any

import orjson
import pytest

from referee.errors import ModelError
from referee.gym.configuration import load_configuration
from referee.gym.entrypoint import BUNDLED, load_server
from referee.gym.server import ServerClient, ServerContext
from referee.inference.embedded.weights import DEFAULT_MODEL, locate

FOLDER = BUNDLED / "resources_servers" / "over_refusal_detection"
CONFIG = f"+config_paths=[{FOLDER}/configs/over_refusal_detection_embedded.yaml]"


def test_the_bundled_configuration_needs_no_key() -> None:
    configuration = load_configuration([CONFIG])
    servers = {server.name: server for server in configuration.servers}
    assert servers["policy_model"].implementation == "embedded_model"
    assert servers["over_refusal_detection"].settings["judge_model_server"]["name"] == "policy_model"
    assert "judge_model" not in servers
    assert configuration.warnings == ()


@pytest.mark.local
def test_a_row_is_rolled_out_and_judged_in_this_process() -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed: pip install 'referee[local]'")
    try:
        locate(DEFAULT_MODEL.name)
    except ModelError as error:
        pytest.skip(str(error))
    row = orjson.loads((FOLDER / "data" / "example.jsonl").read_text().splitlines()[0])
    row["responses_create_params"]["max_output_tokens"] = 24

    async def rolled_out() -> Any:
        overrides = ["over_refusal_detection.resources_servers.over_refusal_detection", "judge_responses_create_params"]
        configuration = load_configuration([CONFIG, f"++{'.'.join(overrides)}.max_output_tokens=24"])
        apps: dict[str, Any] = {}
        client = ServerClient(configuration, apps)
        servers: list[Any] = []
        for config in configuration.servers:
            servers.append(load_server(config).from_context(ServerContext(config, configuration, client)))
            apps[config.name] = servers[-1].setup_webserver()
        try:
            answer = await client.post("over_refusal_detection_simple_agent", "/run", json=row)
            return answer.status, await answer.json()
        finally:
            for server in servers:
                await server.aclose()

    status, found = asyncio.run(rolled_out())
    assert status == 200, found
    assert found["reward"] in (0.0, 0.5, 1.0)
    assert found["judge_status"] in ("scored", "unclear")
    assert found["model_response_text"]
    assert found["judge_output_tokens"] > 0
