"""Which values are secrets, and a tree without them.

A value is one by its key (`openai_api_key`, `hf_token`, an `Authorization` header), by being the password in a url,
or by repeating a value that is one. Numbers never are: `max_output_tokens` stays readable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from referee.gym.configuration.values import SERVER_KINDS

HIDDEN = "****"
_SECRET_WORDS = re.compile(
    r"api_?keys?|keys?|tokens?|secrets?|password|passwords|passwd|credentials?|authorization|cookie|bearer",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):([^/\s@]+)@")
_PLAIN_NAME = re.compile(r"[a-z_]*|.{,7}", re.DOTALL)


def is_secret_key(key: object) -> bool:
    """Whether what stands under this key is hidden."""
    return isinstance(key, str) and any(map(_SECRET_WORDS.fullmatch, _WORD.findall(key)))


def hide_secrets(tree: Any) -> Any:
    """A copy of a plain tree in which every secret reads `****`."""
    # What is short, or a name like `created_at`, is hidden where it stands and not looked for elsewhere: it may be in
    # any text, and a prompt must stay as it is.
    repeated = {value for value in _secrets(tree, False) if not _PLAIN_NAME.fullmatch(value)}
    return _hidden(tree, False, sorted(repeated, key=len, reverse=True))


def _secrets(tree: Any, secret: bool) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in cast(dict[Any, Any], tree).items():
            yield from _secrets(value, is_secret_key(key))
    elif isinstance(tree, list):
        for value in cast(list[Any], tree):
            yield from _secrets(value, secret)
    elif isinstance(tree, str) and secret:
        yield tree


def _hidden_server(named: dict[Any, Any], repeated: list[str]) -> dict[Any, Any]:
    # Names of servers and of implementations are no keys of secrets: clients must find a server called `token_game`.
    return {implementation: _hidden(settings, False, repeated) for implementation, settings in named.items()}


def _hidden(tree: Any, secret: bool, repeated: list[str]) -> Any:
    if isinstance(tree, dict):
        items = cast(dict[Any, Any], tree).items()
        return {
            key: _hidden_server(value, repeated)
            if key in SERVER_KINDS and isinstance(value, dict)
            else _hidden(value, secret or is_secret_key(key), repeated)
            for key, value in items
        }
    if isinstance(tree, list):
        return [_hidden(value, secret, repeated) for value in cast(list[Any], tree)]
    if not isinstance(tree, str):
        return tree
    if secret:
        return HIDDEN if tree else tree
    for value in repeated:
        tree = tree.replace(value, HIDDEN)
    return _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", tree)
