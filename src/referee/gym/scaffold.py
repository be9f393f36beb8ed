"""New environments in the working directory: from a pattern that works at once, or copied from a bundled one.

The patterns lie in `scaffolds/`, as the files that they become; `my_environment` in names and texts is the new name.
A copy holds what people edit (configurations, prompts, rows, README): whatever it lacks, such as the bundled `app.py`,
is still found where it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from referee.errors import DefinitionError
from referee.gym.configuration.search import BUNDLED
from referee.gym.configuration.wording import closest_or_all

Kind = Literal["judge", "python"]
FOLDER = "resources_servers"
_PATTERNS = BUNDLED / "scaffolds"
_OLD, _OLD_CLASS = "my_environment", "MyEnvironment"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Made:
    """A new environment.

    Args:
        name: its own.
        folder: where it is.
        files: what is in it, as paths from the folder.
        bundled: what it was copied from, where it was.
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    bundled: str | None = None


def make_environment(name: str, kind: Kind, root: Path) -> Made:
    """An environment that works at once: a judge in one file, or rules in Python.

    Args:
        name: its name and its folder's.
        kind: which.
        root: the working directory; the folder is `resources_servers/<name>` in it.

    Raises:
        DefinitionError: the name cannot be one, or is taken.
    """
    target = _target(name, root)
    title = "".join(part.capitalize() for part in name.split("_"))
    return _write(name, target, _contents(_PATTERNS / kind), lambda text: _rename(text, name, title))


def copy_environment(bundled: str, name: str, root: Path, *, code: bool = False) -> Made:
    """A bundled environment's files, to be edited.

    Args:
        bundled: its name.
        name: the copy's; with another name than the bundled one's the copy is an environment beside it.
        root: the working directory.
        code: copy the Python too. It is then the user's own, in a process of its own.

    Raises:
        DefinitionError: there is no such environment, or the name is taken.
    """
    source = BUNDLED / FOLDER / bundled
    known = sorted(path.parent.parent.name for path in (BUNDLED / FOLDER).glob("*/configs/*.yaml"))
    if bundled not in known:
        raise DefinitionError(f"no bundled environment is called {bundled!r}{closest_or_all(bundled, set(known))}")
    contents = {path: text for path, text in _contents(source).items() if code or not path.endswith(".py")}
    made = _write(name, _target(name, root), contents, lambda text: _as_copy(text, bundled, name, code=code))
    return Made(made.name, made.folder, made.files, bundled)


def _target(name: str, root: Path) -> Path:
    if not _NAME.fullmatch(name):
        mended = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")
        hint = f", such as {mended}" if _NAME.fullmatch(mended) else ""
        raise DefinitionError(f"{name!r} is no name: take small letters, digits and _, a letter first{hint}")
    target = root / FOLDER / name
    if target.exists():
        raise DefinitionError(f"{target} is there already: take another name, or move it out of the way")
    return target


def _contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.name != "__init__.py"
    }


def _write(name: str, target: Path, contents: Mapping[str, str], renamed: Callable[[str], str]) -> Made:
    files: list[str] = []
    try:
        for path, text in contents.items():
            place = target / renamed(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(renamed(text), encoding="utf-8")
            files.append(str(place.relative_to(target)))
    except OSError as error:
        raise DefinitionError(f"{target} cannot be written: {error.strerror or error}") from error
    return Made(name, target, tuple(sorted(files)))


def _rename(text: str, name: str, title: str) -> str:
    return text.replace(_OLD_CLASS, title).replace(_OLD, name)


def _as_copy(text: str, bundled: str, name: str, *, code: bool) -> str:
    """A copied file's path or text; under another name the blocks, the agents and the paths in it have that name."""
    if bundled == name:
        return text
    word = rf"\b{re.escape(bundled)}(?=(?:_simple_agent)?\b)"
    if code:
        return re.sub(word, name, text)
    # The implementation stays the bundled one: it is the line that stands under `resources_servers:`.
    kept = re.sub(rf"(resources_servers:\n\s+){re.escape(bundled)}:", r"\1<implementation>:", text)
    kept = re.sub(word, name, kept)
    kept = re.sub(r"((?:_fpath|_path|prompt_file):\s*)(?!\.?/|resources_servers/)(\S)", rf"\1{FOLDER}/{name}/\2", kept)
    return kept.replace("<implementation>:", f"{bundled}:")
