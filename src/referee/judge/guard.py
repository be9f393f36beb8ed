"""Keeps a row's text from acting as structure: breaks up what could forge the prompt's delimiters or a verdict.

A judge may quote the text it judges, and its model may take a tag in that text for the end of the material. So the few
strings that mean something in this judge's prompts and answers are broken by a space wherever they stand in a row's
text, in any case of letters: the configured labels, the thinking tokens, the delimiters that the template itself uses
(its tags, and its lines set apart by punctuation), and the control tokens of chat templates, which some endpoints
honour even inside a message. Nothing else is changed: `[[` alone is ordinary code.

What this cannot do: a label that is an ordinary word (`yes`, `A`) cannot be told from the text, nor can a fence that
every code block uses; look-alike letters and zero-width characters are left as they are, as no parser reads them as
the label. `judge.injection.audit` measures what is left for a given judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_TAG = re.compile(r"</?([A-Za-z][\w-]*)>")
_DELIMITER = re.compile(
    r"""  \#{1,6}[ ]\S.*          # ## Answer
        | \[[^\[\]]+\]          # [Start of the answer]
        | <[^<>]+>               # <|Start of the answer|>
        | ([-=*~\#+_<>|])\1\1.*\w.*  # === Answer ===
    """,
    re.VERBOSE,
)
_CONTROL = (
    ("<|", r"<\|\w{1,40}\|>"),  # ChatML, Llama 3, gpt-oss, Phi
    ("<｜", r"<｜[^<>\n]{1,40}｜>"),  # DeepSeek
    ("inst]", r"\[/?INST\]"),  # Llama 2, Mistral
    ("_prompt]", r"\[/?SYSTEM_PROMPT\]"),  # Mistral
    ("sys>>", r"<</?SYS>>"),  # Llama 2
    ("_of_turn>", r"<(?:start|end)_of_turn>"),  # Gemma
    ("<extra_id_", r"<extra_id_\d>"),  # Nemotron
    ("<special_", r"<SPECIAL_\d{1,3}>"),  # Nemotron
)
"""Chat templates' control tokens: a piece that each must contain, and its pattern."""
_ORDINARY = set(" -'’/.,")


class Guard:
    """Breaks up, in a row's text, the strings that mean something in this judge's prompts and answers.

    Args:
        words: labels and thinking tokens.
        literals: what the templates say themselves, with a NUL wherever a value is inserted.
    """

    def __init__(self, words: Iterable[str], literals: Iterable[str] = ()) -> None:
        patterns = [*_CONTROL, *map(_as_pattern, filter(is_breakable, words))]
        for literal in literals:
            for name in _TAG.findall(literal):
                patterns.append((name.lower(), rf"<(?:/\s{{0,9}})?{re.escape(name)}(?:\s[^<>]{{0,200}})?>"))
            for line in filter(_is_delimiter, map(str.strip, literal.split("\n"))):
                # A heading is one only where it is a line of its own; the others are broken wherever they stand.
                begin, end = (r"(?<![^\n])[ \t]*", r"[ \t\r]*(?![^\n])") if line[0] == "#" else ("", "")
                patterns.append((line.lower(), begin + re.escape(line) + end))
        self._pattern = re.compile("|".join(dict.fromkeys(pattern for _, pattern in patterns)), re.IGNORECASE)
        # The pattern costs ten times as much as asking whether the text holds a piece of it, which is seldom so; and
        # most texts lack even the character that many of the pieces have.
        by_mark: dict[str, list[str]] = {}
        for core, pattern in dict.fromkeys(patterns):
            by_mark.setdefault(_mark_of(core, pattern), []).append(core)
        self._cores = tuple((mark, tuple(dict.fromkeys(cores))) for mark, cores in by_mark.items())
        # A pattern in any case, as parsers have for labels, takes more letters for the same than `lower` does: for s
        # and i these three; of letters beyond ASCII they are too many to be listed.
        self._foreign = any(letter.isalpha() and not letter.isascii() for core, _ in patterns for letter in core)

    def __call__(self, text: str) -> str:
        """`text` with each such string broken by a space, after its first character if that helps."""
        if not text.isascii() and (self._foreign or "ſ" in text or "ı" in text or "İ" in text):
            return self._broken(text)
        lowered = ""
        for mark, cores in self._cores:
            if mark in text:
                lowered = lowered or text.lower()
                for core in cores:
                    if core in lowered:
                        return self._broken(text)
        return text

    def _broken(self, text: str) -> str:
        broken = 1
        while broken:  # again, as strings that overlap are found one at a time
            text, broken = self._pattern.subn(_break, text)
        return text


def _as_pattern(word: str) -> tuple[str, str]:
    """A piece that each must contain, and the pattern: where a label has white space, any counts, or none."""
    parts = word.split()
    return max(parts, key=len).lower(), r"\s*".join(map(re.escape, parts))


def _mark_of(core: str, pattern: str) -> str:
    """A character that each text with the pattern in it holds, whatever its case; empty where there is none."""
    if pattern.startswith("<"):
        return "<"
    marks = [letter for letter in core if letter.isascii() and not letter.isalnum() and not letter.isspace()]
    return "]" if "]" in marks else marks[0] if marks else ""


def is_breakable(word: str) -> bool:
    """Whether a label can be told from ordinary text: `[[A]]` and `1_full_compliance` can, `yes` and `A` cannot."""
    ordinary = all(letter.isalnum() or letter in _ORDINARY for letter in word)
    return len(word) > 2 and not ordinary and any(len(part) > 1 for part in word.split())


def _is_delimiter(line: str) -> bool:
    """Whether a line of a template says that another part of the prompt begins or ends."""
    return len(line) <= 80 and "\0" not in line and not _TAG.fullmatch(line) and bool(_DELIMITER.fullmatch(line))


def _break(match: re.Match[str]) -> str:
    # Between two characters that stand together: where there is white space, more of it would change nothing.
    return re.sub(r"(?<=\S)(?=\S)", " ", match.group(), count=1)
