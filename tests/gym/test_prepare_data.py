"""Datasets checked and put together: what is written, every mistake with its line, and figures as the original's."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referee.errors import ConfigurationError, DataError, OutputError
from referee.gym.commands import prepare_data
from referee.gym.datasets.figures import Figures, Numbers, differences
from referee.testing import ScriptedHub


def question(text: str, **fields: Any) -> dict[str, Any]:
    return {"responses_create_params": {"input": text}, **fields}


class Place:
    """A folder with one environment, whose agents declare datasets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agents: dict[str, list[dict[str, Any]]] = {}

    def dataset(self, name: str, lines: list[Any], kind: str = "train", agent: str = "an_agent", **more: Any) -> Path:
        path = self.folder / "data" / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
        self.declare(name, kind, agent, **more)
        return path

    def declare(self, name: str, kind: str = "train", agent: str = "an_agent", **more: Any) -> None:
        entry = {"name": name, "type": kind, "jsonl_fpath": f"data/{name}.jsonl", "license": "MIT", **more}
        self.agents.setdefault(agent, []).append(entry)

    def prepare(self, *words: str, mode: str = "train_preparation") -> int:
        model = {"type": "responses_api_models", "name": "policy_model"}
        blocks: dict[str, Any] = {
            agent: {"responses_api_agents": {"simple_agent": {"entrypoint": "app.py", "datasets": datasets}}}
            for agent, datasets in self.agents.items()
        }
        for block in blocks.values():
            settings = block["responses_api_agents"]["simple_agent"]
            settings |= {"model_server": model, "resources_server": {"type": "resources_servers", "name": "checks"}}
        blocks["checks"] = {"resources_servers": {"answer_check": {"entrypoint": "app.py", "domain": "other"}}}
        (self.folder / "env.yaml").write_text(json.dumps(blocks))
        return prepare_data.run([f"+mode={mode}", "+output_dirpath=out", *words])

    def lines(self, kind: str = "train") -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "out" / f"{kind}.jsonl").read_text().splitlines()]

    def metrics(self, name: str) -> dict[str, Any]:
        return json.loads((self.folder / f"{name}_metrics.json").read_text())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path)


def test_datasets_of_a_type_are_put_together_with_their_agents(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.dataset("first", [question("a", level=1), "", question("b", level=2)], num_repeats=2)
    place.dataset("second", [question("c", agent_ref={"name": "another"})], agent="second_agent")
    place.dataset("held_out", [question("d")], "validation")
    place.dataset("shown", [question("e")], "example")
    assert place.prepare() == 0
    rows = place.lines()
    assert [row["responses_create_params"]["input"] for row in rows] == ["a", "a", "b", "b", "c"]
    assert [row["agent_ref"]["name"] for row in rows] == ["an_agent"] * 4 + ["second_agent"]
    assert rows[0]["agent_ref"]["type"] == "responses_api_agents"
    assert len(place.lines("validation")) == 1
    assert not (place.folder / "out" / "example.jsonl").exists()
    assert not list(place.folder.rglob("*.tmp"))
    found = place.metrics("out/train")
    assert (found["Number of examples"], found["license"], found["type"]) == (5, "MIT", "train")
    assert found["level"]["Average"] == 1.5
    assert place.metrics("data/first")["Number of examples"] == 4
    printed = capsys.readouterr().out
    assert "an_agent · first (train): 2 rows, each 2 times" in printed
    assert "1 row named another agent" in printed
    assert place.prepare(mode="example_validation") == 0
    assert len(place.lines("example")) == 1


def test_every_mistake_of_every_file_has_its_line_and_nothing_is_written(place: Place) -> None:
    bad = question("x")
    bad["responses_create_params"]["temprature"] = 1
    path = place.dataset("first", [question("a"), "{", bad, "[1]", {"question": "b"}, question("c")])
    other = place.dataset("second", [{"responses_create_params": {"input": [{"role": "usr", "content": "x"}]}}])
    with pytest.raises(DataError) as caught:
        place.prepare()
    told = str(caught.value).splitlines()
    assert told[0].startswith(f"{path}, line 2: ")
    assert told[1] == (
        f"{path}, line 3: responses_create_params.temprature: is not known here; did you mean 'temperature'?"
    )
    assert told[2].startswith(f"{path}, line 4: ")
    assert told[3] == f"{path}, line 5: responses_create_params: is missing"
    assert told[4].startswith(f"{other}, line 1: responses_create_params.input.0.role: ")
    assert len(told) == 5
    assert not list((place.folder / "out").iterdir())
    assert not list(place.folder.rglob("*_metrics.json"))


def test_many_mistakes_are_told_up_to_a_number(place: Place) -> None:
    path = place.dataset("first", ["{}"] * 50)
    with pytest.raises(DataError) as caught:
        place.prepare()
    told = str(caught.value).splitlines()
    assert len(told) == 21
    assert told[-1] == f"{path}: 30 more bad rows"


def test_a_dataset_without_rows_is_a_mistake(place: Place) -> None:
    place.dataset("first", [""])
    with pytest.raises(DataError, match=r"first.jsonl has no rows"):
        place.prepare()


def test_declarations_are_checked_together(place: Place) -> None:
    place.dataset("first", [question("a")], license=None)
    place.declare("second", num_repeats=0)
    place.declare("third", source="here")
    with pytest.raises(ConfigurationError) as caught:
        place.prepare()
    told = str(caught.value)
    assert "an_agent.datasets[0]: 'first' has no license, which a train dataset needs" in told
    assert "an_agent.datasets[1].num_repeats" in told
    assert "an_agent.datasets[2].source" in told
    with pytest.raises(ConfigurationError, match=r"output_dirpath is not given(.|\n)*mode is 'exampl'; .*'example_val"):
        prepare_data.run(["+mode=exampl"])


def test_no_dataset_of_the_mode(place: Place) -> None:
    place.dataset("shown", [question("e")], "example")
    with pytest.raises(ConfigurationError, match="there are some of type example, for the other mode"):
        place.prepare()


def test_the_data_itself_is_never_replaced(place: Place) -> None:
    path = place.dataset("train", [question("a")])
    with pytest.raises(OutputError, match="would be replaced"):
        place.prepare("++output_dirpath=data")
    assert path.read_text() == json.dumps(question("a")) + "\n"


def test_figures_that_changed_are_a_conflict_until_they_are_meant(place: Place) -> None:
    place.dataset("first", [question("a b c")])
    assert place.prepare() == 0
    assert place.prepare() == 0
    before = place.lines()
    place.agents.clear()
    place.dataset("first", [question("a b c"), question("d")])
    with pytest.raises(DataError, match=r"first_metrics.json has other figures: Number of examples was 1 and is 2"):
        place.prepare()
    assert place.lines() == before
    assert place.metrics("data/first")["Number of examples"] == 1
    assert json.loads(Path("data/first_metrics_conflict.json").read_text())["Number of examples"] == 2
    assert place.prepare("+overwrite_metrics_conflicts=true") == 0
    assert place.metrics("data/first")["Number of examples"] == 2


def test_a_file_that_is_not_there_is_fetched_where_its_source_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place.declare("first", source={"type": "huggingface", "repo_id": "an/owner", "artifact_fpath": "rows.jsonl"})
    place.declare("second")
    with pytest.raises(ConfigurationError) as caught:
        place.prepare()
    assert "fetch it from hf://datasets/an/owner/rows.jsonl with +should_download=true" in str(caught.value)
    assert "'second' is not there: put it there, or say where" in str(caught.value)
    place.agents["an_agent"].pop()
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    with ScriptedHub({"an/owner": {"rows.jsonl": json.dumps(question("a")).encode() + b"\n"}}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        assert place.prepare("+should_download=true") == 0
    assert place.lines()[0]["responses_create_params"]["input"] == "a"
    assert Path("data/first.jsonl").is_file()


def test_bundled_examples_need_neither_a_policy_nor_a_judge(place: Place) -> None:
    config = "resources_servers/over_refusal_detection/configs/over_refusal_detection.yaml"
    arguments = [f"+config_paths=[{config}]", "+mode=example_validation", "+output_dirpath=out"]
    assert prepare_data.run(arguments) == 0
    assert len(place.lines("example")) == 5
    assert Path("resources_servers/over_refusal_detection/data/example_metrics.json").is_file()


def test_the_figures_of_a_row() -> None:
    figures = Figures()
    row = question("two words", rating=3, tags=["a", "b", "a"], flags=[True, False], nested={"deep": 1})
    row["responses_create_params"] |= {"temperature": 0.5, "tools": [{}, {}]}
    figures.add(row)
    figures.add({"responses_create_params": {"input": [{"role": "user", "content": "x"}] * 3}, "tags": "b"})
    found = figures.to_dict()
    assert found["Number of examples"] == 2
    assert found["Number of turns"]["Average"] == 2.0
    assert (found["Number of tools"]["Total # non-null values"], found["Temperature"]["Average"]) == (1, 0.5)
    assert found["tags"] == {"unique_count": 2, "total_count": 4}
    assert found["flags"] | {"Standard deviation": 0.707} == found["flags"]
    assert found["rating"]["Min"] == 3.0
    assert "nested" not in found
    words = [len(json.dumps(one).split()) for one in (row["responses_create_params"],)]
    assert found["Json-dumped number of words (proxy for token count)"]["Min"] <= words[0]


@given(st.lists(st.lists(st.floats(-1e6, 1e6), max_size=6), min_size=1, max_size=5))
def test_figures_of_parts_are_those_of_the_whole(parts: list[list[float]]) -> None:
    whole = Numbers()
    for part in parts:
        one = Numbers()
        for number in part:
            one.add(number)
        whole.merge(one)
    numbers = [number for part in parts for number in part]
    assert whole.count == len(numbers)
    if len(numbers) > 1:
        assert math.isclose(whole.mean, statistics.fmean(numbers), rel_tol=1e-9, abs_tol=1e-6)
        spread = math.sqrt(max(whole.squares, 0) / (len(numbers) - 1))
        assert math.isclose(spread, statistics.stdev(numbers), rel_tol=1e-6, abs_tol=1e-3)
        assert (whole.low, whole.high) == (min(numbers), max(numbers))


def test_what_counts_as_another_figure() -> None:
    before = {"a": {"Average": 10.0, "Min": 0.5}, "b": 1, "c": 2}
    assert list(differences(before, {"a": {"Average": 10.004, "Min": 0.5004}, "b": 1, "c": 2, "d": 3})) == []
    assert list(differences(before, {"a": {"Average": 10.1, "Min": 0.501}, "b": 1})) == [
        "a.Average was 10.0 and is 10.1",
        "a.Min was 0.5 and is 0.501",
        "c is no longer there",
    ]
