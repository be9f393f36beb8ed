"""Cuts the Python code out of a tutorial's plain text, in which nothing marks where code begins and ends.

A paragraph is code, whole or from one of its lines on, if that parses, alone or together with the paragraphs after it
(a text in triple quotes has empty lines), and is more than a bare name, as the headings "Tip" and "Note" are. What is
indented goes on with the code before it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

_LONGEST = 12


@dataclass(frozen=True)
class Block:
    """Code, with the heading of the section that it stands in."""

    section: str
    code: str


def blocks(text: str, headings: tuple[str, ...]) -> list[Block]:
    """The blocks of a tutorial in their order; `headings` are the lines that begin a section."""
    paragraphs = [part.strip("\n") for part in text.replace("\r\n", "\n").split("\n\n") if part.strip()]
    found: list[Block] = []
    section = ""
    at = 0
    while at < len(paragraphs):
        if paragraphs[at].strip() in headings:
            section = paragraphs[at].strip()
        for rest in _ends(paragraphs[at]):
            following = [rest, *paragraphs[at + 1 : at + _LONGEST]]
            if length := _code_length(following):
                found.append(Block(section, "\n\n".join(following[:length])))
                at += length - 1
                break
        at += 1
    return found


def _ends(paragraph: str) -> list[str]:
    """The paragraph, and what is left of it from each of its lines on that is not indented."""
    lines = paragraph.split("\n")
    return ["\n".join(lines[at:]) for at, line in enumerate(lines) if at == 0 or not line.startswith(" ")]


def _code_length(paragraphs: list[str]) -> int:
    """How many of the paragraphs, from the first on, are one block of code; 0 where none is."""
    for length in range(1, len(paragraphs) + 1):
        if _is_code("\n\n".join(paragraphs[:length])):
            while length < len(paragraphs) and _goes_on(paragraphs, length):
                length += 1
            return length
    return 0


def _goes_on(paragraphs: list[str], length: int) -> bool:
    return paragraphs[length].startswith(" ") and _is_code("\n\n".join(paragraphs[: length + 1]))


def _is_code(text: str) -> bool:
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return False
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Name)) for node in body)
