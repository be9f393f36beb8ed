"""`workspace/fileset#path`: how a fileset, and a file or a pattern of files in it, is written in one text."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import RootModel

from referee.errors import APIError

_PATTERN = frozenset("*?[")


class FilesetRef(RootModel[str]):
    """A registered fileset, or files of it: `FilesetRef(root="workspace/name").with_fragment("data/*.jsonl")`."""

    root: str

    def with_fragment(self, fragment: str) -> FilesetRef:
        """The same fileset, narrowed to a path or a glob pattern in it.

        Raises:
            ValueError: the fragment is empty or has a `#`, or the reference has a fragment already.
        """
        found = fragment.lstrip("/")
        if not found or "#" in found:
            raise ValueError(f"the fragment is {fragment!r}: give a path or a pattern within the fileset, without '#'")
        if "#" in self.root:
            raise ValueError(f"{self.root} has a fragment already")
        return FilesetRef(root=f"{self.root}#{found}")

    def __str__(self) -> str:
        return self.root


@dataclass(frozen=True)
class Place:
    """Files of a fileset, taken apart: workspace, fileset, and the path in it, empty for all files."""

    workspace: str
    fileset: str
    path: str

    @property
    def is_pattern(self) -> bool:
        """Whether the path stands for whatever matches it."""
        return bool(_PATTERN & set(self.path))


def place(text: str, *, workspace: str | None, fileset: str | None) -> Place:
    """The place that a reference names: `workspace/fileset#path`, `fileset#path`, `fileset`, or, beside a `fileset`
    that is given, a path in it.

    Raises:
        APIError: it names no fileset, or no workspace is known.
    """
    path = text
    if "#" in text or (fileset is None and text):
        before, _, path = text.partition("#")
        owner, _, name = before.rpartition("/")
        workspace, fileset = owner or workspace, name or fileset
    if not fileset:
        raise APIError(f"{text!r} names no fileset: give fileset=…, or a path such as 'my-fileset#{text}'")
    if not workspace:
        raise APIError(f"{text!r} names no workspace: give workspace=… to the call or to the client")
    return Place(workspace, fileset, path.lstrip("/"))
