"""Secrets: never given back, encrypted where they lie, readable after a rotation, bound to their row."""

from __future__ import annotations

import base64
import os

import pytest
from running_platform import Platform
from typer.testing import CliRunner

from referee.cli import app
from referee.errors import PlatformError, SecretError
from referee.platform.keyring import read_secret
from referee.platform.services import Services
from referee.platform.settings import Settings
from referee.platform.vault import Vault

VALUE = "a very secret value 0123456789"


@pytest.fixture
def services(tmp_path):
    opened = Services(Settings(data=tmp_path / "data"))
    yield opened
    opened.close()


def keep(services, name="key", value=VALUE):
    from referee.platform.routes.secrets import NewSecret, create

    create("default", NewSecret(name=name, value=value), services)


def test_no_route_gives_a_value_back(platform, tmp_path):
    made = platform.post(platform.secrets, {"name": "key", "value": VALUE, "description": "d"})
    assert made.status == 201
    assert set(made.json) == {"name", "workspace", "description", "created_at", "updated_at"}
    refused = platform.post(platform.secrets, {"name": "key", "value": VALUE})
    assert refused.detail == "Secret 'ws/key' already exists"
    changed = platform.call("PATCH", f"{platform.secrets}/key", {"value": VALUE + "!"})
    wrong = platform.post(platform.secrets, {"name": "--", "value": {"no": VALUE}})
    assert wrong.status == 422
    listed, one = platform.get(platform.secrets), platform.get(f"{platform.secrets}/key")
    assert platform.get(f"{platform.secrets}/key/access").status == 404
    for answer in (made, refused, changed, wrong, listed, one):
        assert VALUE not in answer.body.decode()
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or VALUE.encode() not in file.read_bytes()
    assert platform.delete(f"{platform.secrets}/key").status == 204
    assert platform.get(f"{platform.secrets}/key").detail == "Secret 'key' not found in workspace 'ws'"


def test_the_key_file_is_for_its_owner_alone(services):
    assert (services.folder / "key").stat().st_mode & 0o777 == 0o600
    (services.folder / "key").chmod(0o644)
    with pytest.raises(PlatformError, match="chmod 600"):
        Vault(services.folder)


def test_a_rotation_keeps_every_value_and_forgets_the_old_key(services):
    keep(services)
    before = (services.folder / "key").read_text()
    assert services.vault.rotate(services.database) == 1
    assert (services.folder / "key").read_text() != before
    assert len((services.folder / "key").read_text().split()) == 1
    assert read_secret(services, "key", "default") == VALUE
    services.vault = Vault(services.folder)
    assert read_secret(services, "key", "default") == VALUE


def test_keys_of_the_environment(services):
    keep(services)
    old = (services.folder / "key").read_text().strip()
    new = base64.b64encode(os.urandom(32)).decode()
    services.vault = Vault(services.folder, {"REFEREE_PLATFORM_KEY": f"{new},{old}"})
    assert read_secret(services, "key", "default") == VALUE
    services.vault.rotate(services.database)
    services.vault = Vault(services.folder, {"REFEREE_PLATFORM_KEY": new})
    assert read_secret(services, "key", "default") == VALUE
    services.vault = Vault(services.folder, {})
    with pytest.raises(SecretError, match="which is not here"):
        read_secret(services, "key", "default")


@pytest.mark.parametrize("given", ["short", base64.b64encode(b"x" * 16).decode(), "€"])
def test_a_key_that_is_none(tmp_path, given):
    with pytest.raises(PlatformError, match="32 random bytes"):
        Vault(tmp_path, {"REFEREE_PLATFORM_KEY": given})


def test_rows_cannot_be_swapped(services):
    from sqlalchemy import select

    from referee.platform.store.tables import Secret

    keep(services)
    keep(services, "other", "another")
    with services.database.writing() as session:
        key, other = session.scalars(select(Secret).order_by(Secret.name))
        key.sealed, other.sealed = other.sealed, key.sealed
    with pytest.raises(SecretError, match="was changed in the database"):
        read_secret(services, "key", "default")


def test_a_workspace_reads_its_own(services):
    keep(services)
    assert read_secret(services, "default/key", "default") == VALUE
    with pytest.raises(SecretError, match="of another workspace"):
        read_secret(services, "default/key", "system")
    with pytest.raises(SecretError, match="is not in workspace"):
        read_secret(services, "none", "default")
    assert read_secret(services, "NVIDIA_API_KEY", "default", {"nvidia_api_key": "key"}) == VALUE


def test_a_server_started_again_knows_its_secrets(tmp_path):
    settings = Settings(data=tmp_path / "data")
    with Platform(settings) as first:
        first.make_workspace()
        first.post(first.secrets, {"name": "key", "value": VALUE})
    with Platform(settings) as second:
        assert second.get(f"{second.secrets}/key").status == 200


def test_the_command_that_rotates(tmp_path):
    services = Services(Settings(data=tmp_path / "data"))
    keep(services)
    services.close()
    before = (tmp_path / "data" / "key").read_text()
    result = CliRunner().invoke(app, ["secrets", "rotate", "--data", str(tmp_path / "data")])
    assert result.output == "1 secret is encrypted under the new key\n"
    assert (tmp_path / "data" / "key").read_text() != before
    services = Services(Settings(data=tmp_path / "data"))
    assert read_secret(services, "key", "default") == VALUE
    refused = CliRunner().invoke(app, ["secrets", "rotate", "--data", str(tmp_path / "data")])
    services.close()
    assert refused.exit_code == 1
    assert "another server is at work" in refused.output
