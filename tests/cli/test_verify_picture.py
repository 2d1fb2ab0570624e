"""`troth verify picture.png`: in words, as JSON, by exit code, and without a network."""

from __future__ import annotations

import shutil
import struct
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli_runs import Troth
from engine.test_pictures import changed, trust_root
from servers import ScriptedServer, routes
from tui.pictures import image_reply
from verifiers import credentials as make
from verifiers.picture_authority import Authority

NOW = datetime.now(UTC)
VALID = (NOW - timedelta(days=3), NOW + timedelta(days=90))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def picture(authority: Authority) -> bytes:
    return make.signed(make.plain(), authority.signer(valid=VALID))


def test_a_signed_picture_says_by_whom_and_what_that_means(
    troth: Troth, tmp_path: Path, authority: Authority, picture: bytes
) -> None:
    file = tmp_path / "signed.png"
    file.write_bytes(picture)
    unknown = troth("verify", str(file))
    assert unknown.code == 4
    assert unknown.out.startswith("PICTURE OF AN UNKNOWN SIGNER\n")
    trust_root(troth.home / "config" / "trust.toml", authority)
    ran = troth("verify", str(file))
    assert ran.code == 0
    assert ran.out.startswith("SIGNED PICTURE\n")
    assert "Image signed by Example AI: where it came from, not whether it is true." in ran.out
    found = troth("verify", str(file), "--json").json
    assert (found["verified"], found["picture"], found["signer"]) == (True, "signed", "Example AI")
    later = (NOW + timedelta(days=200)).strftime("%Y-%m-%d")
    expired = troth("verify", str(file), "--at", later)
    assert expired.code == 4
    assert "OUT OF DATE" in expired.out
    assert troth("verify", str(file), "--html", str(tmp_path / "page.html")).code == 2


def test_what_is_altered_or_unsigned_is_not_verified(
    troth: Troth, tmp_path: Path, authority: Authority, picture: bytes
) -> None:
    trust_root(troth.home / "config" / "trust.toml", authority)
    for content, headline, state in (
        (changed(picture), "ALTERED PICTURE: do not rely on it", "altered"),
        (make.plain("webp"), "PICTURE WITHOUT A SIGNATURE", "unsigned"),
        (picture[:900], "PICTURE WITH UNREADABLE CREDENTIALS", "unreadable"),
    ):
        file = tmp_path / "picture"
        file.write_bytes(content)
        ran = troth("verify", str(file))
        assert (ran.code, ran.out.split("\n")[0]) == (4, headline)
        assert troth("verify", str(file), "--json").json["picture"] == state


def test_names_in_a_picture_move_no_cursor(troth: Troth, tmp_path: Path) -> None:
    hostile = "Open\x1b[2J\u202eAI\n✓ verified"
    signed = make.signed(make.plain(), Authority().signer(valid=VALID, name=hostile))
    file = tmp_path / "signed.png"
    file.write_bytes(signed)
    said = troth("verify", str(file)).out
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\n✓" not in said


def can_unshare() -> bool:
    program = shutil.which("unshare")
    return (
        program is not None
        and not subprocess.run(
            [program, "-rn", "true"], capture_output=True, check=False
        ).returncode
    )


@pytest.mark.skipif(not can_unshare(), reason="needs a network namespace of its own (Linux)")
def test_no_network_is_needed_also_for_credentials_that_lie_there(
    troth: Troth, tmp_path: Path, authority: Authority, picture: bytes
) -> None:
    trust_root(troth.home / "config" / "trust.toml", authority)
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x dcterms:provenance="https://store.example/m"/>'
    bare = make.plain("jpeg")
    remote = bare[:2] + b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp + bare[2:]
    for content, code, words in ((picture, 0, "SIGNED PICTURE"), (remote, 4, "does not fetch")):
        file = tmp_path / "picture"
        file.write_bytes(content)
        done = subprocess.run(
            ["unshare", "-rn", *troth.command("verify", str(file))],
            capture_output=True,
            env=troth.full_environ(),
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr.decode()
        assert words in done.stdout.decode()


def test_ask_says_that_the_words_are_unsigned_and_the_picture_is_not(
    troth: Troth, authority: Authority, picture: bytes
) -> None:
    trust_root(troth.home / "config" / "trust.toml", authority)
    script = routes({"POST /v1/chat/completions": image_reply("Here.", picture)})
    with ScriptedServer(script) as server:
        troth.add_provider(server.url, "needs_key = false")
        ran = troth("chat", "--plain", "-m", "mine/m1", stdin="draw\n")
        said = troth("ask", "-m", "mine/m1", "--json", "draw").json["verdict"]
    assert "unsigned words, signed picture. Nobody signed the words." in ran.out
    assert said["state"] == "tls-only"
    assert [c["outcome"] for c in said["checks"] if c["name"] == "picture"] == ["passed"]


def test_a_file_that_is_not_there_is_not_said_to_be_a_receipt(troth: Troth) -> None:
    for command in (("verify", "nope.png"), ("trust", "code", "nope.json")):
        ran = troth(*command)
        assert ran.code == 2
        assert f"There is no file “{command[-1]}”" in ran.err
