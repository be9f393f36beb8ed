"""Server blocks: what is a server, what it needs, and whom it refers to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from referee.errors import ConfigurationError, DefinitionError
from referee.gym.configuration import require_servers
from referee.gym.configuration.secrets import hide_secrets


def test_a_configurations_servers_are_read_in_order(place: Any) -> None:
    place.write(
        "env.yaml",
        {
            "environment": place.server(
                "resources_servers",
                "over_refusal",
                domain="safety",
                judge_model_server=place.reference("policy"),
                label="[[X]]",
            ),
            "agent": place.server(
                "responses_api_agents",
                "looping_agent",
                model_server=place.reference("policy"),
                resources_server=place.reference("environment", "resources_servers"),
                datasets=[{"name": "example", "type": "example", "jsonl_fpath": "x.jsonl"}],
            ),
            "policy": place.model(port=8123, host="0.0.0.0", num_workers=2),
            "policy_model_name": "m",
            "head_server": {"host": "localhost", "port": 12001},
        },
    )
    loaded = place.load()
    environment, agent, policy = loaded.servers
    assert (environment.name, environment.kind, environment.implementation) == (
        "environment",
        "resources_servers",
        "over_refusal",
    )
    assert environment.folder == place.root / "resources_servers/over_refusal"
    assert (environment.host, environment.port, environment.domain, environment.in_process) == (
        "127.0.0.1",
        0,
        "safety",
        False,
    )
    assert environment.settings == {"judge_model_server": place.reference("policy"), "label": "[[X]]"}
    assert list(agent.settings) == ["model_server", "resources_server", "datasets"]
    assert (policy.port, policy.num_workers, policy.url) == (8123, 2, "http://127.0.0.1:8123")
    assert loaded.head.url == "http://localhost:12001"
    assert loaded.warnings == ()


def test_ports_that_are_chosen_later_stand_in_servers_and_values_alike(place: Any) -> None:
    place.write("env.yaml", {"policy": place.model(key=1), "default_host": "localhost"})
    loaded = place.load().with_ports({"policy": 4567})
    assert loaded.servers[0].url == "http://localhost:4567"
    assert loaded.values["policy"]["responses_api_models"]["chat_model"] == {
        "entrypoint": "app.py",
        "key": 1,
        "host": "localhost",
        "port": 4567,
    }
    assert loaded.values["head_server"] == {"host": "localhost", "port": 11000}


def test_a_users_server_shares_the_process_only_where_they_say_so(place: Any) -> None:
    place.write(
        "env.yaml",
        {"a": place.model(), "b": place.model(in_process=True), "c": place.model(in_process=True, num_workers=2)},
    )
    assert [server.in_process for server in place.load().servers] == [False, True, False]


def test_an_entrypoint_may_be_a_path(place: Any, tmp_path: Path) -> None:
    elsewhere = place.write("elsewhere/served.py", "")
    place.write("resources_servers/over_refusal/sub/other.py", "")
    place.write(
        "env.yaml",
        {
            "a": {"resources_servers": {"unknown": {"entrypoint": str(elsewhere)}}},
            "b": {"resources_servers": {"over_refusal": {"entrypoint": "sub/other.py"}}},
        },
    )
    a, b = place.load().servers
    assert (a.folder, a.entrypoint) == (tmp_path / "elsewhere", "served.py")
    assert (b.folder, b.entrypoint) == (tmp_path / "resources_servers/over_refusal/sub", "other.py")


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"resources_servers": {"over_refusal": {}}}, "x.resources_servers.over_refusal has no entrypoint"),
        ({"resources_servers": {"over_refusal": None}}, "x.resources_servers.over_refusal is None, not settings"),
        ({"resources_servers": {}}, "x.resources_servers names no implementation; a server has one"),
        (
            {"resources_servers": {"over_refusal": {"entrypoint": "app.py"}, "other_env": {"entrypoint": "app.py"}}},
            "x.resources_servers names over_refusal and other_env; a server has one",
        ),
        (
            {"resources_servers": {"over_refusal": {}}, "responses_api_models": {"vllm": {}}},
            "x has responses_api_models and resources_servers; a server is of one kind",
        ),
        (
            {"resource_servers": {"over_refusal": {"entrypoint": "app.py"}}},
            "'resource_servers' is not a kind of server; did you mean 'resources_servers'?",
        ),
        (
            {"over_refusal": {"entrypoint": "app.py"}},
            "x.over_refusal has an entrypoint and stands under no kind of server",
        ),
        (
            {"resources_servers": {"over_refusa": {"entrypoint": "app.py"}}},
            "'over_refusa' was not found; looked for {root}/resources_servers/over_refusa, ",
        ),
        (
            {"resources_servers": {"over_refusal": {"entrypoint": "apq.py"}}},
            "entrypoint is 'apq.py', which is not in {root}/resources_servers/over_refusal; did you mean 'app.py'?",
        ),
    ],
)
def test_a_block_that_looks_like_a_server_and_is_none(place: Any, block: Any, said: str) -> None:
    place.write("env.yaml", {"x": block})
    assert said.format(root=place.root) in place.problem()


def test_every_mistake_in_a_block_is_said(place: Any) -> None:
    place.write(
        "env.yaml",
        {
            "x": place.model(
                port=70000,
                host=5,
                num_workers=0,
                domain="saftey",
                in_process="perhaps",
                datasets=[{"name": "d"}, {"name": "d", "type": "trian", "jsonl_fpath": "x"}, 3],
            ),
            "y": place.model(datasets="d.jsonl"),
            "head_server": {"port": "many"},
            "default_host": 7,
        },
    )
    text = "\n".join(place.problems())
    for said in (
        "x.responses_api_models.chat_model.port is 70000, and should be a whole number from 1 to 65535",
        "chat_model.host is 5, and should be a text",
        "chat_model.num_workers is 0",
        "chat_model.domain is 'saftey'; did you mean 'safety'?",
        "chat_model.in_process is 'perhaps'; it is true or false",
        "chat_model.datasets[0] has no type and no jsonl_fpath",
        "datasets[1].type is 'trian'; did you mean 'train'?",
        "datasets[2] is 3; a dataset has name, type and jsonl_fpath",
        "y.responses_api_models.chat_model.datasets is 'd.jsonl', not a list",
        "head_server.port is 'many'",
        "default_host is 7",
    ):
        assert said in text


def test_references_must_resolve_wherever_they_stand(place: Any) -> None:
    place.write(
        "env.yaml",
        {
            "environment": place.server(
                "resources_servers",
                "over_refusal",
                judge_model_server=place.reference("polcy"),
                panel=[{"deep": place.reference("environment")}],
                other=place.reference("policy", "response_api_models"),
                fine={"type": "function", "name": "tool"},
            ),
            "policy": place.model(),
            "broken": {"resources_servers": {"over_refusal": {}}},
            "user": place.model(to_broken=place.reference("broken", "resources_servers")),
        },
    )
    at = "environment.resources_servers.over_refusal"
    assert place.problems() == (
        f"{at}.judge_model_server refers to 'polcy' of responses_api_models, and the configuration has no such server: "
        "mend the name, or add the file that defines it to config_paths; did you mean 'policy'?",
        f"{at}.panel[0].deep refers to 'environment' as one of responses_api_models; "
        "mend the type: it is of resources_servers",
        f"{at}.other.type is 'response_api_models'; did you mean 'responses_api_models'?",
        "broken.resources_servers.over_refusal has no entrypoint, the file that defines the server; "
        "add `entrypoint: app.py`. If it is meant to change a server of another file, "
        "that file is missing from config_paths",
    )


def test_a_reference_still_to_be_filled_in_is_unset_and_nothing_more(place: Any) -> None:
    place.write("env.yaml", {"environment": place.model(judge_model_server=place.reference("???"))})
    at = "environment.responses_api_models.chat_model.judge_model_server.name"
    assert place.problem().startswith(f"1 value is not set:\n  {at}\n")


def test_two_servers_cannot_have_one_port(place: Any) -> None:
    place.write("env.yaml", {"a": place.model(port=5001), "b": place.model(port=5001), "c": place.model(port=11000)})
    b, c = place.problems()
    assert b.startswith("b and a both have the port 5001")
    assert c.startswith("c and head_server both have the port 11000")


def test_what_is_odd_is_a_warning(place: Any) -> None:
    place.write("env.yaml", {"a": {**place.model(), "judge": 1}, "head_server": {"prt": 5}})
    assert place.load().warnings == (
        "head_server.prt has no effect; did you mean 'port'?",
        "a.judge is not read; settings of the server stand under a.responses_api_models",
    )


def test_broken_blocks_may_be_left_out(place: Any) -> None:
    place.write("env.yaml", {"a": place.model(), "b": {"responses_api_models": {"chat_model": {"port": 1}}}})
    loaded = place.load("++error_on_almost_servers=false")
    assert [server.name for server in loaded.servers] == ["a"]
    assert "b.responses_api_models.chat_model has no entrypoint" in loaded.warnings[0]


def test_a_configuration_without_servers_can_be_read_and_not_run(place: Any) -> None:
    with pytest.raises(ConfigurationError, match="there is nothing to run"):
        require_servers(place.load("++a=1"))


def test_a_file_that_a_server_names_and_nobody_has(place: Any) -> None:
    place.write("env.yaml", {"a": place.model()})
    (server,) = place.load().servers
    with pytest.raises(DefinitionError, match=r"a: the file 'prompt.txt' was not found; looked for .*/prompt.txt"):
        server.find_file("prompt.txt")


def test_a_server_may_have_a_name_that_sounds_like_a_secret() -> None:
    block = {"resources_servers": {"token_game": {"host": "127.0.0.1", "api_key": "sk-0123456789", "entrypoint": "a"}}}
    shown = hide_secrets({"keys": block})["keys"]["resources_servers"]["token_game"]
    assert shown == {"host": "127.0.0.1", "api_key": "****", "entrypoint": "a"}
