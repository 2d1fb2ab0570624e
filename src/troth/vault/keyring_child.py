"""The child that talks to the keyring: says `ready`, then one JSON line in and one out.

Answers hold a secret or a fault, never both; a fault names the backend and the kind of error.
"""

from __future__ import annotations

import importlib
import json
import sys
from contextlib import suppress
from typing import Protocol, cast

import keyring
from keyring.backends.chainer import ChainerBackend

SERVICE = "troth"
TRUSTED_BACKENDS = (
    "keyring.backends.macOS.Keyring",
    "keyring.backends.Windows.WinVaultKeyring",
    "keyring.backends.SecretService.Keyring",
    "keyring.backends.kwallet.DBusKeyring",
    "keyring.backends.kwallet.DBusKeyringKWallet4",
    "keyring.backends.libsecret.Keyring",
)
"""Those that encrypt at rest. `keyrings.alt` writes plain text, `null` writes nothing."""


class Store(Protocol):
    """What is used of a backend."""

    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


def name_of(backend: object) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def trusted_backend() -> Store | None:
    """Return the user's own choice of backend, or the best of a chain, if it is on the list."""
    chosen = keyring.get_keyring()
    chain = list(chosen.backends) if isinstance(chosen, ChainerBackend) else [chosen]
    trusted = (backend for backend in chain if name_of(backend) in TRUSTED_BACKENDS)
    return cast("Store | None", next(trusted, None))


def answer(request: dict[str, str]) -> dict[str, str | None]:
    backend = trusted_backend()
    if backend is None:
        found = name_of(keyring.get_keyring())
        return {"error": f"no keyring that encrypts was found ({found})"}
    action, account = request["action"], request["account"]
    try:
        if action == "set":
            backend.set_password(SERVICE, account, request["secret"])
        elif action == "delete" and backend.get_password(SERVICE, account) is not None:
            backend.delete_password(SERVICE, account)
        elif action == "get":
            return {"secret": backend.get_password(SERVICE, account)}
    except Exception as error:  # noqa: BLE001  # backends raise what their system raises
        return {"error": f"{name_of(backend)}: {type(error).__name__}"}
    return {"secret": None}


def main() -> None:
    """Say when everything is imported: the time limit is for the keyring, not for the start."""
    with suppress(ImportError):
        importlib.import_module("secretstorage")  # the slow half of what backends import
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    request = cast("dict[str, str]", json.loads(sys.stdin.readline()))
    sys.stdout.write(json.dumps(answer(request)) + "\n")


if __name__ == "__main__":
    main()
