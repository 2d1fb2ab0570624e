"""Proxies: the user's setting, the environment, refusals, and what the ledger says of them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from servers import ScriptedProxy, ScriptedServer, json_answer, make_certificate
from troth.domain.error import ProxyFailed, TlsFailed
from troth.domain.exchange import HttpRequest
from troth.transport import Sight, Transport

ASK = b"prompt"


def ask(url: str) -> HttpRequest:
    return HttpRequest("POST", url, (), ASK, (("authorization", "Bearer k"),))


async def test_https_goes_through_a_tunnel_in_which_the_proxy_sees_no_prompt(
    tmp_path: Path,
) -> None:
    certificate = make_certificate(["api.example.test"])
    file = tmp_path / "ca.pem"
    file.write_bytes(certificate.pem)
    async with (
        ScriptedServer(json_answer({}), certificate=certificate) as server,
        ScriptedProxy({"api.example.test": server.port}) as proxy,
    ):
        transport = Transport(proxy=proxy.url, ca_file=str(file), use_environment=False)
        answer = await transport.send(ask("https://api.example.test/v1"), purpose="reply")
        await transport.close()
        assert answer.status == 200
        assert proxy.targets == ["api.example.test:443"]
        assert proxy.requests[0].header("authorization") is None
        assert server.requests[0].body == ASK
    through, host = transport.ledger.entries
    assert (through.host, through.purpose, through.sight) == ("127.0.0.1", "proxy", Sight.ADDRESS)
    assert (host.host, host.via, host.sight) == ("api.example.test", "127.0.0.1", Sight.BOTH)
    assert host.bytes_out > len(ASK)
    assert host.is_encrypted


async def test_plain_http_shows_the_prompt_to_the_proxy_and_the_ledger_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with (
        ScriptedServer(json_answer({})) as server,
        ScriptedProxy({"lan.example.test": server.port}) as proxy,
    ):
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        transport = Transport()
        await transport.send(ask("http://lan.example.test/v1"), purpose="reply")
        await transport.close()
        assert proxy.targets == ["http://lan.example.test/v1"]
    assert transport.ledger.entries[0].sight is Sight.BOTH


async def test_this_machine_is_reached_directly_whatever_proxy_is_set() -> None:
    async with ScriptedServer(json_answer({})) as server, ScriptedProxy() as proxy:
        transport = Transport(proxy=proxy.url, use_environment=False)
        await transport.send(ask(server.url), purpose="reply")
        await transport.send(ask(server.url.replace("127.0.0.1", "localhost")), purpose="reply")
        await transport.close()
        assert proxy.requests == []
        assert len(server.requests) == 2


async def test_credentials_reach_the_proxy_and_no_one_else() -> None:
    async with (
        ScriptedServer(json_answer({})) as server,
        ScriptedProxy({"lan.example.test": server.port}, credentials="u:hunter2") as proxy,
    ):
        right = Transport(proxy=proxy.url.replace("//", "//u:hunter2@"), use_environment=False)
        assert (await right.send(ask("http://lan.example.test"), purpose="x")).status == 200
        await right.close()
        assert "hunter2" not in repr(right.ledger.entries)


@pytest.mark.parametrize("url", ["http://lan.example.test/", "https://api.example.test/"])
async def test_a_proxy_that_wants_a_password_is_a_proxy_failure(url: str) -> None:
    async with ScriptedProxy(credentials="u:p") as proxy:
        transport = Transport(proxy=proxy.url.replace("//", "//u:hunter2@"), use_environment=False)
        with pytest.raises(ProxyFailed) as caught:
            await transport.send(ask(url), purpose="x")
        await transport.close()
    assert caught.value.detail == "the proxy answered 407"
    assert caught.value.host == "127.0.0.1"
    assert "hunter2" not in f"{caught.value!r} {vars(caught.value)} {caught.value.__cause__!r}"


async def test_a_proxy_that_refuses_or_is_not_there_is_a_proxy_failure() -> None:
    async with ScriptedProxy(refuses_with=403) as proxy:
        transport = Transport(proxy=proxy.url, use_environment=False)
        with pytest.raises(ProxyFailed):
            await transport.send(ask("https://api.example.test/"), purpose="x")
        await transport.close()
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        gone = Transport(proxy=f"http://127.0.0.1:{held.getsockname()[1]}", use_environment=False)
        with pytest.raises(ProxyFailed):
            await gone.send(ask("https://api.example.test/"), purpose="x")
        await gone.close()


@pytest.mark.parametrize(
    "proxy", ["gopher://u:hunter2@p", "socks5://u:hunter2@p:1", "http://", "http://u:hunter2@:x"]
)
async def test_a_proxy_setting_that_cannot_work_is_a_proxy_failure_without_its_password(
    proxy: str,
) -> None:
    transport = Transport(proxy=proxy, use_environment=False)
    with pytest.raises(ProxyFailed) as caught:
        await transport.send(ask("https://api.example.test/"), purpose="x")
    assert "hunter2" not in f"{caught.value!r} {vars(caught.value)} {caught.value.__context__!r}"


async def test_the_tunnel_does_not_soften_the_certificate_check() -> None:
    async with (
        ScriptedServer(json_answer({}), certificate=make_certificate(["api.example.test"])) as far,
        ScriptedProxy({"api.example.test": far.port}) as proxy,
    ):
        transport = Transport(proxy=proxy.url, use_environment=False)
        with pytest.raises(TlsFailed):
            await transport.send(ask("https://api.example.test/"), purpose="x")
        await transport.close()
        assert far.requests == []
