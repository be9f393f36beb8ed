"""What `nemo setup` writes and the other commands read: where the platform listens, keeps its data, and which workspace
is meant where none is named.

An option of a command wins over the environment, the environment over the file, the file over the defaults.
"""

from __future__ import annotations

import os
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from referee.errors import DefinitionError

_FILE = "platform.yaml"


class Configuration(BaseModel):
    """The file's content; what is None is left to the environment and the defaults.

    Args:
        host: the address that the platform listens on.
        port: its port.
        data: the folder with everything it keeps.
        workspace: where commands look that do not name a workspace.
    """

    model_config = ConfigDict(extra="forbid")

    host: str | None = None
    port: int | None = Field(default=None, ge=0, le=65535)
    data: Path | None = None
    workspace: str | None = None


def path() -> Path:
    """`referee/platform.yaml` under XDG_CONFIG_HOME, or under `.config` in the home folder."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "referee" / _FILE


def load() -> Configuration:
    """The file's content, or an empty configuration where there is none.

    Raises:
        DefinitionError: the file says something that cannot be meant.
    """
    file = path()
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Configuration()
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise DefinitionError(
            f"the configuration {file} cannot be read: {error}; `nemo setup` writes it anew"
        ) from error
    try:
        return Configuration.model_validate(data or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DefinitionError(
            f"the configuration {file} says something that cannot be meant: {where}: {first['msg']}; correct it, or "
            "let `nemo setup` write it anew"
        ) from error


def save(configuration: Configuration) -> Path:
    """Write the file, for its owner's eyes."""
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(yaml.safe_dump(configuration.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    part.chmod(0o600)
    part.replace(file)
    return file
