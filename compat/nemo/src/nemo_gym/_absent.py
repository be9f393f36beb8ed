"""The names of the original that referee has no counterpart of, and what serves instead."""

from __future__ import annotations

_MCP = "tools are routes of setup_webserver(): app.post('/name')(self.name), which agents call by their names"
_CONFIG = "a server has its own settings in self.config, and all of them in self.server_client.global_config_dict"
_CALLS = "call servers through self.server_client.post, and endpoints through a model server"
_COMMANDS = "use the commands: ng_run, ng_collect_rollouts"
_PROFILE = "use the command ng_reward_profile, or referee.gym.rollouts.profiling.write_profile"

INSTEAD: dict[str, str] = {
    **dict.fromkeys(("MCPResourcesServer", "MCPServerMetadata", "MCPSessionError", "gym_tool"), _MCP),
    **dict.fromkeys(("get_global_config_dict", "set_global_config_dict", "GlobalConfigDictParser"), _CONFIG),
    **dict.fromkeys(("NeMoGymAsyncOpenAI", "request", "get_global_aiohttp_client", "get_server_url"), _CALLS),
    **dict.fromkeys(("HeadServer", "RolloutCollectionHelper"), _COMMANDS),
    **dict.fromkeys(("RewardProfiler", "RewardProfileConfig"), _PROFILE),
}
