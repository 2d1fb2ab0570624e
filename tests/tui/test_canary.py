"""A hunt on the running app: canary words, a canary key and the passphrase are nowhere outside."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal is needed", allow_module_level=True)

from cli_runs import Troth
from servers import ScriptedServer, openai_chat_stream
from troth.engine.engine import Engine
from troth.settings import find_paths
from troth.vault.vault import Vault
from tui.pty_app import PtyApp

PASSPHRASE = "canary passphrase forest lamp 7731"
KEY = "sk-canary-key-90f21c"
ASKED, ANSWERED, DRAFT, PROMPT = (
    "canary-asked-11",
    "canary-answered-22",
    "canary-draft-33",
    "canary-cli-44",
)
CANARIES = [word.encode() for word in (PASSPHRASE, KEY, ASKED, ANSWERED, DRAFT, PROMPT)]


async def make_home(home: Path, url: str, editor: str = "cat") -> str:
    """Return the recovery words of its vault."""
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text(
        f'default_model = "s/alpha"\neditor = "{editor}"\n[providers.s]\nwire = "openai-chat"\n'
        f'base_url = "{url}/v1"\n',
        "utf-8",
    )
    made = await Vault.create(home / "data", PASSPHRASE, memory_kib=65_536)
    environ = {"TROTH_HOME": str(home)}
    engine = await Engine.open(paths=find_paths(environ), vault=made.vault, environ=environ)
    await engine.providers.set_key("s", KEY)
    await engine.close()
    return made.recovery_words


def found_in(folder: Path, canaries: Sequence[bytes] = CANARIES) -> list[str]:
    """Return every file below `folder` that holds a canary, names included."""
    hits: list[str] = []
    for path in folder.rglob("*"):
        content = str(path).encode() + (path.read_bytes() if path.is_file() else b"")
        hits += [f"{path}: {canary!r}" for canary in canaries if canary in content]
    return hits


def family_of(pid: int) -> list[int]:
    """Return a process and all below it."""
    found = [pid]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += family_of(int(entry.name))
    return found


def seen_from_outside(pid: int) -> bytes:
    """Return argv and environment of a process and its children, as others may read them."""
    content = b""
    for process in family_of(pid):
        for name in ("cmdline", "environ"):
            try:
                content += Path(f"/proc/{process}/{name}").read_bytes()
            except OSError:
                continue  # it ended, or it is closed to us: both are fine
    return content


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
async def test_canaries_are_found_nowhere_but_in_the_vault(tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    temporary.mkdir()
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    places = {"TMPDIR": str(temporary), "XDG_RUNTIME_DIR": str(runtime), "HOME": str(tmp_path)}
    umask = os.umask(0)
    try:
        with ScriptedServer(openai_chat_stream(["It is ", ANSWERED])) as server:
            await make_home(home, server.url)
            app = PtyApp(home, environ=places)
            app.until("Passphrase")
            app.type(PASSPHRASE + "\r")
            app.until("unlocked")
            app.type(ASKED + "\r")
            app.until(ANSWERED)
            app.type(DRAFT)
            app.until(DRAFT)
            outside = seen_from_outside(app.pid)
            app.type("\x1b[24~")  # f12
            app.until("Passphrase", gone=DRAFT)  # the frame is painted line by line
            locked = app.text
            hits = found_in(tmp_path)
            app.type(PASSPHRASE + "\r")
            app.until(DRAFT)
            app.type("\x11")
            assert app.wait() == 0
            asked = Troth(home, {**places, "TROTH_PASSPHRASE_COMMAND": f"printf '{PASSPHRASE}'"})
            ran = asked("ask", stdin=PROMPT)
            assert ran.code == 0
            key_sent = [request.header("authorization") for request in server.requests]
    finally:
        os.umask(umask)
    assert key_sent == [f"Bearer {KEY}"] * 2
    assert not hits
    assert not found_in(tmp_path)
    assert not [canary for canary in CANARIES if canary in outside]
    assert not [canary for canary in CANARIES if canary.decode() in locked]
    # After the exit the terminal shows what it showed before: the alternate screen is gone.
    after = app.received[app.received.rindex(b"\x1b[?1049l") :]
    assert not [canary for canary in CANARIES if canary in after]
    before = app.received[: app.received.index(b"\x1b[?1049h")]
    assert not [canary for canary in CANARIES if canary in before]
    assert PASSPHRASE.encode() not in app.received
    assert KEY.encode() not in app.received
    for path in (home / "data", home / "cache", home / "logs"):
        for file in [path, *path.rglob("*")] if path.exists() else []:
            assert file.stat().st_mode & 0o077 == 0, file
    # Nothing was searched in vain: the words are there, behind the passphrase.
    vault = await Vault.open(home / "data", passphrase=PASSPHRASE)
    found = json.dumps([hit.snippet for hit in await vault.search("canary", limit=20)])
    await vault.close()
    assert "asked" in found
    assert "answered" in found


EDITED, ATTACHED = "canary-edited-55", "canary-attached-66"
EDITOR = f"""#!/bin/sh
printf ' {EDITED}' >> "$1"
if [ -e "$0.stay" ]; then exec sleep 1000; fi
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
async def test_an_editor_a_kill_a_backup_and_a_restore_leave_no_canary(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home, runtime, temporary = (tmp_path / name for name in ("home", "runtime", "temporary"))
    runtime.mkdir()
    temporary.mkdir()
    own = tmp_path_factory.mktemp("own")
    (own / "note.txt").write_text(f"a note that says {ATTACHED}", "utf-8")
    (own / "editor").write_text(EDITOR, "utf-8")
    (own / "editor").chmod(0o700)
    places = {"TMPDIR": str(temporary), "XDG_RUNTIME_DIR": str(runtime), "HOME": str(tmp_path)}
    with ScriptedServer(openai_chat_stream(["It is ", ANSWERED])) as server:
        words = (await make_home(home, server.url, str(own / "editor"))).split()
        threes = [" ".join(words[at : at + 3]).encode() for at in range(10)]
        canaries = [*CANARIES, EDITED.encode(), ATTACHED.encode(), *threes]
        app = PtyApp(home, environ=places)
        app.until("Passphrase")
        app.type(PASSPHRASE + "\r")
        app.until("unlocked")
        app.type("\x07")  # ctrl+g
        app.until(EDITED)
        app.type(f"\x15/attach {own / 'note.txt'}\r")
        app.until("note.txt  text")
        app.type(ASKED + "\r")
        app.until(ANSWERED)
        app.type("/save\r")
        app.until("not encrypted")
        app.type("\x1b")
        app.until("unlocked", gone="not encrypted")
        hits = found_in(tmp_path, canaries)
        app.type(DRAFT)
        app.until(DRAFT)
        (own / "editor.stay").touch()
        app.type("\x07")
        app.until_true(lambda: found_in(runtime, [EDITED.encode()]) != [], "the editor's file")
        outside = seen_from_outside(app.pid)
        children = family_of(app.pid)[1:]
        app.kill()
        for child in children:
            os.kill(child, signal.SIGKILL)
        (own / "editor.stay").unlink()
        again = PtyApp(home, environ=places)
        again.until("Passphrase")
        again.until_true(lambda: not list(runtime.iterdir()), "the editor's file is gone")
        hits += found_in(tmp_path, canaries)
        again.type("\x11")
        assert again.wait() == 0
    troth = Troth(home, {**places, "TROTH_PASSPHRASE_COMMAND": f"printf '{PASSPHRASE}'"})
    backup = troth("vault", "backup", str(tmp_path / "backups"))
    restored = troth("vault", "restore", "--recovery", backup.out.strip(), stdin=" ".join(words))
    assert (backup.code, restored.code) == (0, 0)
    assert ASKED in troth("search", ASKED).out
    assert not hits
    assert not found_in(tmp_path, canaries)
    assert not [canary for canary in canaries if canary in outside]
    assert not found_in(Path("/dev/shm"), canaries)
