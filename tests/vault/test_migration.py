"""Vaults of every released version open in this one: a copy first, whole, whenever it is killed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from troth.domain.error import VaultDamaged, VaultNewer
from troth.domain.message import Finish, Role
from troth.domain.verdict import State
from troth.vault import migrate, opening, schema
from troth.vault.migrate import Step
from troth.vault.store import Store, connect
from troth.vault.vault import Vault, vault_status
from vault.make_fixture import PICTURE, VAULTS
from vault.samples import MadeVault, unlocked
from vault.test_faults import ROUNDS

REPOSITORY = Path(__file__).resolve().parents[2]


def fixture_of(version: int, folder: Path) -> tuple[MadeVault, str]:
    """Copy a released vault; return it with its passphrase."""
    source = VAULTS / f"v{version}"
    secrets = json.loads((source / "secrets.json").read_text())
    folder.mkdir(mode=0o700)
    for name in ("vault.json", "vault.db"):
        shutil.copyfile(source / name, folder / name)
    return MadeVault(folder, secrets["recovery_words"]), secrets["passphrase"]


def test_every_version_has_its_fixture() -> None:
    assert {int(path.name[1:]) for path in VAULTS.iterdir()} == set(range(1, schema.VERSION + 1))


@pytest.mark.parametrize("version", range(1, schema.VERSION + 1))
@pytest.mark.parametrize("by", ["passphrase", "recovery words"])
async def test_a_vault_of_that_version_opens_with_all_that_was_in_it(
    tmp_path: Path, version: int, by: str
) -> None:
    made, passphrase = fixture_of(version, tmp_path / "vault")
    if by == "passphrase":
        vault = await Vault.open(made.directory, passphrase=passphrase)
    else:
        vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    assert ("migrated" in vault.notices) == (version < schema.VERSION)
    assert (made.directory / f"vault.db.v{version}").exists() == (version < schema.VERSION)
    first, second = sorted(await vault.conversations(), key=lambda chat: chat.id)
    assert (first.title, first.system_prompt) == ("Knots, Größe, 結び目", "Be brief.")
    assert second.title == "In a folder"
    messages = {message.id: message for message in await vault.messages("chat")}
    assert messages.keys() == {"question", "reply", "other-question"}
    assert messages["question"].text == "Wie knotet man ein 結び目?"
    reply = messages["reply"]
    assert (reply.role, reply.parent_id) == (Role.ASSISTANT, "question")
    assert reply.finish is Finish.LENGTH
    assert reply.usage is not None
    assert reply.cost_usd == 0.0125
    assert len((await vault.raw_items(["reply"]))["reply"]) == 2
    assert await vault.blob(hashlib.sha256(PICTURE).hexdigest()) == PICTURE
    exchange = await vault.exchange("reply")
    assert exchange is not None
    assert exchange.request_body == b'{"q":1}' * 4_000
    assert (await vault.verdicts("chat"))["reply"].state is State.TLS_ONLY
    assert await vault.secret("openai") == "sk-fixture"
    assert await vault.draft("chat") == "half a thought"
    assert await vault.state("last_model") == "openai/gpt-5.5"
    assert await vault.folders.of_chats() == {"second": "birds"}
    assert await vault.folders.tags() == {"second": ("water",)}
    (folder,) = await vault.folders.listed()
    assert folder.keep_days == 3_650
    assert [hit.message_id for hit in await vault.search("結び目")] == [None, "question"]
    await vault.restore("gone")
    assert (await vault.upkeep.check()).is_sound
    await vault.close()


def add_a_column(store: Store) -> None:
    """A step as a next version may have it: a new table, and rows that change."""
    store.run("CREATE TABLE added(id INTEGER PRIMARY KEY, note TEXT) STRICT")
    store.run("UPDATE conversation SET persona = 'migrated'")


def fail_half_way(store: Store) -> None:
    store.run("CREATE TABLE half(x)")
    raise VaultDamaged(detail="the step fails")


async def test_a_step_that_fails_leaves_the_version_before_it(own_full: MadeVault) -> None:
    access = unlocked(own_full)
    store = opening.open_writer(access)
    steps: dict[int, Step] = {1: add_a_column, 2: fail_half_way}
    with pytest.raises(VaultDamaged):
        migrate.migrate(store, steps, 3)
    assert store.connection.pragma("user_version") == 2
    names = {name for (name,) in store.all(tuple[str], "SELECT name FROM sqlite_schema")}
    assert "added" in names
    assert "half" not in names
    opening.close_writer(store)
    copy = connect(own_full.directory / "vault.db.v1", access.keys.database)
    assert copy.pragma("user_version") == schema.VERSION
    assert len(copy.execute("SELECT * FROM message").fetchall()) == 122
    copy.close()


async def test_a_newer_vault_is_refused_and_left_as_it_is(own_full: MadeVault) -> None:
    access = unlocked(own_full)
    store = opening.open_writer(access)
    migrate.migrate(store, {schema.VERSION: add_a_column}, schema.VERSION + 1)
    opening.close_writer(store)
    before = own_full.database.read_bytes()
    for is_read_only in (False, True):
        with pytest.raises(VaultNewer):
            await Vault.open(
                own_full.directory,
                recovery_words=own_full.recovery_words,
                is_read_only=is_read_only,
            )
    assert own_full.database.read_bytes() == before
    assert vault_status(own_full.directory).problem is None  # only the key tells


MIGRATION_SCRIPT = """
import os, sys
from pathlib import Path
from troth.vault import copying, migrate, opening, schema
from vault.killing import kill_at
from vault.samples import MadeVault, unlocked
from vault.test_migration import add_a_column
counted = kill_at(int(sys.argv[3]))
migrate.sync_folder = counted(migrate.sync_folder)
copying.make_private_file = counted(copying.make_private_file)
copying.copy_pages = counted(copying.copy_pages)
Path.replace = counted(Path.replace)
os.write = counted(os.write)
def step(store):
    add_a_column(store)
    counted(lambda: None)()
migrate.STEPS, schema.VERSION = {1: step}, 2
migrate.migrate.__defaults__ = (migrate.STEPS, 2)
migrate.look.__defaults__ = (2,)
opening.close_writer(opening.open_writer(unlocked(MadeVault(Path(sys.argv[1]), sys.argv[2]))))
print("done")
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.parametrize("step", (1, 2, 3, 4, 5, 6) if ROUNDS == 1 else range(1, 12))
async def test_a_migration_killed_at_any_step_goes_on_where_it_was(
    own_full: MadeVault, step: int
) -> None:
    for kill_at in (step, 10_000):
        done = subprocess.run(
            [sys.executable, "-c", MIGRATION_SCRIPT, str(own_full.directory),
             own_full.recovery_words, str(kill_at)],
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY / "tests")))},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == -signal.SIGKILL or done.stdout == "done\n", done.stderr
        copy = own_full.directory / "vault.db.v1"
        if copy.exists():
            assert persona_and_messages(own_full, copy) == ("", 122)
    assert done.stdout == "done\n"
    assert copy.exists()
    assert persona_and_messages(own_full, own_full.database) == ("migrated", 122)
    assert not list(own_full.directory.glob("*.partial*"))


def persona_and_messages(made: MadeVault, path: Path) -> tuple[object, int]:
    """Return what a database holds: what the step changes of a chat, and how many messages."""
    connection = connect(path, unlocked(made).keys.database)
    (row,) = connection.execute("SELECT persona FROM conversation WHERE ulid = 'chat'").fetchall()
    count = connection.execute("SELECT id FROM message").fetchall()
    connection.close()
    return row[0], len(count)
