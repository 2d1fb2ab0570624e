"""The table of schemes: names that agree, and nothing imported for a reply that nobody signs."""

from __future__ import annotations

import os
import subprocess
import sys

from troth.verifiers.registry import SCHEMES, scheme_of

JUDGED = """
import sys
from datetime import UTC, datetime
from troth.domain.exchange import Exchange
from troth.verifiers.base import Facts
from troth.verifiers.registry import verdict_for
from troth.verifiers.trust import Trust

now = datetime.now(UTC)
head, body = (("content-type", "application/json"),), sys.argv[1].encode()
reply = Exchange("POST", "https://api.example/v1/chat", (), b"{}", 200, head, body, now, now, True)
print(verdict_for(reply, {}, Trust(), now, facts=Facts()).state)
print(*(n for n in sys.modules if n.startswith(("cryptography", "troth.verifiers"))))
"""


def judged(body: str) -> tuple[str, set[str]]:
    """Return the verdict on an answer, and what it had to import."""
    ran = subprocess.run(
        [sys.executable, "-c", JUDGED, body],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    state, modules = ran.stdout.splitlines()
    return state, {name.removeprefix("troth.verifiers.") for name in modules.split()}


def test_each_scheme_is_called_as_its_row() -> None:
    for name in SCHEMES:
        scheme = scheme_of(name)
        assert scheme is not None
        assert scheme.scheme == name
    assert scheme_of("tls") is None


def test_an_unsigned_reply_imports_no_scheme_and_no_curve() -> None:
    state, modules = judged('{"choices": [{"message": {"content": "a tee_signature, a signer"}}]}')
    assert state == "tls-only"
    assert not modules & {"cryptography", "opengradient", "aci", "near", "body_signature", "tdx"}


def test_a_reply_that_bears_the_marks_of_a_scheme_imports_that_one() -> None:
    state, modules = judged('{"choices": [], "tee_signature": "AAAA", "tee_id": "0x00"}')
    assert state != "tls-only"
    assert "opengradient" in modules
    assert not modules & {"aci", "near", "body_signature", "tdx"}
