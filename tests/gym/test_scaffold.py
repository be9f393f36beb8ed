"""New environments: what is made passes its own test and runs, a copy is found before the bundled one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
import running_gym as tools

from referee import DefinitionError, Environment
from referee.gym.commands import init_resources_server
from referee.gym.commands import test as ng_test
from referee.gym.configuration import load_configuration
from referee.gym.scaffold import copy_environment, make_environment
from referee.testing import ScriptedEndpoint

BUNDLED = "over_refusal_detection"


@pytest.fixture
def workshop(tmp_path: Path) -> Any:
    return tools.Workshop(tmp_path)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("arguments", "python"), [(["mine"], False), (["+entrypoint=resources_servers/mine"], True)])
def test_a_new_environment_passes_its_test_at_once(
    here: Path, arguments: list[str], python: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    assert init_resources_server.run(arguments) == 0
    said = capfd.readouterr().out
    assert said.startswith("made resources_servers/mine:\n")
    folder = here / "resources_servers" / "mine"
    assert (folder / "app.py").exists() is python
    assert (folder / "README.md").read_text().startswith("# mine\n")
    rows = [orjson.loads(line) for line in (folder / "data" / "example.jsonl").read_text().splitlines()]
    assert len(rows) == 5
    assert {row["agent_ref"]["name"] for row in rows} == {"mine_simple_agent"}
    assert "my_environment" not in "".join(path.read_text() for path in folder.rglob("*.*"))
    (line,) = (line for line in said.splitlines() if "ng_test" in line)
    assert line.split() == ["ng_test", "mine"]
    if python:  # the other's is run by the README's test
        assert ng_test.run(line.split()[1:]) == 0
        assert " passed" in capfd.readouterr().out


def test_a_failing_test_is_the_exit_code(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make_environment("mine", "python", here)
    file = here / "resources_servers/mine/tests/test_mine.py"
    file.write_text("def test_it():\n    answer = 41\n    assert answer == 42\n")
    assert ng_test.run(["+entrypoint=resources_servers/mine", "--", "-q"]) == 1
    assert "assert 41 == 42" in capfd.readouterr().out


def test_the_names_of_kinds(here: Path) -> None:
    init_resources_server.run(["resources_servers/one"])
    init_resources_server.run(["two", "--python"])
    assert [(here / "resources_servers" / name / "app.py").exists() for name in ("one", "two")] == [False, True]


def test_what_it_says_to_type_next_starts_it(workshop: Any) -> None:
    workshop.save()
    said = workshop.command("init_resources_server", "mine").stdout
    (line,) = (line for line in said.splitlines() if "ng_run" in line)
    with workshop.running(line.split(maxsplit=1)[1].strip('"')) as run:
        assert list(run.instances()) == ["mine", "mine_simple_agent", "policy_model"]


def test_a_copy_is_edited_and_comes_before_the_bundled_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init_resources_server.run(["--from", BUNDLED])
    assert capsys.readouterr().out.startswith(f"made resources_servers/{BUNDLED}, a copy of the bundled {BUNDLED}:\n")
    folder = here / "resources_servers" / BUNDLED
    assert not (folder / "app.py").exists()
    config = folder / "configs" / f"{BUNDLED}.yaml"
    config.write_text(config.read_text().replace("reward_if_complied: 1.0", "reward_if_complied: 0.75"))
    with ScriptedEndpoint("[[COMPLIED]]") as endpoint:
        judge = {"url": endpoint.url, "name": "m"}
        with Environment.load(BUNDLED, judge=judge) as environment:
            assert environment.verify({"prompt": "q"}, "a")["reward"] == 0.75


@pytest.mark.parametrize("name", ["equivalence_llm_judge", "multichallenge", "proof_verification", BUNDLED])
@pytest.mark.parametrize("code", [False, True])
def test_a_copy_under_another_name_is_an_environment_beside_the_bundled_one(
    tmp_path: Path, name: str, code: bool
) -> None:
    folder = copy_environment(name, "other", tmp_path, code=code).folder
    (prompt,) = [*folder.glob("prompt_templates/*.txt")] or [None]
    if prompt is not None:
        prompt.write_text("MINE")
    with ScriptedEndpoint(r"[[COMPLIED]] [[A=B]] [[YES]] \boxed{1}") as endpoint:
        with Environment.load("other", judge={"url": endpoint.url, "name": "m"}, cwd=tmp_path) as environment:
            assert environment.name == "other"
            assert environment.config.implementation == ("other" if code else name)
            row = orjson.loads((folder / "data" / "example.jsonl").read_text().splitlines()[0])
            assert row["agent_ref"]["name"] == "other_simple_agent"
            assert environment.verify(row, r"an answer \boxed{1}")["reward"] > 0
        if prompt is not None:
            assert endpoint.requests[0].body["messages"][-1]["content"] == "MINE"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which name shall it have?"),
        (["My-Env"], "'My-Env' is no name: take small letters, digits and _, a letter first, such as my_env"),
        (["elsewhere/mine"], "an environment lies in resources_servers/NAME"),
        (["mine", "other"], "one name at a time"),
        (["--pyton", "mine"], "'--pyton' is not an option; did you mean '--python'?"),
        (["--from", "over_refusal"], "did you mean 'over_refusal_detection'?"),
        (["--from"], "--from names no environment"),
        (["taken"], "is there already: take another name"),
    ],
)
def test_a_mistake_is_one_message_with_its_mend(here: Path, arguments: list[str], message: str) -> None:
    (here / "resources_servers" / "taken").mkdir(parents=True)
    with pytest.raises(DefinitionError, match=re.escape(message)):
        init_resources_server.run(arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "has tests; ng_init_resources_server NAME makes one"),
        (["nothing"], "no environment is called 'nothing'"),
        (["untested"], "has no tests; they go into"),
        (["-v"], "what pytest is to get stands after --"),
    ],
)
def test_without_tests_that_is_said(here: Path, arguments: list[str], message: str) -> None:
    (here / "resources_servers" / "untested").mkdir(parents=True)
    with pytest.raises(DefinitionError, match=re.escape(message)):
        ng_test.run(arguments)


@pytest.mark.parametrize("kind", ["judge", "python"])
def test_a_new_environments_configuration_is_sound(tmp_path: Path, kind: Any) -> None:
    make_environment("mine", kind, tmp_path)
    model = "responses_api_models/embedded_model/configs/embedded_model.yaml"
    paths = f"+config_paths=[resources_servers/mine/configs/mine.yaml,{model}]"
    assert load_configuration([paths], cwd=tmp_path).warnings == ()
