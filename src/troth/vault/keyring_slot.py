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
import queue
import subprocess
import sys
import threading
from typing import cast

from troth.domain.error import KeyringFailed
from troth.private import environment_for_child

TIMEOUT_S = 3.0
"""For the keyring itself, from the moment that the child stands."""
START_S = 30.0
"""For the child to start and to import: half a second, but seconds on a machine with much to do."""


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
    try:
        answer = _answer_of_child(request)
    except queue.Empty as error:
        raise KeyringFailed(detail=f"the keyring did not answer within {TIMEOUT_S:g} s") from error
    except (OSError, ValueError) as error:
        raise KeyringFailed(detail="the keyring could not be asked") from error
    if (fault := answer.get("error")) is not None:
        raise KeyringFailed(detail=fault)
    return answer.get("secret")


def _answer_of_child(request: str) -> dict[str, str | None]:
    """Raises queue.Empty when the time is up, ValueError for an answer that is none."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    child = subprocess.Popen(  # our own module, no shell
        [sys.executable, "-m", "troth.vault.keyring_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment_for_child(os.environ),
    )
    assert child.stdin is not None, "asked for above"
    reader = threading.Thread(target=_read_lines, args=(child, lines), daemon=True)
    with child:
        reader.start()
        try:
            if lines.get(timeout=START_S).strip() != "ready":
                raise ValueError("the child did not begin")
            child.stdin.write(request + "\n")
            child.stdin.flush()
            return cast("dict[str, str | None]", json.loads(lines.get(timeout=TIMEOUT_S)))
        finally:
            child.kill()
            reader.join(timeout=1)


def _read_lines(child: subprocess.Popen[str], lines: queue.SimpleQueue[str]) -> None:
    """Hand over the child's two lines; "" when it has ended."""
    assert child.stdout is not None, "asked for where it is started"
    for _ in range(2):
        lines.put(child.stdout.readline())
