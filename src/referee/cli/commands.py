"""A group of commands whose errors become messages and exit codes: what `referee` and `nemo` are made of."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from referee.cli.complaint import complain
from referee.errors import RefereeError
from referee.exits import ERROR, INTERRUPTED


class Commands(TyperGroup):
    """The commands, with their errors turned into messages and exit codes."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The list of commands as plain text: Typer's frames cost as much time as all else that is done for it."""
        super(TyperGroup, self).format_help(ctx, formatter)

    def invoke(self, ctx: Any) -> Any:
        program = ctx.find_root().info_name or "referee"
        try:
            return super().invoke(ctx)
        except RefereeError as error:
            complain(str(error), program)
            raise typer.Exit(ERROR) from error
        except BrokenPipeError:
            raise  # whoever read the output has enough of it
        except OSError as error:
            complain(f"{error.filename or 'the disk or a file'}: {error.strerror or error}", program)
            raise typer.Exit(ERROR) from error
        except KeyboardInterrupt as error:
            complain("interrupted", program)
            raise typer.Exit(INTERRUPTED) from error
