"""`Vault`: secrets encrypted with AES-GCM under a key that lies beside the database, or in the environment.

The key file (`key`, readable by its owner alone) or `REFEREE_PLATFORM_KEY` holds one or more keys: secrets are sealed
under the first and opened under any. A value is bound to its secret's id, so that rows of the table cannot be swapped.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select

from referee.errors import PlatformError, SecretError
from referee.platform.store.database import Database
from referee.platform.store.tables import Secret

KEY_FILE = "key"
VARIABLE = "REFEREE_PLATFORM_KEY"
_BYTES = 32
_NONCE = 12
_HOW = "32 random bytes in base64, as `openssl rand -base64 32` makes them"


class Vault:
    """Seals and opens values.

    Args:
        folder: where the key file is; it is made where there is none and the environment names no key.
        environment: where `REFEREE_PLATFORM_KEY` is looked for.

    Raises:
        PlatformError: the key cannot be read, or the file can be read by others.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._file = folder / KEY_FILE
        given = environment.get(VARIABLE, "").strip()
        self._from_environment = bool(given)
        self._use(_keys(given, VARIABLE) if given else self._read_file())

    def seal(self, secret_id: str, value: str) -> tuple[str, bytes]:
        """The id of the key in use, and the value encrypted under it."""
        nonce = os.urandom(_NONCE)
        return self._current, nonce + AESGCM(self._keys[self._current]).encrypt(
            nonce, value.encode(), _bound(secret_id)
        )

    def open(self, secret: Secret) -> str:
        """The value of a secret.

        Raises:
            SecretError: its key is not here any more, or the row was changed.
        """
        key = self._keys.get(secret.key_id)
        if key is None:
            raise SecretError(
                f"the secret {secret.name!r} is encrypted under the key {secret.key_id}, which is not here: "
                f"give it after the current one in {VARIABLE} or the key file, or set the secret anew"
            )
        nonce, sealed = secret.sealed[:_NONCE], secret.sealed[_NONCE:]
        try:
            return AESGCM(key).decrypt(nonce, sealed, _bound(secret.id)).decode()
        except InvalidTag as error:
            raise SecretError(f"the secret {secret.name!r} was changed in the database: set it anew") from error

    def rotate(self, database: Database) -> int:
        """Encrypt all secrets under a new key and forget the old ones; says how many there are.

        Keys from the environment are rotated by putting the new one first: this then encrypts everything under it,
        and the others can be taken away. A crash on the way leaves every secret readable, and can be followed by
        another call.
        """
        if not self._from_environment:
            self._use([os.urandom(_BYTES), *self._keys.values()])
            self._write_file()
        with database.writing() as session:
            secrets = session.scalars(select(Secret).with_for_update()).all()
            for secret in secrets:
                if secret.key_id != self._current:
                    secret.key_id, secret.sealed = self.seal(secret.id, self.open(secret))
        if not self._from_environment:
            self._use([self._keys[self._current]])
            self._write_file()
        return len(secrets)

    def _use(self, keys: list[bytes]) -> None:
        self._keys = {sha256(b"referee key id" + key).hexdigest()[:16]: key for key in keys}
        self._current = next(iter(self._keys))

    def _read_file(self) -> list[bytes]:
        try:
            if self._file.stat().st_mode & 0o077:
                raise PlatformError(f"the key file {self._file} can be read by others: chmod 600 it")
            return _keys(self._file.read_text(encoding="ascii"), str(self._file))
        except FileNotFoundError:
            self._use([os.urandom(_BYTES)])
            self._write_file()
            return list(self._keys.values())
        except (OSError, UnicodeDecodeError) as error:
            raise PlatformError(f"the key file {self._file} cannot be read: {error}") from error

    def _write_file(self) -> None:
        part = self._file.with_name(f"{KEY_FILE}.part")
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"".join(base64.b64encode(key) + b"\n" for key in self._keys.values()))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self._file)


def _bound(secret_id: str) -> bytes:
    return secret_id.encode()


def _keys(text: str, where: str) -> list[bytes]:
    keys: list[bytes] = []
    for word in text.replace(",", " ").split():
        try:
            key = base64.b64decode(word, validate=True)
        except ValueError as error:  # also for what is no ASCII
            raise PlatformError(f"{where} holds something that is no key: give {_HOW}") from error
        if len(key) != _BYTES:
            raise PlatformError(f"{where} holds a key of {len(key)} bytes: give {_HOW}")
        keys.append(key)
    if not keys:
        raise PlatformError(f"{where} holds no key: give {_HOW}")
    return keys
