"""The walk-through's environment without any key; `test_walkthrough` rolls it out."""

from __future__ import annotations

from referee.gym.configuration import load_configuration
from referee.gym.entrypoint import BUNDLED

FOLDER = BUNDLED / "resources_servers" / "over_refusal_detection"
CONFIG = f"+config_paths=[{FOLDER}/configs/over_refusal_detection_embedded.yaml]"


def test_the_bundled_configuration_needs_no_key() -> None:
    configuration = load_configuration([CONFIG])
    servers = {server.name: server for server in configuration.servers}
    assert servers["policy_model"].implementation == "embedded_model"
    assert servers["over_refusal_detection"].settings["judge_model_server"]["name"] == "policy_model"
    assert "judge_model" not in servers
    assert configuration.warnings == ()
