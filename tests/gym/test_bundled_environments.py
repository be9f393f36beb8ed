"""Every bundled environment: its configuration loads, its examples are five rows, and each row can be rolled out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from referee.gym.configuration import load_configuration
from referee.gym.entrypoint import BUNDLED, load_server
from referee.gym.server import ServerClient, ServerContext
from referee.testing import ScriptedEndpoint

ENVIRONMENTS = sorted(path.parent.name for path in (BUNDLED / "resources_servers").glob("*/configs"))
MODEL = "responses_api_models/openai_model/configs/openai_model.yaml"
SAID = r"[[COMPLIED]] [[A=B]] [[YES]] [[SAFE]] 1_full_compliance {\"helpfulness\": 4} \boxed{1}".replace('\\"', '"')


def examples(name: str) -> list[dict[str, Any]]:
    lines = (BUNDLED / "resources_servers" / name / "data" / "example.jsonl").read_text(encoding="utf-8").splitlines()
    return [orjson.loads(line) for line in lines]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_it_has_a_readme_a_configuration_and_five_rows_for_its_agent(name: str) -> None:
    folder = BUNDLED / "resources_servers" / name
    assert (folder / "README.md").read_text(encoding="utf-8").startswith(f"# {name}\n")
    assert (folder / "configs" / f"{name}.yaml").is_file()
    rows = examples(name)
    assert len(rows) == 5
    assert {row["agent_ref"]["name"] for row in rows} == {f"{name}_simple_agent"}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_each_example_can_be_rolled_out(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def rolled_out(url: str) -> list[Any]:
        config = f"resources_servers/{name}/configs/{name}.yaml"
        keys = {
            f"{who}_{what}": value
            for who in ("policy", "judge")
            for what, value in (("base_url", url), ("api_key", "k"), ("model_name", "m"))
        }
        overrides = [f"+config_paths=[{config},{MODEL}]", *(f"++{key}={value}" for key, value in keys.items())]
        configuration = load_configuration(overrides)
        assert configuration.warnings == ()
        apps: dict[str, Any] = {}
        client = ServerClient(configuration, apps)
        servers: list[Any] = []
        for server in configuration.servers:
            servers.append(load_server(server).from_context(ServerContext(server, configuration, client)))
            apps[server.name] = servers[-1].setup_webserver()
        answers = [await client.post(f"{name}_simple_agent", "/run", json=row) for row in examples(name)]
        for server in servers:
            await server.aclose()
        assert [answer.status for answer in answers] == [200] * 5, await answers[0].text()
        return [await answer.json() for answer in answers]

    with ScriptedEndpoint(SAID) as endpoint:
        rows = asyncio.run(rolled_out(endpoint.url))
    assert all(isinstance(row["reward"], float) for row in rows)
    assert all(row.get("judge_status") in (None, "scored") for row in rows)
