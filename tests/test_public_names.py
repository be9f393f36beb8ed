"""The names at the top of `referee`: complete, in order, and imported only when they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import referee


def test_every_public_name_is_there():
    for name in referee.__all__:
        assert getattr(referee, name).__module__.startswith("referee."), name


def test_public_names_are_sorted_and_known_to_type_checkers():
    tree = ast.parse(Path(referee.__file__).read_text())
    typed = [alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert referee.__all__ == sorted(set(typed) - {"annotations", "import_module", "TYPE_CHECKING"})


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Jugde'"):
        referee.Jugde  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import referee", "pydantic jinja2 aiohttp orjson yaml rich typer"),
        ("from referee.judge import Judge", "aiohttp rich typer numpy"),
        ("from referee.cli import app", "aiohttp orjson yaml jinja2 rich.live numpy"),
        ("from referee.cli.nemo import app", "aiohttp httpx2 fastapi sqlalchemy orjson yaml jinja2 rich.live"),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(statement, absent):
    code = f"{statement}; import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(absent.split()) & set(loaded)
