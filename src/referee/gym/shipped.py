"""An environment that is data: its settings, completed from the file it ships with, and put where it names them.

`configs/<name>.yaml` in the folder of such an environment is its definition and its configuration in one. Whoever
configures it anew says only what is different: what is missing is taken from there. In the definition,
`{setting: safe_label}` stands for the setting of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import yaml

from referee.errors import DefinitionError
from referee.gym.configuration.values import ServerConfig
from referee.gym.configuration.wording import closest_or_all

SETTING = "setting"


def complete(server: ServerConfig) -> dict[str, Any]:
    """A server's settings, over those that its implementation ships with.

    Raises:
        DefinitionError: what it ships with cannot be read.
    """
    if server.folder in server.folders:
        return dict(server.settings)  # an app of its own, whose shipped configuration is an example
    for folder in reversed(server.folders):
        path = folder / "configs" / f"{server.implementation}.yaml"
        if not path.is_file():
            continue
        try:
            blocks: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
            raise DefinitionError(f"{server.name}: {path} cannot be read: {error}") from error
        shipped = _settings_of(blocks, server)
        if shipped is not None:
            return shipped | server.settings
    return dict(server.settings)


def names(value: object) -> set[str]:
    """The settings that are named in a definition."""
    if isinstance(value, Mapping):
        mapping = cast(Mapping[str, Any], value)
        return {mapping[SETTING]} if _is_named(mapping) else {one for part in mapping.values() for one in names(part)}
    return {one for part in cast(list[Any], value) for one in names(part)} if isinstance(value, list) else set()


def put_in(value: Any, settings: Mapping[str, Any], where: str) -> Any:
    """A definition with the settings that it names in their places.

    Raises:
        DefinitionError: there is no such setting.
    """
    if isinstance(value, Mapping):
        mapping = cast(Mapping[str, Any], value)
        if _is_named(mapping):
            name = mapping[SETTING]
            if name not in settings:
                raise DefinitionError(
                    f"{where} names the setting {name!r}, which there is not{closest_or_all(name, settings)}"
                )
            return settings[name]
        return {key: put_in(part, settings, f"{where}.{key}") for key, part in mapping.items()}
    if isinstance(value, list):
        return [put_in(part, settings, where) for part in cast(list[Any], value)]
    return value


def _is_named(mapping: Mapping[str, Any]) -> bool:
    return set(mapping) == {SETTING} and isinstance(mapping[SETTING], str)


def _settings_of(blocks: Any, server: ServerConfig) -> dict[str, Any] | None:
    for block in cast(dict[str, Any], blocks).values() if isinstance(blocks, dict) else ():
        named: Any = cast(dict[str, Any], block).get(server.kind) if isinstance(block, dict) else None
        settings = cast(dict[str, Any], named).get(server.implementation) if isinstance(named, dict) else None
        if isinstance(settings, dict):
            own = {"entrypoint", "host", "port", "num_workers", "domain", "in_process"}
            return {key: value for key, value in cast(dict[str, Any], settings).items() if key not in own}
    return None
