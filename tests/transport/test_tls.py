"""Whose certificates are believed, and what is said when one is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from servers import ScriptedServer, json_answer, make_certificate
from troth.domain.error import TlsFailed
from troth.domain.exchange import HttpRequest
from troth.transport import Transport


def get(url: str) -> HttpRequest:
    return HttpRequest("GET", url)


async def test_a_certificate_that_nobody_vouches_for_is_refused(transport: Transport) -> None:
    async with ScriptedServer(json_answer({}), certificate=make_certificate()) as server:
        with pytest.raises(TlsFailed) as caught:
            await transport.send(get(server.url), purpose="reply")
    assert server.requests == []
    assert "self" in caught.value.detail.lower()


async def test_the_users_own_authority_is_trusted(tmp_path: Path) -> None:
    certificate = make_certificate()
    file = tmp_path / "ca.pem"
    file.write_bytes(certificate.pem)
    transport = Transport(ca_file=str(file), use_environment=False)
    async with (
        ScriptedServer(json_answer({}), certificate=certificate) as server,
        transport.stream(get(server.url), purpose="x") as answer,
    ):
        assert answer.status == 200
        assert answer.peer_certificate == certificate.der
    await transport.close()


async def test_ssl_cert_file_is_obeyed_unless_the_environment_is_not_to_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate()
    file = tmp_path / "ca.pem"
    file.write_bytes(certificate.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    obeying, ignoring = Transport(), Transport(use_environment=False)
    async with ScriptedServer(json_answer({}), certificate=certificate) as server:
        assert (await obeying.send(get(server.url), purpose="x")).status == 200
        with pytest.raises(TlsFailed):
            await ignoring.send(get(server.url), purpose="x")
    await obeying.close()
    await ignoring.close()


@pytest.mark.parametrize("content", [None, b"not a certificate"])
async def test_an_unusable_authority_file_is_a_tls_failure(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    transport = Transport(ca_file=str(file), use_environment=False)
    with pytest.raises(TlsFailed) as caught:
        await transport.send(get("https://127.0.0.1:1/"), purpose="x")
    assert "authorities" in caught.value.detail


async def test_an_expired_certificate_and_a_wrong_name_are_told_apart(tmp_path: Path) -> None:
    details = []
    for certificate in (make_certificate(is_expired=True), make_certificate(["other.test"])):
        file = tmp_path / "ca.pem"
        file.write_bytes(certificate.pem)
        transport = Transport(ca_file=str(file), use_environment=False)
        async with ScriptedServer(json_answer({}), certificate=certificate) as server:
            with pytest.raises(TlsFailed) as caught:
                await transport.send(get(server.url), purpose="x")
            details.append(caught.value.detail)
        await transport.close()
    assert "expired" in details[0]
    assert "mismatch" in details[1]


async def test_plain_http_where_tls_was_expected_is_a_tls_failure(transport: Transport) -> None:
    async with ScriptedServer(json_answer({})) as server:
        with pytest.raises(TlsFailed):
            await transport.send(get(server.url.replace("http:", "https:")), purpose="x")
