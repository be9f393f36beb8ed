"""Finding secrets by name, where something runs: the only way from the vault to a value."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from referee.errors import SecretError
from referee.platform.names import split_reference
from referee.platform.services import Services
from referee.platform.store.tables import Secret, Workspace


def read_secret(services: Services, reference: str, workspace: str, aliases: Mapping[str, str] | None = None) -> str:
    """The value of a secret.

    Args:
        services: with database and vault.
        reference: `name`, or `workspace/name` where that is the same workspace.
        workspace: whose secrets may be read.
        aliases: other names for secrets, as a submitted bundle gives them.

    Raises:
        SecretError: there is none of this name.
    """
    for name in dict.fromkeys([reference, *(_aliased(reference, aliases or {}))]):
        place, bare = split_reference(name, workspace)
        if place != workspace:
            raise SecretError(f"the secret {name!r} is of another workspace: a job in {workspace!r} reads its own only")
        with services.database.reading() as session:
            rows = select(Secret).join(Workspace, Workspace.id == Secret.workspace_id)
            secret = session.scalar(rows.where(Workspace.name == workspace, Secret.name == bare))
        if secret is not None:
            return services.vault.open(secret)
    raise SecretError(
        f"the secret {reference!r} is not in workspace {workspace!r}: create it there, or name another one in "
        "api_key_secret"
    )


def _aliased(reference: str, aliases: Mapping[str, str]) -> list[str]:
    plain = reference.replace("-", "_").replace("/", "_")
    return [aliases[spelling] for spelling in (reference, plain, plain.lower()) if spelling in aliases]
