"""Crashes and damage: nothing acknowledged is lost, and no fault passes in silence.

The rounds here are few. TROTH_FAULT_ROUNDS=20 multiplies them (200 kills, 1,000 flips):
`TROTH_FAULT_ROUNDS=20 pytest tests/vault/test_faults.py tests/vault/test_power.py --timeout 3600`.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from troth.domain.error import VaultDamaged, VaultError, VaultOlder
from troth.vault.vault import Vault
from vault.samples import MadeVault, chat, said

ROUNDS = int(os.environ.get("TROTH_FAULT_ROUNDS", "1"))
PAGE = 4_096
REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def writer(made: MadeVault, name: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """Run `writer_child` on a vault."""
    path = os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY / "tests")))
    child = subprocess.Popen(
        [sys.executable, "-m", "vault.writer_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert child.stdin is not None
    order = {
        "directory": str(made.directory),
        "recovery_words": made.recovery_words,
        "name": name,
        "count": count,
    }
    with child:
        child.stdin.write(json.dumps(order) + "\n")
        child.stdin.flush()
        yield child


async def stored_ids(vault: Vault, name: str) -> list[str]:
    if await vault.conversation(name) is None:
        return []
    return [message.id for message in await vault.messages(name)]


async def test_a_killed_writer_loses_no_acknowledged_message(made: MadeVault) -> None:
    rng = random.Random(7)
    acknowledged: list[str] = []
    for _ in range(10 * ROUNDS):
        with writer(made, "chat", 1_000_000) as child:
            assert child.stdout is not None
            for _ in range(rng.randrange(1, 25)):
                acknowledged.append(child.stdout.readline().strip())
            child.kill()
            acknowledged += child.stdout.read().split()
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    assert [message for message in acknowledged if "-" in message] == acknowledged
    stored = await stored_ids(vault, "chat")
    assert stored[: len(acknowledged)] == acknowledged or set(acknowledged) <= set(stored)
    assert (await vault.upkeep.check()).is_sound
    await vault.close()


async def test_two_processes_write_at_once_and_both_are_whole(made: MadeVault) -> None:
    with writer(made, "left", 60) as left, writer(made, "right", 60) as right:
        for child in (left, right):
            output, _ = child.communicate()
            assert output.split()[-1] == "closed"
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    assert vault.notices == ()
    assert len(await stored_ids(vault, "left")) == len(await stored_ids(vault, "right")) == 60
    assert (await vault.upkeep.check()).is_sound
    await vault.close()


async def test_a_writer_elsewhere_is_noticed(made: MadeVault) -> None:
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    before = await vault.changes_elsewhere()
    await vault.add_conversation(chat("own"))
    assert await vault.changes_elsewhere() == before
    with writer(made, "other", 3) as child:
        child.communicate()
    assert await vault.changes_elsewhere() != before
    assert len(await stored_ids(vault, "other")) == 3
    await vault.close()


async def read_all(made: MadeVault) -> tuple[dict[str, object], tuple[str, ...]]:
    """Open a vault and read everything through its door, as a user would over time."""
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    try:
        found: dict[str, object] = {"notices": vault.notices}
        for conversation in await vault.conversations(is_archived=None):
            found[conversation.id] = (conversation, await vault.messages(conversation.id))
        found["exchange"] = await vault.exchange("reply")
        found["raw"] = await vault.raw_items(["reply"])
        found["secret"] = await vault.secret("openai")
        found["draft"] = await vault.draft("chat")
        hits = await vault.search("rope ", limit=10_000)
        found["search"] = [(hit.conversation_id, hit.message_id) for hit in hits]
        return found, vault.notices
    finally:
        await vault.close()


async def outcome(made: MadeVault, truth: dict[str, object]) -> str:
    """Return how a damaged vault was met: `refused`, `told`, or `silent` when it lied."""
    try:
        found, notices = await read_all(made)
    except VaultError:
        return "refused"
    if notices:
        return "told"
    return "whole" if found == truth else "silent"


@pytest.fixture
async def truth(full_vault: MadeVault, tmp_path: Path) -> dict[str, object]:
    return (await read_all(full_vault.copy_to(tmp_path / "truth")))[0]


async def test_a_flipped_bit_is_refused_or_changes_nothing(
    full_vault: MadeVault, tmp_path: Path, truth: dict[str, object]
) -> None:
    rng = random.Random(11)
    whole = full_vault.database.read_bytes()
    made = full_vault.copy_to(tmp_path / "flipped")
    refused = 0
    for _ in range(50 * ROUNDS):
        flipped = bytearray(whole)
        place = rng.randrange(len(flipped) * 8)
        flipped[place // 8] ^= 1 << place % 8
        restore_files(full_vault, made)
        made.database.write_bytes(flipped)
        met = await outcome(made, truth)
        assert met in {"refused", "told"}, f"bit {place}"
        refused += met == "refused"
    assert refused > 0.6 * 50 * ROUNDS  # the rest fell on free pages, and was told all the same


def restore_files(source: MadeVault, target: MadeVault) -> None:
    shutil.rmtree(target.directory)
    shutil.copytree(source.directory, target.directory)


def swap_pages(old: bytes, new: bytes, rng: random.Random) -> bytes:
    """Exchange two pages of the newer file."""
    pages = len(new) // PAGE
    left, right = rng.sample(range(1, pages), 2)
    swapped = bytearray(new)
    swapped[left * PAGE : (left + 1) * PAGE] = new[right * PAGE : (right + 1) * PAGE]
    swapped[right * PAGE : (right + 1) * PAGE] = new[left * PAGE : (left + 1) * PAGE]
    return bytes(swapped)


def stale_page(old: bytes, new: bytes, rng: random.Random) -> bytes:
    """Put one page of the older file, genuine in its day, into the newer one."""
    changed = [
        place
        for place in range(len(old) // PAGE)
        if old[place * PAGE : (place + 1) * PAGE] != new[place * PAGE : (place + 1) * PAGE]
    ]
    place = rng.choice(changed)
    mixed = bytearray(new)
    mixed[place * PAGE : (place + 1) * PAGE] = old[place * PAGE : (place + 1) * PAGE]
    return bytes(mixed)


def live_copy(old: bytes, new: bytes, rng: random.Random) -> bytes:
    """Take the first part from before some writes and the rest from after them."""
    cut = rng.randrange(1, len(new) // PAGE) * PAGE
    return old[:cut] + new[cut:] if rng.random() < 0.5 else new[:cut] + old[cut:]


def cut_short(old: bytes, new: bytes, rng: random.Random) -> bytes:
    return new[: rng.randrange(len(new))]


@pytest.mark.parametrize("damage", [swap_pages, stale_page, live_copy, cut_short])
@pytest.mark.parametrize("keeps_time", [False, True], ids=["touched", "time-forged"])
async def test_mixed_pages_are_never_silent(
    full_vault: MadeVault,
    tmp_path: Path,
    damage: Callable[[bytes, bytes, random.Random], bytes],
    keeps_time: bool,
) -> None:
    """With its time put back the file is not walked at open; then `check` still tells."""
    newer = full_vault.copy_to(tmp_path / "newer")
    vault = await Vault.open(newer.directory, recovery_words=newer.recovery_words)
    for number in range(6):
        await vault.update_conversation(chat(f"chat-{number}", title=f"Renamed {number}"))
    parent = "reply"
    for number in range(20):
        await vault.append(said(f"late-{number}", "late words on rope " * 20, parent=parent))
        parent = f"late-{number}"
    await vault.close()
    truth = (await read_all(newer.copy_to(tmp_path / "truth")))[0]
    old, new = full_vault.database.read_bytes(), newer.database.read_bytes()
    times = newer.database.stat()
    made = newer.copy_to(tmp_path / "mixed")
    rng = random.Random(13)
    for number in range(6 * ROUNDS):
        restore_files(newer, made)
        mixed = damage(old, new, rng)
        if mixed == new:
            continue
        made.database.write_bytes(mixed)
        if keeps_time:
            os.utime(made.database, ns=(times.st_atime_ns, times.st_mtime_ns))
        met = await outcome(made, truth)
        if met == "silent" and keeps_time:
            met = await checked(made)
        # "whole": a page that was written again with the same content, under another nonce
        legal = {"whole", "refused", "found by check"} if keeps_time else {"refused", "told"}
        assert met in legal, number


async def checked(made: MadeVault) -> str:
    try:
        vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    except VaultError:
        return "refused"
    report = await vault.upkeep.check()
    await vault.close()
    return "silent" if report.is_sound else "found by check"


@pytest.fixture
async def with_log(full_vault: MadeVault, tmp_path: Path) -> MadeVault:
    """A vault as a killed process leaves it: acknowledged messages only in the log."""
    made = full_vault.copy_to(tmp_path / "running")
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    parent = "reply"
    for number in range(30):
        await vault.append(said(f"in-log-{number}", f"only in the log {number}", parent=parent))
        parent = f"in-log-{number}"
    killed = made.copy_to(tmp_path / "killed")
    (killed.directory / "vault.db-shm").unlink(missing_ok=True)
    await vault.close()
    return killed


async def test_a_log_left_by_a_kill_is_taken_in(with_log: MadeVault) -> None:
    vault = await Vault.open(with_log.directory, recovery_words=with_log.recovery_words)
    assert vault.notices == ()
    assert [m.id for m in await vault.messages("chat")][-1] == "in-log-29"
    await vault.close()


async def test_a_lost_log_is_told_as_older_and_opens_when_accepted(with_log: MadeVault) -> None:
    (with_log.directory / "vault.db-wal").unlink()
    with pytest.raises(VaultOlder):
        await Vault.open(with_log.directory, recovery_words=with_log.recovery_words)
    vault = await Vault.open(
        with_log.directory, recovery_words=with_log.recovery_words, accept_older=True
    )
    assert "older-accepted" in vault.notices
    assert [m.id for m in await vault.messages("chat")][-1] == "reply"
    await vault.append(said("after", "life goes on", parent="reply"))
    await vault.close()
    vault = await Vault.open(with_log.directory, recovery_words=with_log.recovery_words)
    assert vault.notices == ()
    await vault.close()


async def test_a_cut_or_flipped_log_is_told(with_log: MadeVault, tmp_path: Path) -> None:
    log = with_log.directory / "vault.db-wal"
    whole = log.read_bytes()
    made = with_log.copy_to(tmp_path / "damaged")
    rng = random.Random(17)
    for _ in range(20 * ROUNDS):
        restore_files(with_log, made)
        damaged = bytearray(whole)
        if rng.random() < 0.5:
            del damaged[rng.randrange(len(damaged)) :]
        else:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        (made.directory / "vault.db-wal").write_bytes(damaged)
        try:
            vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
        except (VaultOlder, VaultDamaged):
            continue
        ids = [m.id for m in await vault.messages("chat")]
        await vault.close()
        assert ids[-1] == "in-log-29", "a shorter history opened without a word"


async def test_a_rollback_of_the_whole_file_is_told(full_vault: MadeVault, tmp_path: Path) -> None:
    made = full_vault.copy_to(tmp_path / "rolled")
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    await vault.append(said("late", "late", parent="reply"))
    await vault.close()
    shutil.copy2(full_vault.database, made.database)
    with pytest.raises(VaultOlder):
        await Vault.open(made.directory, recovery_words=made.recovery_words)


async def test_a_fork_of_the_same_age_is_told(full_vault: MadeVault, tmp_path: Path) -> None:
    ours, theirs = (full_vault.copy_to(tmp_path / name) for name in ("ours", "theirs"))
    for made, text in ((ours, "our words"), (theirs, "their words")):
        vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
        await vault.append(said("late", text, parent="reply"))
        await vault.close()
    shutil.copy2(theirs.database, ours.database)
    with pytest.raises(VaultOlder):
        await Vault.open(ours.directory, recovery_words=ours.recovery_words)


@pytest.mark.parametrize("content", [None, b"", b"x" * 96, b"\x00" * 200])
async def test_a_lost_or_damaged_sidecar_is_told_once(
    full_vault: MadeVault, tmp_path: Path, content: bytes | None
) -> None:
    made = full_vault.copy_to(tmp_path / "vault")
    sidecar = made.directory / "vault.seen"
    sidecar.unlink()
    if content is not None:
        sidecar.write_bytes(content)
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    assert "never-seen-here" in vault.notices
    await vault.close()
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    assert vault.notices == ()
    await vault.close()


async def test_a_database_of_another_vault_is_refused(
    full_vault: MadeVault, tmp_path: Path
) -> None:
    made = full_vault.copy_to(tmp_path / "vault")
    created = await Vault.create(tmp_path / "other", "other", memory_kib=65_536)
    await created.vault.close()
    shutil.copy2(tmp_path / "other" / "vault.db", made.database)
    with pytest.raises(VaultDamaged):
        await Vault.open(made.directory, recovery_words=made.recovery_words)


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00" + bytes(8_000), b"\x01" * 20_000])
async def test_a_foreign_or_empty_database_is_refused(made: MadeVault, content: bytes) -> None:
    made.database.write_bytes(content)
    with pytest.raises(VaultDamaged):
        await Vault.open(made.directory, recovery_words=made.recovery_words)
