"""Names and references as the contract has them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

Name = Annotated[
    str,
    Field(
        min_length=2,
        max_length=63,
        pattern=r"^[a-z][a-z0-9\-@.+_]{1,62}$",
        description="Begins with a lower-case letter; lower-case letters, digits and -@.+_ follow.",
    ),
    AfterValidator(lambda name: _no_stray_hyphens(name)),
]
"""The name of a workspace or of something in one."""

Text = Annotated[str, Field(max_length=10_000)]
"""A description."""


def _no_stray_hyphens(name: str) -> str:
    if "--" in name or name.endswith("-"):
        raise ValueError("a name has no two hyphens in a row and none at its end")
    return name


def split_reference(reference: str, workspace: str) -> tuple[str, str]:
    """Workspace and name of `name` or `workspace/name`; without one it is `workspace`."""
    place, slash, name = reference.partition("/")
    return (place, name) if slash else (workspace, reference)
