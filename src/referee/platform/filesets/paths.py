"""Paths of files in a fileset, and the fragments (`#path` or `#pattern`) that name them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fastapi import HTTPException

LONGEST = 1024
_MAGIC = re.compile(r"[*?\[]")


def clean_path(path: str) -> str:
    """The path as it is kept.

    Raises:
        HTTPException: 400, it leads elsewhere or cannot be a file's.
    """
    parts = path.split("/")
    unprintable = any(ord(letter) < 32 or letter in "\\\x7f" for letter in path)
    if unprintable or len(path) > LONGEST or any(part in ("", ".", "..") for part in parts):
        raise HTTPException(
            400,
            f"the path {path[:200]!r} cannot be a file's: give names joined by /, without . and .., backslashes and "
            f"control characters, {LONGEST} characters at most",
        )
    return path


def is_pattern(fragment: str) -> bool:
    """Whether a fragment may stand for several files."""
    return bool(_MAGIC.search(fragment))


def matching(fragment: str | None, paths: Iterable[str]) -> list[str]:
    """The paths that a fragment stands for, in sorted order; all of them where there is none.

    A path that is there is itself, whatever letters are in it. In a pattern `*` and `?` stay within one folder, `**`
    goes through folders. A folder's name stands for what is in it.
    """
    known = sorted(paths)
    if not fragment:
        return known
    if fragment in known:
        return [fragment]
    if is_pattern(fragment):
        compiled = re.compile(_regex(fragment))
        return [path for path in known if compiled.fullmatch(path)]
    return [path for path in known if path.startswith(f"{fragment.rstrip('/')}/")]


def _regex(pattern: str) -> str:
    out: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            out.append("(?:.*/)?")
            at += 3
        elif pattern.startswith("**", at):
            out.append(".*")
            at += 2
        elif pattern[at] == "*":
            out.append("[^/]*")
            at += 1
        elif pattern[at] == "?":
            out.append("[^/]")
            at += 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            inside = pattern[at + 1 : end]
            negated = inside[0] in "!^"
            chosen = re.sub(r"([\\\[\]&~|^])", r"\\\1", inside[negated:])
            try:
                re.compile(f"[{chosen}]")
                out.append(f"[{'^/' if negated else ''}{chosen}]")
            except re.error:
                out.append(re.escape(pattern[at : end + 1]))
            at = end + 1
        else:
            out.append(re.escape(pattern[at]))
            at += 1
    return "".join(out)
