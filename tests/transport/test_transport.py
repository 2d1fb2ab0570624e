"""The one door to the network, against real servers on 127.0.0.1."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys

import pytest

from servers import (
    Answer,
    Cut,
    Pause,
    Reset,
    ScriptedServer,
    Stall,
    cut_after,
    html_error,
    json_answer,
    openai_chat_stream,
    routes,
)
from troth.domain.error import (
    AnswerTooLarge,
    ConnectFailed,
    HostUnknown,
    NetworkError,
    TimedOut,
)
from troth.domain.exchange import HttpRequest
from troth.transport import Sight, Transport

SECRET = "sk-very-secret-0123456789"


def get(url: str) -> HttpRequest:
    return HttpRequest("GET", url)


def ask(url: str, body: bytes = b'{"a": "\xc3\xa9"}') -> HttpRequest:
    return HttpRequest(
        "POST",
        url,
        (("Content-Type", "application/json"), ("Accept-Encoding", "gzip")),
        body,
        (("Authorization", f"Bearer {SECRET}"),),
    )


async def test_the_body_arrives_byte_for_byte_and_no_compression_is_asked_for(
    transport: Transport,
) -> None:
    body = bytes(range(256)) * 40
    async with ScriptedServer(json_answer({"ok": True})) as server:
        answer = await transport.send(ask(server.url + "/v1/x?y=%20z", body), purpose="reply")
    request = server.requests[0]
    assert answer.status == 200
    assert answer.body == b'{"ok": true}'
    assert request.body == body
    assert request.path == "/v1/x?y=%20z"
    assert request.header("authorization") == f"Bearer {SECRET}"
    assert [v for k, v in request.headers if k.lower() == "accept-encoding"] == ["identity"]
    assert request.header("cookie") is None
    assert request.header("user-agent") == "troth"


async def test_headers_come_in_order_as_spelt_and_repeated(transport: Transport) -> None:
    headers = (("X-B", "2"), ("Set-Cookie", "a=1"), ("x-a", "1"), ("Set-Cookie", "b=2"))
    async with ScriptedServer(Answer(200, headers)) as server:
        answer = await transport.send(get(server.url), purpose="models")
        await transport.send(get(server.url), purpose="models")
    assert answer.headers[:4] == headers
    assert server.requests[1].header("cookie") is None, "cookies are never kept"


async def test_a_stream_gives_the_bytes_as_they_come(transport: Transport) -> None:
    gate = asyncio.Event()
    script = Answer(200, (), (b"first", gate, b"\xe2\x80\xa8second\r\n"), "chunked")
    async with (
        ScriptedServer(script) as server,
        transport.stream(ask(server.url), purpose="reply") as answer,
    ):
        chunks = answer.chunks()
        assert await anext(chunks) == b"first"
        assert [answer.is_complete] == [False]
        gate.set()
        assert b"".join([received async for received in chunks]) == b"\xe2\x80\xa8second\r\n"
        assert answer.is_complete
        assert answer.cut is None


async def test_leaving_a_stream_hangs_up_at_once(transport: Transport) -> None:
    script = Answer(200, (), (b"first", Stall()), "chunked")
    async with ScriptedServer(script) as server:
        async with transport.stream(ask(server.url), purpose="reply") as answer:
            assert await anext(answer.chunks()) == b"first"
        await server.wait_for_disconnect()


async def test_cancelling_a_stream_before_any_answer_hangs_up(transport: Transport) -> None:
    async def follow() -> None:
        async with transport.stream(ask(server.url), purpose="reply"):
            pass

    async with ScriptedServer(Answer(before_head=(Stall(),))) as server:
        task = asyncio.create_task(follow())
        await server.wait_for_request()
        task.cancel()
        await server.wait_for_disconnect()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    "script",
    [
        cut_after(openai_chat_stream(["Hel", "lo"]), 2),
        Answer(200, (), (b"half", Cut()), declared_length=100),
        Answer(200, (), (b"half", Pause(0.05), Reset()), "chunked"),
    ],
    ids=["chunked", "length", "reset"],
)
async def test_a_cut_stream_keeps_what_came_and_says_that_it_was_cut(
    transport: Transport, script: Answer
) -> None:
    async with (
        ScriptedServer(script) as server,
        transport.stream(ask(server.url), purpose="reply") as answer,
    ):
        received = b"".join([chunk async for chunk in answer.chunks()])
        assert received == script.body
        assert not answer.is_complete
        assert isinstance(answer.cut, ConnectFailed)


async def test_a_cut_answer_is_never_taken_for_a_whole_one(transport: Transport) -> None:
    script = Answer(200, (), (b'{"keys": [', Cut()), declared_length=100)
    async with ScriptedServer(script) as server:
        with pytest.raises(ConnectFailed):
            await transport.send(get(server.url), purpose="evidence")


async def test_a_body_that_ends_with_the_connection_is_whole(transport: Transport) -> None:
    async with ScriptedServer(Answer(200, (), (b"all",), "until-close")) as server:
        answer = await transport.send(get(server.url), purpose="evidence")
    assert answer.body == b"all"


@pytest.mark.parametrize("status", [204, 401, 429, 500, 529])
async def test_every_status_is_an_answer(transport: Transport, status: int) -> None:
    async with ScriptedServer(Answer(status)) as server:
        answer = await transport.send(get(server.url), purpose="reply")
    assert answer.status == status
    assert answer.body == b""


async def test_html_is_passed_on_as_it_is(transport: Transport) -> None:
    async with ScriptedServer(html_error(502)) as server:
        answer = await transport.send(get(server.url), purpose="reply")
    assert answer.status == 502
    assert b"<html>" in answer.body


async def test_garbage_is_no_answer_and_is_not_quoted(transport: Transport) -> None:
    async with ScriptedServer(
        Answer(steps=(b"\x00\x1b[2J nonsense\r\n\r\n",), is_raw=True)
    ) as server:
        with pytest.raises(ConnectFailed) as caught:
            await transport.send(get(server.url), purpose="reply")
    assert caught.value.host == "127.0.0.1"
    assert caught.value.detail == "the answer was not HTTP"


async def test_a_connection_closed_without_an_answer_is_a_failed_connection(
    transport: Transport,
) -> None:
    async with ScriptedServer(Answer(before_head=(Cut(),))) as server:
        with pytest.raises(ConnectFailed):
            await transport.send(get(server.url), purpose="reply")


async def test_a_closed_port_is_a_failed_connection_that_names_the_host(
    transport: Transport,
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectFailed) as caught:
            await transport.send(get(f"http://127.0.0.1:{held.getsockname()[1]}"), purpose="x")
    assert caught.value.host == "127.0.0.1"
    assert caught.value.facts()["detail"]


async def test_a_name_that_no_resolver_knows_is_host_unknown(transport: Transport) -> None:
    with pytest.raises(HostUnknown) as caught:
        await transport.send(get("http://no-such-host.invalid/v1"), purpose="x", timeout_s=20)
    assert caught.value.host == "no-such-host.invalid"


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://a b/", "http://u:p@a.com/"])
async def test_what_is_no_plain_address_leads_nowhere(transport: Transport, url: str) -> None:
    with pytest.raises(HostUnknown):
        await transport.send(get(url), purpose="x")
    assert transport.ledger.entries == ()


async def test_a_server_that_never_answers_times_out(transport: Transport) -> None:
    async with ScriptedServer(Answer(before_head=(Stall(),))) as server:
        with pytest.raises(TimedOut) as caught:
            await transport.send(get(server.url), purpose="x", timeout_s=0.05)
        assert caught.value.limit_s == 0.05
        with pytest.raises(TimedOut):
            async with transport.stream(get(server.url), purpose="x", read_timeout_s=0.05):
                pass


async def test_silence_in_mid_stream_times_out_after_what_came(transport: Transport) -> None:
    async with (
        ScriptedServer(Answer(200, (), (b"half", Stall()), "chunked")) as server,
        transport.stream(get(server.url), purpose="x", read_timeout_s=1) as answer,
    ):
        chunks = answer.chunks()
        assert await anext(chunks) == b"half"
        with pytest.raises(TimedOut) as caught:
            await anext(chunks)
        assert caught.value.limit_s == 1
        assert not answer.is_complete


async def test_a_slow_drip_cannot_outlast_the_whole_limit(transport: Transport) -> None:
    drip = tuple(step for _ in range(200) for step in (b"x", Pause(0.02)))
    async with ScriptedServer(Answer(200, (), drip, "chunked")) as server:
        with pytest.raises(TimedOut):
            await transport.send(get(server.url), purpose="x", timeout_s=0.3)


async def test_more_bytes_than_the_limit_are_refused(transport: Transport) -> None:
    async with ScriptedServer(Answer(200, (), (b"x" * 5000,))) as server:
        with pytest.raises(AnswerTooLarge) as caught:
            await transport.send(get(server.url), purpose="x", limit_bytes=4999)
        assert caught.value.limit_bytes == 4999
        answer = await transport.send(get(server.url), purpose="x", limit_bytes=5000)
        assert len(answer.body) == 5000


async def test_a_secret_is_in_no_error_repr_or_ledger(transport: Transport) -> None:
    async with ScriptedServer(Answer(before_head=(Cut(),))) as server:
        request = ask(server.url)
        with pytest.raises(NetworkError) as caught:
            await transport.send(request, purpose="reply")
    seen = [repr(request), repr(transport.ledger.entries), str(vars(transport.ledger))]
    error: BaseException | None = caught.value
    while error is not None:
        seen += [repr(error), str(error), str(vars(error))]
        error = error.__cause__ or error.__context__
    assert not any(SECRET in text for text in seen)


@pytest.mark.parametrize("value", [f"{SECRET}\r\nx: y", f"{SECRET}\u2026", f"{SECRET}\x00"])
async def test_a_key_that_http_cannot_carry_is_refused_without_being_quoted(
    transport: Transport, value: str
) -> None:
    async with ScriptedServer(Answer()) as server:
        request = HttpRequest("GET", server.url, (), b"", (("x-api-key", value),))
        with pytest.raises(NetworkError) as caught:
            await transport.send(request, purpose="reply")
        assert server.requests == []
    assert "x-api-key" in caught.value.detail
    assert SECRET not in f"{caught.value!r}{vars(caught.value)}"
    assert caught.value.__cause__ is caught.value.__context__ is None


async def test_a_redirect_is_never_followed_with_a_key(transport: Transport) -> None:
    async with ScriptedServer(json_answer({})) as thief:
        moved = Answer(307, (("location", thief.url + "/steal"),))
        async with ScriptedServer(moved) as server:
            answer = await transport.send(ask(server.url), purpose="reply")
            bare = HttpRequest("GET", server.url, (), b"", (("x-api-key", SECRET),))
            await transport.send(bare, purpose="models")
            async with transport.stream(ask(server.url), purpose="reply") as stream:
                assert stream.status == 307
    assert answer.status == 307
    assert thief.requests == []


async def test_a_redirect_of_a_bare_request_is_followed_a_few_times(transport: Transport) -> None:
    script = routes(
        {
            "/a": Answer(302, (("location", "/b"),)),
            "/b": json_answer({"here": 1}),
            "/loop": Answer(302, (("location", "/loop"),)),
        }
    )
    async with ScriptedServer(script) as server:
        answer = await transport.send(get(server.url + "/a"), purpose="image")
        assert answer.body == b'{"here": 1}'
        with pytest.raises(ConnectFailed):
            await transport.send(get(server.url + "/loop"), purpose="image")
    assert len(server.requests) == 2 + 6


async def test_retries_are_asked_for_and_obey_the_server(transport: Transport) -> None:
    busy = Answer(429, (("retry-after-ms", "10"),))
    async with ScriptedServer([busy, busy, json_answer({"ok": 1})]) as server:
        first = await transport.send(get(server.url), purpose="evidence")
        assert first.status == 429
        second = await transport.send(get(server.url), purpose="evidence", retries=1)
        assert second.status == 200
    assert len(server.requests) == 3


async def test_connections_to_this_machine_are_not_kept(transport: Transport) -> None:
    async with ScriptedServer(json_answer({})) as server:
        for _ in range(3):
            await transport.send(get(server.url), purpose="x")
    assert server.connections == 3


async def test_many_streams_run_at_once(transport: Transport) -> None:
    gate = asyncio.Event()
    script = Answer(200, (), (b"a", gate, b"b"), "chunked")

    async def follow() -> bytes:
        async with transport.stream(ask(server.url), purpose="reply") as answer:
            return b"".join([chunk async for chunk in answer.chunks()])

    async with ScriptedServer(script) as server:
        tasks = [asyncio.create_task(follow()) for _ in range(20)]
        await server.wait_for_request(20)
        gate.set()
        assert await asyncio.gather(*tasks) == [b"ab"] * 20


async def test_the_ledger_says_who_was_asked_what_for_and_how_much(transport: Transport) -> None:
    body = b"x" * 1000
    async with ScriptedServer(Answer(200, (), (b"y" * 2000,))) as server:
        await transport.send(ask(server.url, body), purpose="reply")
        await transport.send(ask(server.url, body), purpose="reply")
        await transport.send(get(server.url), purpose="models")
    with pytest.raises(ConnectFailed):
        await transport.send(get(server.url), purpose="models")
    replies, models = transport.ledger.entries
    assert (replies.host, replies.port) == ("127.0.0.1", server.port)
    assert (replies.purpose, replies.count, replies.failures) == ("reply", 2, 0)
    assert (models.purpose, models.count, models.failures) == ("models", 2, 1)
    assert (replies.sight, models.sight) == (Sight.PROMPT, Sight.NEITHER)
    assert 2 * 1000 < replies.bytes_out < 2 * 1500
    assert 2 * 2000 < replies.bytes_in < 2 * 2200
    assert not replies.is_encrypted
    assert replies.first_at.tzinfo is not None
    assert replies.first_at <= replies.last_at


async def test_warming_up_makes_the_first_request_ready(transport: Transport) -> None:
    await transport.warm_up()
    async with ScriptedServer(json_answer({})) as server:
        assert (await transport.send(get(server.url), purpose="x")).status == 200


def test_httpx_is_not_imported_before_a_request_leaves() -> None:
    script = "import sys, troth.transport; print('httpx' in sys.modules, 'ssl' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ran.stdout.split()[0] == "False"
