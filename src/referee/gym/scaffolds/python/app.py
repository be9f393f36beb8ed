"""my_environment: the last line of the policy's answer is compared with the expected one."""

from __future__ import annotations

from fastapi import FastAPI

from nemo_gym.base_resources_server import (
    BaseResourcesServerConfig,
    BaseVerifyRequest,
    BaseVerifyResponse,
    SimpleResourcesServer,
)
from nemo_gym.openai_utils import NeMoGymResponse


class MyEnvironmentConfig(BaseResourcesServerConfig):
    """Settings: each is a key beside `entrypoint` in the configuration."""

    reward_if_right: float = 1.0


class MyEnvironmentVerifyRequest(BaseVerifyRequest):
    """A rollout, and the fields of the row that the rules need."""

    expected_answer: str


class MyEnvironmentVerifyResponse(BaseVerifyResponse):
    """The reward, and what should be known of it later."""

    expected_answer: str
    last_line: str


class MyEnvironmentServer(SimpleResourcesServer):
    """The environment."""

    config: MyEnvironmentConfig

    def setup_webserver(self) -> FastAPI:
        """The usual routes; a tool for the policy is one more: `app.post("/my_tool")(self.my_tool)`."""
        return super().setup_webserver()

    async def verify(self, body: MyEnvironmentVerifyRequest) -> MyEnvironmentVerifyResponse:
        """The reward of a finished rollout."""
        lines = last_text(body.response).split("\n")
        right = lines[-1].strip() == body.expected_answer
        return MyEnvironmentVerifyResponse(
            **body.model_dump(),
            reward=self.config.reward_if_right if right else 0.0,
            last_line=lines[-1].strip(),
        )


def last_text(response: NeMoGymResponse) -> str:
    """The text of the policy's last message; empty where there is none."""
    for item in reversed(response.output):
        if item.type == "message":
            return "\n".join(getattr(part, "text", "") for part in getattr(item, "content", ())).strip()
    return ""


if __name__ == "__main__":
    MyEnvironmentServer.run_webserver()
