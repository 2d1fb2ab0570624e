"""Write the fixture vault of this schema version: `python -m vault.make_fixture` in `tests/`.

Run it once when a version is released and never again: later programs must open this very file.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

from troth.domain.message import Blob, BlobPart
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.vault import schema
from troth.vault.vault import Vault
from vault.samples import FLOOR_KIB, NOW, chat, exchange, rich_reply, said

VAULTS = Path(__file__).resolve().parents[1] / "vectors" / "vaults"
PASSPHRASE = "fixture passphrase"
PICTURE = b"\x89PNG\r\n\x1a\nfixture"


async def make(folder: Path) -> str:
    """Fill a vault with one of everything; return its recovery words."""
    created = await Vault.create(folder, PASSPHRASE, memory_kib=FLOOR_KIB)
    vault = created.vault
    await vault.add_conversation(chat(title="Knots, Größe, 結び目", system_prompt="Be brief."))
    await vault.append(said("question", "Wie knotet man ein 結び目?"))
    digest = hashlib.sha256(PICTURE).hexdigest()
    picture = BlobPart(Blob(digest, "image/png", len(PICTURE), "knot.png"), "a knot")
    rich = rich_reply(parent="question")
    parts = tuple(picture if isinstance(part, BlobPart) else part for part in rich.parts)
    sent = exchange(b'{"q":1}' * 4_000)
    await vault.append(replace(rich, parts=parts), exchange=sent, blobs={digest: PICTURE})
    await vault.append(said("other-question", "Another wording", parent=None), makes_head=False)
    verdict = Verdict(
        State.TLS_ONLY, "none", (Check("signature", Outcome.NOT_COVERED, "none was sent"),), NOW
    )
    await vault.record_verdict("reply", verdict)
    await vault.add_conversation(chat("second", title="In a folder"))
    await vault.append(said("alone", "a heron by the water", chat_id="second"))
    await vault.folders.put(["second"], "birds")
    await vault.folders.set_keep_days("birds", 3_650)
    await vault.folders.tag(["second"], "water")
    await vault.add_conversation(chat("gone", title="In the trash"))
    await vault.trash("gone")
    await vault.set_secret("openai", "sk-fixture")
    await vault.save_draft("chat", "half a thought")
    await vault.set_state("last_model", "openai/gpt-5.5")
    await vault.close()
    return created.recovery_words


def main() -> None:
    folder = VAULTS / f"v{schema.VERSION}"
    if folder.exists():
        sys.exit(f"{folder} is there: a released fixture is never made again")
    words = asyncio.run(make(folder))
    for name in ("vault.json.bak", "vault.seen"):  # times are not kept by a repository
        (folder / name).unlink()
    (folder / "secrets.json").write_text(
        json.dumps({"passphrase": PASSPHRASE, "recovery_words": words}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
