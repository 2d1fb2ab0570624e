"""A pinned certificate is the only trust anchor, and is checked before a byte leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from servers import Certificate, ScriptedProxy, ScriptedServer, json_answer, make_certificate
from troth.domain.error import TlsFailed
from troth.domain.exchange import HttpRequest
from troth.transport import Transport
from verifiers.attested import key_of

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


async def test_a_pinned_key_is_held_to_beside_the_authorities(tmp_path: Path) -> None:
    certificate = make_certificate()
    transport = trusting(tmp_path, certificate)
    async with ScriptedServer(json_answer({}), certificate=certificate) as server:
        async with transport.stream(
            ask(server.url), purpose="reply", pinned_key=key_of(certificate.der)
        ) as answer:
            assert answer.status == 200
        assert [request.body for request in server.requests] == [PROMPT]
        with pytest.raises(TlsFailed) as caught:
            async with transport.stream(ask(server.url), purpose="reply", pinned_key=bytes(32)):
                pass
        assert caught.value.detail == "the key of the connection is not the pinned one"
        assert len(server.requests) == 1
    await transport.close()


async def test_a_pinned_key_does_not_replace_the_authorities(transport: Transport) -> None:
    certificate = make_certificate()
    async with ScriptedServer(json_answer({}), certificate=certificate) as server:
        with pytest.raises(TlsFailed):
            async with transport.stream(
                ask(server.url), purpose="reply", pinned_key=key_of(certificate.der)
            ):
                pass
        assert server.requests == []


async def test_a_connection_from_before_does_not_serve_a_pinned_key(tmp_path: Path) -> None:
    """It was made to whoever was there then; the key is asked of whoever is there now."""
    certificate = make_certificate(["enclave.example.test"])
    async with (
        ScriptedServer(json_answer({}), certificate=certificate) as server,
        ScriptedProxy({"enclave.example.test": server.port}) as proxy,
    ):
        transport = trusting(tmp_path, certificate, proxy=proxy.url)
        request = ask("https://enclave.example.test/v1")
        for pinned in (None, None, key_of(certificate.der)):
            async with transport.stream(request, purpose="reply", pinned_key=pinned) as answer:
                async for _received in answer.chunks():
                    pass
        assert len(proxy.requests) == 2  # the second of the first two needed no new one
        await transport.close()


@pytest.mark.parametrize("is_right", [True, False])
async def test_a_pinned_key_is_that_of_the_host_behind_a_proxy(
    tmp_path: Path, *, is_right: bool
) -> None:
    certificate = make_certificate(["enclave.example.test"])
    async with (
        ScriptedServer(json_answer({}), certificate=certificate) as server,
        ScriptedProxy({"enclave.example.test": server.port}) as proxy,
    ):
        transport = trusting(tmp_path, certificate, proxy=proxy.url)
        pinned = key_of(certificate.der) if is_right else bytes(32)
        request = ask("https://enclave.example.test/v1")
        try:
            async with transport.stream(request, purpose="reply", pinned_key=pinned) as answer:
                assert answer.status == 200
        except TlsFailed:
            assert not is_right
        assert proxy.targets == ["enclave.example.test:443"]
        assert [received.body for received in server.requests] == [PROMPT] * is_right
        await transport.close()


async def test_a_pinned_key_needs_https(transport: Transport) -> None:
    async with ScriptedServer(json_answer({})) as server:
        with pytest.raises(TlsFailed):
            async with transport.stream(ask(server.url), purpose="reply", pinned_key=bytes(32)):
                pass
        assert server.requests == []


def trusting(folder: Path, certificate: Certificate, *, proxy: str | None = None) -> Transport:
    """A transport to which this certificate's maker is an authority."""
    file = folder / "authorities.pem"
    file.write_bytes(certificate.pem)
    return Transport(ca_file=str(file), proxy=proxy, use_environment=False)
