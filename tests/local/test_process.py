"""The embedded model end to end: the real weights in the real child process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from embedded import place_embedded
from gguf_files import SOUND
from troth.domain.error import ChildDied, ConnectFailed, LocalModelMissing
from troth.domain.exchange import HttpRequest
from troth.local import weights
from troth.local.process import LocalServer, RunningModel
from troth.local.shelf import InstalledModel
from troth.transport import ResponseStream, Transport

# One worker: two cores cannot run several models at a useful speed.
pytestmark = pytest.mark.xdist_group("embedded-model")
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
needs_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    server = LocalServer()
    yield server
    await server.stop()


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport(use_environment=False)
    yield transport
    await transport.close()


def ask(running: RunningModel, prompt: str, *, max_tokens: int = 24) -> HttpRequest:
    body = {
        "model": running.name,
        "stream": True,
        "max_tokens": max_tokens,
        "temperature": 0,
        "ignore_eos": max_tokens > 100,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant. Answer briefly."},
            {"role": "user", "content": prompt},
        ],
    }
    return HttpRequest(
        "POST",
        f"{running.base_url}/chat/completions",
        (("content-type", "application/json"),),
        json.dumps(body).encode(),
        (("authorization", f"Bearer {running.key}"),),
    )


async def read_text(answer: ResponseStream) -> str:
    received = b"".join([chunk async for chunk in answer.chunks()])
    assert answer.is_complete
    assert received.rstrip().endswith(b"data: [DONE]")
    events = [line[6:] for line in received.split(b"\n") if line.startswith(b"data: {")]
    choices = [choice for event in events for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


async def answer_to(transport: Transport, running: RunningModel, prompt: str) -> str:
    async with transport.stream(ask(running, prompt), purpose="reply") as answer:
        assert answer.status == 200
        return await read_text(answer)


async def until(is_true: Callable[[], bool], timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not is_true():
            await asyncio.sleep(0.02)


def is_process(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or ") Z " not in stat.read_text()


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


async def test_the_model_answers_a_question(
    server: LocalServer, transport: Transport, embedded: InstalledModel
) -> None:
    running = await server.start(embedded)
    assert running.base_url.startswith("http://127.0.0.1:")
    text = await answer_to(transport, running, "What is the capital of France?")
    assert "Paris" in text


async def test_without_the_key_nobody_gets_an_answer(
    server: LocalServer, transport: Transport, embedded: InstalledModel
) -> None:
    running = await server.start(embedded)
    for request in (
        replace(ask(running, "hello"), secret_headers=()),
        replace(ask(running, "hello"), secret_headers=(("authorization", "Bearer no"),)),
    ):
        assert (await transport.send(request, purpose="reply")).status == 401


async def test_chats_share_one_process_and_two_at_once_work(
    server: LocalServer, transport: Transport, embedded: InstalledModel
) -> None:
    first, second = await asyncio.gather(server.start(embedded), server.start(embedded))
    assert first == second
    texts = await asyncio.gather(
        answer_to(transport, first, "What is the capital of France?"),
        answer_to(transport, second, "What is the capital of Japan?"),
    )
    assert "Paris" in texts[0]
    assert "Tokyo" in texts[1]


async def test_it_can_be_stopped_and_started_again(
    server: LocalServer, transport: Transport, embedded: InstalledModel
) -> None:
    before = await server.start(embedded)
    await server.stop()
    assert not server.is_running(before)
    assert not is_process(before.pid)
    after = await server.start(embedded)
    assert after.pid != before.pid
    assert after.key != before.key
    assert await answer_to(transport, after, "Say hello.")


async def test_a_stop_during_a_start_leaves_no_process(
    server: LocalServer, embedded: InstalledModel
) -> None:
    starting = asyncio.create_task(server.start(embedded))
    await asyncio.sleep(0)
    await server.stop()
    running = await starting
    assert not server.is_running(running)


@needs_signals
async def test_a_killed_child_cuts_its_replies_and_is_replaced_at_the_next_start(
    server: LocalServer, transport: Transport, embedded: InstalledModel
) -> None:
    running = await server.start(embedded)
    request = ask(running, "Tell a long story.", max_tokens=2000)
    async with (
        transport.stream(request, purpose="reply") as answer,
        aclosing(answer.chunks()) as chunks,
    ):
        await anext(chunks)
        os.kill(running.pid, signal.SIGKILL)
        async for _ in chunks:
            pass
        assert not answer.is_complete
        assert isinstance(answer.cut, ConnectFailed)
    await until(lambda: not server.is_running(running))
    again = await server.start(embedded)
    assert "Paris" in await answer_to(transport, again, "What is the capital of France?")


@needs_proc
@pytest.mark.parametrize("phase", ["prefill", "generation"])
async def test_closing_the_connection_stops_the_work(
    server: LocalServer, transport: Transport, embedded: InstalledModel, phase: str
) -> None:
    running = await server.start(embedded)
    prompt = "Tell a long story." if phase == "generation" else "word " * 6000
    request = ask(running, prompt, max_tokens=2000)
    if phase == "generation":
        async with transport.stream(request, purpose="reply") as answer:
            await anext(answer.chunks())
    else:
        started = cpu_ticks(running.pid)
        waiting = asyncio.create_task(_open_and_wait(transport, request))
        await until(lambda: cpu_ticks(running.pid) > started + 20)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    # The work that is left would take many seconds; idle means that it was given up.
    async with asyncio.timeout(10):
        while True:
            before = cpu_ticks(running.pid)
            await asyncio.sleep(0.3)
            if cpu_ticks(running.pid) - before <= 1:
                break


async def _open_and_wait(transport: Transport, request: HttpRequest) -> None:
    async with transport.stream(request, purpose="reply") as answer:
        async for _ in answer.chunks():
            pass


@needs_proc
async def test_the_key_is_on_no_command_line_and_in_no_environment(
    server: LocalServer, embedded: InstalledModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-key")
    monkeypatch.setenv("TROTH_PASSPHRASE_COMMAND", "canary-command")
    running = await server.start(embedded)
    seen = b"".join(
        Path(f"/proc/{running.pid}/{name}").read_bytes() for name in ("cmdline", "environ")
    )
    assert running.key.encode() not in seen
    assert b"canary" not in seen
    assert b"OMP_WAIT_POLICY=passive" in seen
    assert running.key not in repr(running)


@needs_proc
async def test_it_listens_on_this_machine_only(
    server: LocalServer, embedded: InstalledModel
) -> None:
    running = await server.start(embedded)
    port = int(running.base_url.removesuffix("/v1").rpartition(":")[2])
    listening = [
        line.split()[1]
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
    ]
    assert listening == [f"0100007F:{port:04X}"]


@needs_signals
async def test_the_child_goes_when_its_parent_is_killed(models_dir: Path) -> None:
    script = textwrap.dedent(
        f"""
        import asyncio
        from pathlib import Path
        from troth.local.process import LocalServer
        from troth.local.weights import installed_models

        async def main():
            model = installed_models(Path({str(models_dir)!r}))[0]
            running = await LocalServer().start(model)
            print(running.pid, flush=True)
            await asyncio.sleep(600)

        asyncio.run(main())
        """
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        script,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert is_process(pid)
    parent.kill()
    await parent.wait()
    await until(lambda: not is_process(pid))


async def test_a_file_that_is_no_model_says_so_and_leaves_no_process(
    server: LocalServer, tmp_path: Path
) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(SOUND)
    model = await weights.add(tmp_path / "models", file)
    with pytest.raises(ChildDied) as caught:
        await server.start(model)
    assert caught.value.name == "broken"
    assert caught.value.detail
    file.unlink()
    with pytest.raises(LocalModelMissing):
        await server.start(model)


async def test_another_gguf_is_served_under_its_own_name_beside_the_first(
    server: LocalServer, transport: Transport, embedded: InstalledModel, tmp_path: Path
) -> None:
    copy = tmp_path / "Other One.gguf"
    os.link(place_embedded(tmp_path / "placed").path, copy)
    other = await weights.add(tmp_path / "models", copy)
    running, beside = await server.start(other), await server.start(embedded)
    assert running.pid != beside.pid
    answer = await transport.send(
        HttpRequest(
            "GET",
            f"{running.base_url}/models",
            secret_headers=(("authorization", f"Bearer {running.key}"),),
        ),
        purpose="models",
    )
    assert json.loads(answer.body)["data"][0]["id"] == other.name == "other-one"


async def test_a_start_that_is_cancelled_leaves_no_process(
    server: LocalServer, embedded: InstalledModel
) -> None:
    task = asyncio.create_task(server.start(embedded))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await server.start(embedded)).pid


async def test_installing_again_keeps_a_sound_file_and_mends_a_broken_one(
    tmp_path: Path,
) -> None:
    model = place_embedded(tmp_path / "models")
    seen: list[weights.InstallProgress] = []
    assert await weights.install(tmp_path / "models", seen.append) == model
    assert [progress.stage for progress in seen] == [weights.Stage.DONE], "nothing was fetched"
    (tmp_path / "models" / "models.json").unlink()
    assert await weights.install(tmp_path / "models", seen.append) == model
    assert weights.installed_models(tmp_path / "models") == (model,)
