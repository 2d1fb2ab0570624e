"""What a question waits for: no module is loaded before its request leaves that it does not need.

Each costs a millisecond or more, and together they were half of the start (`cli_start.py`).
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cli_runs import Troth
from servers import ScriptedServer

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="the event loop of Windows connects unseen by audit hooks"
)

MODULES_AT_FIRST_CONNECTION = """
import sys

seen = []

def note(event, arguments):
    if event == "socket.connect" and not seen:
        seen.extend(sys.modules)

sys.addaudithook(note)
sys.argv[:] = ["troth", *sys.argv[1:]]
from troth.__main__ import main
main()
print(*sorted(seen), file=sys.stderr)
"""

FOREIGN = {
    "Crypto", "cbor2", "click", "coincurve", "eth_account", "keyring", "markdown_it",
    "platformdirs", "pydantic", "pygments", "rich", "textual", "tomlkit", "xllamacpp",
}  # fmt: skip
OURS = {
    "troth.engine.amend", "troth.engine.batch", "troth.engine.comparison",
    "troth.engine.comparison_state", "troth.engine.comparisons", "troth.engine.exporting",
    "troth.engine.importing", "troth.engine.judging", "troth.engine.opengradient",
    "troth.engine.payment", "troth.engine.rating", "troth.engine.receipts", "troth.explain",
    "troth.local.gguf", "troth.local.installer", "troth.local.process", "troth.local.weights",
    "troth.providers.anthropic", "troth.providers.error_kinds", "troth.providers.gemini",
    "troth.providers.ollama", "troth.providers.openai_responses", "troth.settings.recovery",
    "troth.transfer", "troth.tui", "troth.vault.check", "troth.vault.copying",
    "troth.vault.folders", "troth.vault.inbox", "troth.vault.intake", "troth.vault.making",
    "troth.vault.organize", "troth.vault.query", "troth.vault.rekey", "troth.vault.search",
    "troth.vault.slots", "troth.vault.transfer", "troth.vault.upkeep", "troth.verifiers",
}  # fmt: skip
ONLY_WITH_A_VAULT = {
    "cryptography", "troth.vault.freshness", "troth.vault.header_file", "troth.vault.keyfile",
    "troth.vault.keyring_slot", "troth.vault.unlock", "troth.vault.words",
}  # fmt: skip


def loaded_when_asking(troth: Troth) -> set[str]:
    """Return what was loaded when the request's connection was opened."""
    done = subprocess.run(
        [sys.executable, "-c", MODULES_AT_FIRST_CONNECTION, "ask", "-m", "mine/m1", "hello"],
        capture_output=True,
        text=True,
        env=troth.full_environ(),
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split())


def test_a_question_loads_nothing_that_it_does_not_need(
    troth: Troth, provider: ScriptedServer
) -> None:
    modules = loaded_when_asking(troth)
    assert len(provider.requests) == 1
    assert "troth.engine.run" in modules
    assert not modules & FOREIGN
    assert not modules & OURS
    assert not modules & ONLY_WITH_A_VAULT


def test_a_vault_adds_only_what_opens_it(with_vault: Troth, provider: ScriptedServer) -> None:
    modules = loaded_when_asking(with_vault)
    assert len(provider.requests) == 1
    assert "troth.vault.unlock" in modules
    assert not modules & FOREIGN
    assert not modules & OURS
