"""A pinned certificate is the only trust anchor, and is checked before a byte leaves."""

from __future__ import annotations

import pytest

from servers import ScriptedProxy, ScriptedServer, json_answer, make_certificate
from troth.domain.error import TlsFailed
from troth.domain.exchange import HttpRequest
from troth.transport import Transport

PROMPT = b"for the enclave alone"


def ask(url: str) -> HttpRequest:
    return HttpRequest("POST", url, (), PROMPT)


async def test_the_pinned_certificate_is_enough_whatever_name_it_bears(
    transport: Transport,
) -> None:
    certificate = make_certificate(["enclave.invalid"])
    async with (
        ScriptedServer(json_answer({}), certificate=certificate) as server,
        transport.stream(
            ask(server.url), purpose="reply", pinned_certificate=certificate.der
        ) as answer,
    ):
        assert answer.status == 200
        assert answer.peer_certificate == certificate.der
        assert server.requests[0].body == PROMPT


async def test_another_certificate_is_refused_before_a_byte_leaves(transport: Transport) -> None:
    pinned, presented = make_certificate(), make_certificate()
    async with ScriptedServer(json_answer({}), certificate=presented) as server:
        with pytest.raises(TlsFailed):
            await transport.send(ask(server.url), purpose="reply", pinned_certificate=pinned.der)
        assert server.requests == []


async def test_a_certificate_that_the_pinned_one_has_signed_is_refused(
    transport: Transport,
) -> None:
    pinned = make_certificate(["authority.invalid"])
    presented = make_certificate(["127.0.0.1"], issuer=pinned)
    async with ScriptedServer(json_answer({}), certificate=presented) as server:
        with pytest.raises(TlsFailed) as caught:
            await transport.send(ask(server.url), purpose="reply", pinned_certificate=pinned.der)
        assert server.requests == []
    assert caught.value.detail == "the certificate is not the pinned one"


async def test_an_expired_pinned_certificate_is_refused(transport: Transport) -> None:
    certificate = make_certificate(is_expired=True)
    async with ScriptedServer(json_answer({}), certificate=certificate) as server:
        with pytest.raises(TlsFailed):
            await transport.send(
                ask(server.url), purpose="reply", pinned_certificate=certificate.der
            )


async def test_pinning_needs_https_and_a_readable_certificate(transport: Transport) -> None:
    for url, der in (("http://127.0.0.1:1", make_certificate().der), ("https://x.test", b"junk")):
        with pytest.raises(TlsFailed):
            await transport.send(ask(url), purpose="reply", pinned_certificate=der)


async def test_a_pinned_connection_ignores_the_proxy() -> None:
    certificate = make_certificate()
    async with (
        ScriptedServer(json_answer({}), certificate=certificate) as server,
        ScriptedProxy() as proxy,
    ):
        transport = Transport(proxy=proxy.url, use_environment=False)
        answer = await transport.send(
            ask(server.url), purpose="reply", pinned_certificate=certificate.der
        )
        assert answer.status == 200
        assert proxy.requests == []
        await transport.close()
