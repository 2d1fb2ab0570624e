"""OpenGradient from the shell: add a gateway, ask it, pay within a limit, list the registry."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from attested_machine import FOREIGN, Machine, write_home
from cli_runs import Ran, Troth
from enclaves import Enclave, PaidEnclave, Registry, registry_record
from engine.opengradient_home import ADDRESS
from servers import ScriptedServer
from verifiers.signer import Gateway, make_key

Inside = Callable[..., Ran]
PAYEE = "0x9deEBB5D1b22e4a6e027977CeAd13893A7E4cC1a"


@pytest.fixture
def enclave(tmp_path: Path) -> Enclave:
    enclave = Enclave()
    (tmp_path / "key.pem").write_text(enclave.gateway.pem)
    return enclave


def test_a_pinned_gateway_is_added_and_its_reply_verified(
    inside: Inside, tmp_path: Path, enclave: Enclave
) -> None:
    with ScriptedServer(enclave) as server:
        added = inside(
            "providers", "add", "og", "--wire", "opengradient", "--base-url", server.url,
            "--pin", str(tmp_path / "key.pem"),
        )  # fmt: skip
        assert added.code == 0, added.err
        ran = inside("ask", "-m", "og/gpt-4.1", "--json", "hello")
        assert ran.code == 0, ran.err
        assert ran.json["verdict"]["state"] == "verified-pinned"
        enclave.served = Gateway(make_key("other"))
        ran = inside("ask", "-m", "og/gpt-4.1", "hello")
        assert ran.code == 4
        assert "Nothing was sent to og" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("--wire", "opengradient"),
        ("--wire", "opengradient", "--registry", "not-a-registry"),
        ("--wire", "opengradient", "--base-url", "http://h", "--registry", f"http://r:{ADDRESS}"),
        ("--wire", "openai-chat", "--base-url", "http://h/v1", "--route", "relay"),
        ("--wire", "openai-chat"),
        ("--wire", "opengradient", "--base-url", "http://h", "--max-opg", "much"),
    ],
)
def test_half_a_provider_is_refused(inside: Inside, words: tuple[str, ...]) -> None:
    ran = inside("providers", "add", "og", *words)
    assert ran.code == 2, ran.err


def test_the_registry_is_listed_with_what_its_word_is_worth(
    inside: Inside, enclave: Enclave
) -> None:
    chain = Registry([registry_record(enclave.gateway, sealing=b"\x31" * 32)])
    with ScriptedServer(chain) as rpc:
        place = f"{rpc.url}:{ADDRESS}"
        assert inside(
            "providers", "add", "og", "--wire", "opengradient", "--registry", place
        ).code == 0  # fmt: skip
        ran = inside("registry", "list", "--provider", "og", "--json")
        assert ran.code == 0, ran.err
        (listed,) = ran.json["enclaves"]
        assert listed["tee_id"] == enclave.gateway.tee_id
        assert listed["takes_sealed"]
        ran = inside("registry", "list", "--provider", "og")
        assert "no hardware proof" in ran.err
        chain.is_down = True
        ran = inside("registry", "list", "--provider", "og")
        assert ran.code == 1
        assert "HTTP 503" in ran.err


@pytest.mark.usefixtures("with_vault")
def test_a_reply_s_enclave_is_asked_about_anew(inside: Inside) -> None:
    enclave = Enclave()
    with ScriptedServer(enclave) as server:
        chain = Registry([registry_record(enclave.gateway, endpoint=server.url)])
        with ScriptedServer(chain) as rpc:
            place = f"{rpc.url}:{ADDRESS}"
            inside("providers", "add", "og", "--wire", "opengradient", "--registry", place)
            assert inside("ask", "-m", "og/gpt-4.1", "hello").code == 0
            ran = inside("registry", "ask", "last")
            assert ran.code == 0, ran.err
            assert "lists this enclave as alive" in ran.out
            chain.flags = (False, False)
            ran = inside("registry", "ask", "last", "--json")
            assert ran.code == 4, ran.err
            assert ran.json["said"] == "off"
            assert ran.json["tee_id"] == enclave.gateway.tee_id


def test_nothing_is_paid_from_a_script_without_a_limit(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    if find_spec("eth_account") is None:
        pytest.skip("needs troth[pay]")
    from engine.test_opengradient_payment import TERMS, WALLET

    monkeypatch.setenv("TROTH_OG_PRIVATE_KEY", WALLET)
    paid = PaidEnclave(terms=TERMS)
    with ScriptedServer(paid) as server:
        inside(
            "providers", "add", "og", "--wire", "opengradient", "--base-url", server.url,
            "--pay-to", PAYEE,
        )  # fmt: skip
        ran = inside("ask", "-m", "og/gpt-4.1", "hello")
        assert ran.code == 1
        assert "No money was authorised" in ran.err
        ran = inside("ask", "-m", "og/gpt-4.1", "--max-opg", "0.05", "hello")
        assert ran.code == 1
        assert paid.payments == []
        ran = inside("ask", "-m", "og/gpt-4.1", "--max-opg", "0.1", "hello")
        assert ran.code == 0, ran.err
        assert len(paid.payments) == 1


def test_a_login_wants_a_vault_to_keep_it_in(troth: Troth) -> None:
    ran = troth("login", "opengradient", "--no-browser")
    assert ran.code == 3
    assert "vault" in ran.err


@pytest.mark.usefixtures("with_vault")
def test_a_login_is_pasted_where_the_browser_is_elsewhere(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = {
        "type": "opengradient-cli-auth",
        "access_token": "token-1",
        "config": {"chat_api_base_url": "http://127.0.0.1:9"},
    }
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(bundle, indent=1)))
    ran = inside("login", "opengradient", "--paste")
    assert ran.code == 0, ran.err
    assert "Logged in to opengradient" in ran.err
    assert "token-1" not in ran.out + ran.err
    monkeypatch.setattr("sys.stdin", io.StringIO("no login"))
    ran = inside("login", "opengradient", "--paste")
    assert ran.code != 0
    assert "no login" in ran.err


def test_a_demo_without_a_model_says_what_is_missing(troth: Troth) -> None:
    ran = troth("demo")
    assert ran.code == 1
    assert "troth local install" in ran.err


def test_a_machine_that_proves_itself_is_added_and_asked_and_a_false_one_told_nothing(
    inside: Inside, troth: Troth
) -> None:
    machine = Machine()
    write_home(troth.home, [machine.certificate])
    with ScriptedServer(machine.answer, certificate=machine.certificate) as server:
        add = ("providers", "add", "sealed", "--wire", "openai-chat", "--channel", "tinfoil")
        assert inside(*add, "--base-url", "http://127.0.0.1:1/v1").code == 2
        added = inside(*add, "--base-url", f"{server.url}/v1")
        assert added.code == 0, added.err
        ran = inside("ask", "-m", "sealed/m1", "--json", "hello")
        assert ran.code == 0, ran.err
        assert ran.json["verdict"]["state"] == "private-channel"
        assert inside("ask", "-m", "sealed/m1", "--require-verified", "hello").code == 4
        prompts = len(machine.prompts)
        machine.amd = FOREIGN
        ran = inside("ask", "-m", "sealed/m1", "hello")
        assert ran.code == 4
        assert "Nothing was sent to sealed" in ran.err
        assert "not trusted" in ran.err
        assert len(machine.prompts) == prompts
