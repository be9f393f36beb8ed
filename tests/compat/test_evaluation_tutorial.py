"""The platform tutorial, as it is printed, against a server, a scripted judge and a stand-in for the hub.

Only the judge's address is changed. The whole of it runs in a process of its own, as a user would run it; its parts run
in this one, each in a workspace of its own, so that they share the server. The blocks under "Troubleshooting" run one
by one, each with what it speaks of prepared.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tutorial_text import blocks

from nemo_platform import APIConnectionError, ConflictError, NeMoPlatform
from referee.testing import ScriptedEndpoint, ScriptedHub

TUTORIAL = Path(__file__).parents[3] / "shared" / "seeds" / "evaluation.txt"
ROOT = Path(__file__).parents[2]
JUDGE_URL = "https://integrate.api.nvidia.com/v1/chat/completions"
AXES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
ANSWERS = {"one": 1, "two": 2, "three": 3, "four": 4, "nothing": 0}
ROWS = [
    {"prompt": f"Question {at}?", "response": f"It helps: {word}."} | dict.fromkeys(AXES, rating)
    for at, (word, rating) in enumerate(ANSWERS.items())
]

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not TUTORIAL.exists(), reason="the tutorial (../shared/seeds/evaluation.txt) is not here"),
]


def judge(body: dict[str, Any]) -> str:
    """Rates as people did once the prompt says how, and a little off them before."""
    system, question = body["messages"][0]["content"], body["messages"][1]["content"]
    if "Paris" in question or "Eggs." in question:
        return json.dumps({"helpfulness": 4 if "Paris" in question else 0})
    rating = next(rating for word, rating in ANSWERS.items() if f"helps: {word}." in question)
    return json.dumps({"helpfulness": rating if "HELPFULNESS" in system else (rating * 2) % 5})


@dataclass
class Place:
    """A server, the models and data it reaches, and Python that talks to it."""

    url: str
    judge: ScriptedEndpoint
    hub: ScriptedHub
    folder: Path

    def run(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run code in a process of its own, as a user would."""
        script = self.folder / "tutorial.py"
        script.write_text(self._reaching(code))
        return subprocess.run(
            [sys.executable, str(script)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=250,
            env=_environment(self.folder) | {"NMP_BASE_URL": self.url},
        )

    def run_here(self, *scripts: str, workspace: str, url: str = "") -> str:
        """Run each script in this process, in that workspace and with names of its own: what they print."""
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
            patch.setenv("NVIDIA_API_KEY", "nvapi-key")
            patch.setenv("NMP_BASE_URL", url or self.url)
            for script in scripts:
                names: dict[str, Any] = {"__name__": "__tutorial__"}
                try:
                    exec(self._reaching(script).replace("llm-as-judge-tutorial", workspace), names)
                finally:
                    names["client"].close()
        return said.getvalue()

    def _reaching(self, code: str) -> str:
        return code.replace(JUDGE_URL, f"{self.judge.url}/chat/completions")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Generator[Place]:
    folder = tmp_path_factory.mktemp("tutorial")
    data = gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS).encode())
    with (
        ScriptedEndpoint(judge, api_key="nvapi-key") as endpoint,
        ScriptedHub({"nvidia/HelpSteer2": {"validation.jsonl.gz": data}, "org/dataset": {"a.jsonl": b"{}"}}) as hub,
    ):
        server = subprocess.Popen(
            [sys.executable, "-m", "referee", "serve", "--port", "0", "--data", str(folder / "data")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_environment(folder) | {"HF_ENDPOINT": hub.url},
        )
        assert server.stdout is not None
        try:
            said = server.stdout.readline()
            address = re.search(r"http://\S+", said)
            assert address, said + server.stdout.read()
            yield Place(address[0], endpoint, hub, folder)
        finally:
            server.terminate()
            rest = server.communicate(timeout=60)[0]
        assert server.returncode == 0
        assert "nvapi-key" not in rest


def _environment(folder: Path) -> Mapping[str, str]:
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "compat" / "nemo" / "src")])
    own = {"MPLBACKEND": "Agg", "MPLCONFIGDIR": str(folder), "NVIDIA_API_KEY": "nvapi-key", "PYTHONPATH": paths}
    return os.environ | own


def _cut() -> tuple[list[str], list[str]]:
    """The blocks of the tutorial's sections, and those of its troubleshooting."""
    text = TUTORIAL.read_text(encoding="utf-8")
    headings = (*re.findall(r"^\d+\. [A-Z].*$", text, re.MULTILINE), "Troubleshooting")
    found = blocks(text, headings)
    return (
        [block.code for block in found if block.section != "Troubleshooting"],
        [block.code for block in found if block.section == "Troubleshooting"],
    )


def test_the_tutorial_runs_as_printed(place: Place) -> None:
    done = place.run("\n\n".join(_cut()[0]))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    said = done.stdout
    assert "Workspace 'llm-as-judge-tutorial' created\n" in said
    assert "'status': 'ok'" in said
    assert "NVIDIA_API_KEY secret reference: llm-as-judge-tutorial/nvidia-api-key\n" in said
    assert "Registered HelpSteer2 fileset: llm-as-judge-tutorial/helpsteer2-eval\n" in said
    assert "Using dataset reference: llm-as-judge-tutorial/helpsteer2-eval#validation.jsonl.gz\n" in said
    assert "Quick test results:\n Row 0: helpfulness = 4.0\n Row 1: helpfulness = 0.0\n" in said
    assert "Prompt V1 job finished successfully!\n" in said
    assert said.count("Evaluated: 5 samples") == 2
    assert "\nPrompt V2    1.000        1.000        0.00    \n" in said
    assert "Prompt V2 shows better correlation with human judgments!" in said
    assert "25th: 1.0 | 50th (median): 2.0 | 75th: 3.0 | 90th: 3.6" in said
    assert said.endswith("Cleanup complete!\n")
    assert (place.folder / "score_distributions.png").stat().st_size > 1000
    with NeMoPlatform(base_url=place.url) as client:
        assert "llm-as-judge-tutorial" not in [workspace.name for workspace in client.workspaces.list()]
    assert place.hub.downloads == ["nvidia/HelpSteer2/validation.jsonl.gz"]


def test_the_tutorial_can_be_run_again_after_it_was_cut_short(place: Place) -> None:
    again = "\n\n".join(_until_submitted())
    assert "Workspace 'cut-short' created\n" in place.run_here(again, workspace="cut-short")
    said = place.run_here(again, workspace="cut-short")
    assert "already exists, continuing..." in said
    assert "Retrieved existing secret: nvidia-api-key" in said
    assert "dataset already registered" in said
    assert "Job submitted: " in said


def test_the_troubleshooting_blocks_each_in_a_workspace_of_its_own(place: Place) -> None:
    sections, troubles = _cut()
    metrics = next(at for at, code in enumerate(sections) if code.startswith("def create_helpfulness_metric"))
    made = "from nemo_platform import NeMoPlatform\nclient = NeMoPlatform(workspace=WORKSPACE)\n"
    assert len(troubles) == 8
    for number, code in enumerate(troubles):
        if code.startswith("client.workspaces.delete"):
            before = f'WORKSPACE = "llm-as-judge-tutorial"\n{made}client.workspaces.create(name=WORKSPACE)\n'
        else:
            before = "\n\n".join(_until_submitted() if "job_v1" in code else sections[:metrics])
        if 'token_secret="hf-token"' in code:
            before += '\n\nclient.secrets.create(name="hf-token", value="hf_value")'
        said = place.run_here(f"{before}\n\n{code}", workspace=f"own-{number}")
        assert ("Details: {" in said) is ("status_details" in code)


def test_a_platform_that_is_away_says_how_to_start_it(place: Place) -> None:
    with pytest.raises(APIConnectionError, match=r"no platform answers at http://127\.0\.0\.1:9\b") as caught:
        place.run_here("\n\n".join(_cut()[0][:6]), workspace="away", url="http://127.0.0.1:9")
    assert "`nemo services run`" in str(caught.value)


def test_a_workspace_that_holds_something_is_not_deleted(place: Place) -> None:
    script = "\n\n".join([*_until_submitted(), "client.workspaces.delete(name=WORKSPACE)"])
    with pytest.raises(ConflictError) as caught:
        place.run_here(script, workspace="held")
    for held in ("helpsteer2-eval", "nvidia-api-key", "nemo-evaluator-"):
        assert held in str(caught.value)


def _until_submitted() -> list[str]:
    """The blocks up to the one that submits the first job."""
    sections = _cut()[0]
    return sections[: 1 + next(at for at, code in enumerate(sections) if code.startswith("job_v1 = "))]
