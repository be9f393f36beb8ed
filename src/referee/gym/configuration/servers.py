"""From the merged tree to the servers in it: which blocks are servers, what each needs, and where it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from socket import gaierror, gethostbyname, gethostname
from typing import Any, TypeGuard, cast

from referee.gym.configuration.directives import MISSING
from referee.gym.configuration.search import BUNDLED, folders
from referee.gym.configuration.values import SERVER_KINDS, HeadConfig, ServerConfig, ServerKind
from referee.gym.configuration.wording import closest_or_all, did_you_mean

DOMAINS = (
    "math",
    "coding",
    "agent",
    "knowledge",
    "instruction_following",
    "long_context",
    "safety",
    "games",
    "translation",
    "e2e",
    "rlhf",
    "other",
)
_DATASET_TYPES = ("train", "validation", "example", "benchmark")
_OWN = frozenset({"entrypoint", "host", "port", "num_workers", "domain", "in_process"})
_LARGEST_PORT = 65535
_APP = "app.py"
_DATA = "llm_judge"
"""The implementation that serves environments without an app of their own."""


class ServerBlocks:
    """Reads the server blocks of a tree. What is wrong is in `problems`, what is odd in `warnings`.

    Args:
        tree: the merged tree; what could not be resolved reads `???` and is passed over.
        roots: where implementations are looked up.
    """

    def __init__(self, tree: Mapping[str, Any], roots: Sequence[Path]) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self._tree = tree
        self._roots = roots
        self._default_host = self._find_default_host()

    def head(self) -> HeadConfig:
        """The head server's address."""
        block = self._tree.get("head_server")
        if block is None:
            return HeadConfig(self._default_host)
        if not _is_mapping(block):
            self.problems.append(f"head_server is {block!r}; write head_server: {{host: 127.0.0.1, port: 11000}}")
            return HeadConfig(self._default_host)
        for key in block:
            if key not in ("host", "port", "num_workers"):
                self.warnings.append(f"head_server.{key} has no effect{did_you_mean(str(key), ('host', 'port'))}")
        host = self._text(block, "host", "head_server") or self._default_host
        return HeadConfig(host, self._number(block, "port", "head_server", _LARGEST_PORT) or HeadConfig.port)

    def servers(self, head: HeadConfig) -> list[ServerConfig]:
        """The servers, in the order of their blocks; those with problems left out."""
        found: list[ServerConfig] = []
        for name, block in self._tree.items():
            if name == "head_server" or not _is_mapping(block):
                continue
            kinds: list[ServerKind] = [kind for kind in SERVER_KINDS if kind in block]
            if not kinds:
                self._misspelt_kind(name, block)
            elif len(kinds) > 1:
                self.problems.append(
                    f"{name} has {' and '.join(kinds)}; a server is of one kind, so make them two blocks"
                )
            elif (server := self._server(name, kinds[0], block)) is not None:
                found.append(server)
        self._check_ports(found, head)
        return found

    def _server(self, name: str, kind: ServerKind, block: Mapping[Any, Any]) -> ServerConfig | None:
        before = len(self.problems)
        for key in block:
            if key != kind:
                self.warnings.append(f"{name}.{key} is not read; settings of the server stand under {name}.{kind}")
        named = block[kind]
        if not _is_mapping(named) or len(named) != 1:
            names = " and ".join(map(str, named)) if _is_mapping(named) else ""
            self.problems.append(
                f"{name}.{kind} names {names or 'no implementation'}; a server has one. "
                f"Where another file brought one too many, `_delete_key: <implementation>` beside it takes it out"
            )
            return None
        implementation, settings = next(iter(named.items()))
        at = f"{name}.{kind}.{implementation}"
        if not _is_mapping(settings):
            self.problems.append(f"{at} is {settings!r}, not settings; at the least it needs `entrypoint: app.py`")
            return None
        where = folders(f"{kind}/{implementation}", self._roots)
        entrypoint = self._entrypoint(settings, at)
        path = self._find_entrypoint(kind, str(implementation), entrypoint, where, at) if entrypoint else None
        domain = self._text(settings, "domain", at)
        if domain and domain not in DOMAINS:
            hint = did_you_mean(domain, DOMAINS) or f"; it is one of {', '.join(DOMAINS)}"
            self.problems.append(f"{at}.domain is {domain!r}{hint}")
        self._check_datasets(settings.get("datasets"), at)
        host = self._text(settings, "host", at) or self._default_host
        port = self._number(settings, "port", at, _LARGEST_PORT) or 0
        workers = self._number(settings, "num_workers", at, 1024) or 1
        in_process = settings.get("in_process")
        if in_process not in (None, True, False, MISSING):
            self.problems.append(f"{at}.in_process is {in_process!r}; it is true or false")
        if path is None or len(self.problems) > before:
            return None
        wanted = path.is_relative_to(BUNDLED) if in_process is None else in_process is True
        return ServerConfig(
            name=str(name),
            kind=kind,
            implementation=str(implementation),
            entrypoint=path.name,
            folder=path.parent,
            host=host,
            port=port,
            num_workers=workers,
            domain=domain,
            in_process=wanted and workers == 1,
            settings={str(key): value for key, value in settings.items() if key not in _OWN},
            folders=where or (path.parent,),
            roots=tuple(self._roots),
        )

    def _entrypoint(self, settings: Mapping[Any, Any], at: str) -> str | None:
        if "entrypoint" not in settings:
            self.problems.append(
                f"{at} has no entrypoint, the file that defines the server; add `entrypoint: app.py`. If it is meant "
                f"to change a server of another file, that file is missing from config_paths"
            )
            return None
        return self._text(settings, "entrypoint", at)

    def _find_entrypoint(
        self, kind: str, implementation: str, entrypoint: str, where: Sequence[Path], at: str
    ) -> Path | None:
        if Path(entrypoint).is_absolute() and Path(entrypoint).is_file():
            return Path(entrypoint)
        for folder in where:
            if (folder / entrypoint).is_file():
                return folder / entrypoint
        data = any((folder / "configs" / f"{implementation}.yaml").is_file() for folder in where)
        if data and kind == "resources_servers" and entrypoint == _APP:
            return BUNDLED / kind / _DATA / _APP  # an environment that is data: its configuration defines it
        if where:
            files = sorted({file.name for folder in where for file in folder.glob("*.py")})
            hint = did_you_mean(entrypoint, files) or f"; there are {', '.join(files) or 'no Python files'}"
            places = " and ".join(map(str, where))
            self.problems.append(f"{at}.entrypoint is {entrypoint!r}, which is not in {places}{hint}")
        else:
            known = {one.parent.name for root in self._roots for one in root.glob(f"{kind}/*/*.py")}
            places = ", ".join(str(root / kind / implementation) for root in self._roots)
            near = closest_or_all(implementation, known)
            self.problems.append(f"{at}: {implementation!r} was not found; looked for {places}{near}")
        return None

    def _misspelt_kind(self, name: str, block: Mapping[Any, Any]) -> None:
        for key, inner in block.items():
            if not _is_mapping(inner):
                continue
            if "entrypoint" in inner:
                self.problems.append(
                    f"{name}.{key} has an entrypoint and stands under no kind of server; "
                    f"write {name}: {{resources_servers: {{{key}: …}}}}, or another of {', '.join(SERVER_KINDS)}"
                )
            elif any(_is_mapping(one) and "entrypoint" in one for one in inner.values()):
                near = did_you_mean(str(key), SERVER_KINDS) or f"; the kinds are {', '.join(SERVER_KINDS)}"
                self.problems.append(f"{name}.{key} looks like a server, and {key!r} is not a kind of server{near}")

    def _check_ports(self, servers: Sequence[ServerConfig], head: HeadConfig) -> None:
        taken: dict[int, str] = {head.port: "head_server"}
        for server in servers:
            if server.port and server.port in taken:
                self.problems.append(
                    f"{server.name} and {taken[server.port]} both have the port {server.port}; "
                    f"take one out, and a free port is chosen"
                )
            taken.setdefault(server.port, server.name)

    def _check_datasets(self, datasets: object, at: str) -> None:
        wanted = "a dataset has name, type and jsonl_fpath"
        if datasets is not None and not isinstance(datasets, list):
            self.problems.append(f"{at}.datasets is {datasets!r}, not a list; {wanted}")
            return
        for index, dataset in enumerate(cast(list[object], datasets or [])):
            where = f"{at}.datasets[{index}]"
            if not _is_mapping(dataset):
                self.problems.append(f"{where} is {dataset!r}; {wanted}")
            elif lacking := [key for key in ("name", "type", "jsonl_fpath") if key not in dataset]:
                self.problems.append(f"{where} has no {' and no '.join(lacking)}; {wanted}")
            elif dataset["type"] not in _DATASET_TYPES:
                near = did_you_mean(str(dataset["type"]), _DATASET_TYPES)
                self.problems.append(
                    f"{where}.type is {dataset['type']!r}{near}; it is one of {', '.join(_DATASET_TYPES)}"
                )

    def _text(self, block: Mapping[Any, Any], key: str, at: str) -> str | None:
        value = block.get(key)
        if value is None or isinstance(value, str):
            return None if value == MISSING else value or None
        self.problems.append(f"{at}.{key} is {value!r}, and should be a text")
        return None

    def _number(self, block: Mapping[Any, Any], key: str, at: str, largest: int) -> int | None:
        value = block.get(key)
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if value is None or value == MISSING:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= largest:
            return value
        self.problems.append(f"{at}.{key} is {value!r}, and should be a whole number from 1 to {largest}")
        return None

    def _find_default_host(self) -> str:
        if self._tree.get("use_absolute_ip") is True:
            try:
                return gethostbyname(gethostname())
            except gaierror as error:
                self.problems.append(
                    f"use_absolute_ip: this machine's name has no address ({error}); give default_host instead"
                )
        return self._text(self._tree, "default_host", "top level") or "127.0.0.1"


def _is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)
