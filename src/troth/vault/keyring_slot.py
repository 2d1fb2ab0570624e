"""The keyring slot's key in the operating system's keyring, through a child process.

A keyring can hang for minutes on D-Bus, prompt behind the screen, or be a stub that says yes and
keeps nothing. So it runs in a child with a time limit, only backends that are known to encrypt are
used, and what was written is read back. The key travels by pipe, never by argv or environment.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import subprocess
import sys
from typing import cast

from troth.domain.error import KeyringFailed
from troth.private import environment_for_child

TIMEOUT_S = 3.0


def store(account: str, key: bytes) -> None:
    """Keep `key` and read it back. Raises KeyringFailed."""
    _ask("set", account, base64.b64encode(key).decode("ascii"))
    if load(account) != key:
        raise KeyringFailed(detail="the keyring said yes but kept nothing")


def load(account: str) -> bytes | None:
    """Return the stored key; None when there is none. Raises KeyringFailed."""
    found = _ask("get", account)
    if found is None:
        return None
    try:
        return base64.b64decode(found, validate=True)
    except binascii.Error as error:
        raise KeyringFailed(detail="the keyring holds something that is not ours") from error


def remove(account: str) -> None:
    """Raises KeyringFailed; removing what is not there is fine."""
    _ask("delete", account)


def _ask(action: str, account: str, secret: str | None = None) -> str | None:
    request = json.dumps({"action": action, "account": account, "secret": secret})
    command = [sys.executable, "-m", "troth.vault.keyring_child"]
    try:
        done = subprocess.run(  # noqa: S603  # our own module, no shell
            command,
            input=request,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            env=environment_for_child(os.environ),
        )
        answer = cast("dict[str, str | None]", json.loads(done.stdout))
    except subprocess.TimeoutExpired as error:
        raise KeyringFailed(detail=f"the keyring did not answer within {TIMEOUT_S:g} s") from error
    except (OSError, ValueError) as error:
        raise KeyringFailed(detail="the keyring could not be asked") from error
    if (fault := answer.get("error")) is not None:
        raise KeyringFailed(detail=fault)
    return answer.get("secret")
