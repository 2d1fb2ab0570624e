"""Batches: every prompt answered once, whatever happens on the way, and written down whole."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from engine.comparing import Opener, engines, limited_to_one_each, spec
from servers import (
    Answer,
    Gate,
    RecordedRequest,
    cut_after,
    gated_after,
    html_error,
    json_answer,
    openai_chat_stream,
)
from troth.domain.error import KeyMissing, NotFound, UsageError
from troth.domain.model import Endpoint, ModelRef
from troth.engine.batch import Batch, Progress
from troth.engine.batch_check import check_results
from troth.engine.batch_files import DurableLines, RunLock
from troth.engine.batch_manifest import BatchPlan, load_manifest
from troth.engine.batch_prompts import open_prompts
from troth.engine.batch_row import FIELDS
from troth.engine.batch_summary import summarize_results
from troth.engine.comparison_state import ColumnSpec
from troth.engine.engine import Engine

TWO = (spec(0), spec(1))


@pytest.fixture
async def opener(tmp_path: Path) -> AsyncIterator[Opener]:
    async for opened in engines(tmp_path):
        yield opened


def echo(request: RecordedRequest) -> Answer:
    return openai_chat_stream([f"echo {request.json()['messages'][-1]['content']}"], usage=(10, 20))


def prompts_file(folder: Path, count: int, extra: str = "") -> Path:
    path = folder / "prompts.jsonl"
    lines = [json.dumps({"id": f"p{n}", "prompt": f"question {n}"}) for n in range(count)]
    path.write_text("\n".join(lines) + "\n" + extra)
    return path


async def run(
    engine: Engine, folder: Path, plan: BatchPlan, *, receipts: Path | None = None
) -> Progress:
    prompts = open_prompts(folder / "prompts.jsonl")
    return await Batch(engine, plan, prompts, folder / "r.jsonl", receipts=receipts).run()


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "r.jsonl").read_bytes().splitlines()]


def asked(requests: list[RecordedRequest]) -> Counter[str]:
    return Counter(request.json()["messages"][-1]["content"] for request in requests)


async def test_one_flat_row_for_each_reply(tmp_path: Path, opener: Opener) -> None:
    engine, servers = await opener(echo, echo)
    prompts_file(tmp_path, 3)
    plan = BatchPlan(TWO, repeats=2, seed=40, system="Be brief.")
    progress = await run(engine, tmp_path, plan)
    rows = rows_of(tmp_path)
    assert (progress.total, progress.answered, progress.left) == (12, 12, 0)
    assert {tuple(row) for row in rows} == {FIELDS}
    assert len({row["key"] for row in rows}) == 12
    row = next(r for r in rows if (r["prompt_id"], r["repeat"]) == ("p1", 1))
    assert (row["text"], row["finish"], row["verdict"]) == ("echo question 1", "stop", "tls-only")
    assert (row["input_tokens"], row["output_tokens"]) == (10, 20)
    sent = {sha256(r.body).hexdigest(): r for server in servers for r in server.requests}
    request = sent[row["request_sha256"]].json()
    assert request["seed"] == 41
    assert request["messages"][0] == {"role": "system", "content": "Be brief."}
    assert not (tmp_path / "r.jsonl.journal").exists()
    assert not (tmp_path / "r.jsonl.lock").exists()


async def test_a_second_run_asks_nothing(tmp_path: Path, opener: Opener) -> None:
    engine, servers = await opener(echo, echo)
    prompts_file(tmp_path, 3)
    await run(engine, tmp_path, BatchPlan(TWO))
    before = (tmp_path / "r.jsonl").read_bytes()
    progress = await run(engine, tmp_path, BatchPlan(TWO))
    assert (progress.kept, progress.answered) == (6, 0)
    assert [len(server.requests) for server in servers] == [3, 3]
    assert (tmp_path / "r.jsonl").read_bytes() == before


async def test_what_failed_is_asked_again_and_what_was_answered_is_not(
    tmp_path: Path, opener: Opener
) -> None:
    is_down = True

    def flaky(request: RecordedRequest) -> Answer:
        bad = is_down and request.json()["messages"][-1]["content"] == "question 1"
        return html_error(400) if bad else echo(request)

    engine, servers = await opener(flaky)
    prompts_file(tmp_path, 3)
    plan = BatchPlan((spec(0),))
    assert (await run(engine, tmp_path, plan)).failed == 1
    is_down = False
    progress = await run(engine, tmp_path, plan)
    assert (progress.kept, progress.answered, progress.failed) == (2, 1, 0)
    assert asked(servers[0].requests) == {"question 0": 1, "question 1": 2, "question 2": 1}
    assert len(rows_of(tmp_path)) == 3


async def test_cut_and_lost_replies_are_asked_again_only_when_told(
    tmp_path: Path, opener: Opener
) -> None:
    answers = [cut_after(openai_chat_stream(["half"]), 2), openai_chat_stream(["whole"])]
    engine, servers = await opener(answers)
    prompts_file(tmp_path, 1)
    plan = BatchPlan((spec(0),))
    await run(engine, tmp_path, plan)
    assert rows_of(tmp_path)[0]["finish"] == "cut"
    await run(engine, tmp_path, plan)
    assert len(servers[0].requests) == 1
    await run(engine, tmp_path, BatchPlan((spec(0),), asks_again=True))
    assert [row["text"] for row in rows_of(tmp_path)] == ["whole"]


async def test_a_key_without_a_row_was_under_way_and_is_not_paid_twice(
    tmp_path: Path, opener: Opener
) -> None:
    """As a kill leaves it: a torn last row, and its key in the journal."""
    engine, servers = await opener(echo)
    prompts_file(tmp_path, 3)
    plan = BatchPlan((spec(0),), concurrency=1)
    await run(engine, tmp_path, plan)
    results = tmp_path / "r.jsonl"
    lost = rows_of(tmp_path)[-1]
    content = results.read_bytes()
    results.write_bytes(content[: len(content) - 40])
    (tmp_path / "r.jsonl.journal").write_text(lost["key"] + "\n" + "half a ke")
    progress = await run(engine, tmp_path, plan)
    assert (progress.kept, progress.interrupted, progress.answered) == (2, 1, 0)
    assert len(servers[0].requests) == 3
    row = rows_of(tmp_path)[-1]
    assert (row["prompt_id"], row["finish"], row["text"]) == (
        lost["prompt_id"],
        "interrupted",
        None,
    )
    await run(engine, tmp_path, BatchPlan((spec(0),), asks_again=True))
    assert sorted(row["finish"] for row in rows_of(tmp_path)) == ["stop"] * 3


async def test_a_torn_row_that_was_never_asked_for_is_asked(tmp_path: Path, opener: Opener) -> None:
    engine, _ = await opener(echo)
    prompts_file(tmp_path, 2)
    plan = BatchPlan((spec(0),))
    await run(engine, tmp_path, plan)
    results = tmp_path / "r.jsonl"
    results.write_bytes(results.read_bytes()[:-10])
    assert (await run(engine, tmp_path, plan)).answered == 1
    assert len(rows_of(tmp_path)) == 2


async def test_a_results_file_of_another_run_is_refused_unless_appended(
    tmp_path: Path, opener: Opener
) -> None:
    engine, servers = await opener(echo, echo)
    prompts_file(tmp_path, 2)
    await run(engine, tmp_path, BatchPlan((spec(0),)))
    for other in (BatchPlan(TWO), BatchPlan((spec(0),), seed=1), BatchPlan((spec(0),), repeats=2)):
        with pytest.raises(UsageError):
            await run(engine, tmp_path, other)
    prompts_file(tmp_path, 3)
    with pytest.raises(UsageError):
        await run(engine, tmp_path, BatchPlan((spec(0),)))
    progress = await run(engine, tmp_path, BatchPlan(TWO, appends=True))
    assert (progress.kept, progress.answered) == (2, 4)
    assert [len(server.requests) for server in servers] == [3, 3]
    assert len(load_manifest(tmp_path / "r.jsonl")["runs"]) == 2  # type: ignore[arg-type]
    foreign = tmp_path / "r.jsonl"
    foreign.write_text("not ours\n")
    with pytest.raises(UsageError):
        await run(engine, tmp_path, BatchPlan(TWO, appends=True))


async def test_a_broken_row_is_skipped_or_ends_a_strict_run(tmp_path: Path, opener: Opener) -> None:
    engine, servers = await opener(echo)
    prompts_file(tmp_path, 2, '{"broken\n{"id": "p0", "prompt": "again"}\n')
    with pytest.raises(UsageError):
        await run(engine, tmp_path, BatchPlan((spec(0),), is_strict=True))
    assert servers[0].requests == []
    assert (await run(engine, tmp_path, BatchPlan((spec(0),)))).answered == 2
    run_facts: Any = load_manifest(tmp_path / "r.jsonl")["runs"]
    assert [row["line"] for row in run_facts[0]["prompts"]["broken_lines"]] == [3, 4]


async def priced(engine: Engine, number: int, dollars: float, more: str = "") -> None:
    """Give a scripted model a price per million tokens."""
    config = engine.paths.config_file
    text = config.read_text() + (
        f"\n[providers.server{number}.models.model-{number}]\n"
        f"price_input = {dollars}\nprice_output = {dollars}\n{more}"
    )
    config.write_text(text)
    engine.reload_settings()


async def test_max_cost_stops_before_it_is_passed_and_says_what_is_left(
    tmp_path: Path, opener: Opener
) -> None:
    engine, servers = await opener(echo)
    await priced(engine, 0, 1000.0)
    prompts_file(tmp_path, 20)
    each = 30 * 1000 / 1e6
    plan = BatchPlan((spec(0, max_output_tokens=20),), concurrency=2, max_cost_usd=each * 5.5)
    progress = await run(engine, tmp_path, plan)
    assert progress.reason == "max-cost"
    assert 3 <= progress.answered <= 5
    assert progress.cost_usd <= each * 5.5
    assert progress.left == 20 - progress.answered
    more = BatchPlan((spec(0, max_output_tokens=20),), concurrency=2)
    progress = await run(engine, tmp_path, more)
    assert (progress.left, progress.reason) == (0, "")
    assert max(asked(servers[0].requests).values()) == 1


async def test_max_cost_counts_a_reply_as_long_as_its_model_may_write(
    tmp_path: Path, opener: Opener
) -> None:
    engine, servers = await opener(echo)
    await priced(engine, 0, 1000.0, "max_output_tokens = 2000\n")
    prompts_file(tmp_path, 3)
    progress = await run(engine, tmp_path, BatchPlan((spec(0),), max_cost_usd=1.9))
    assert (progress.reason, progress.answered) == ("max-cost", 0)
    assert progress.too_dear is not None
    assert progress.too_dear.tokens == 2000
    assert progress.too_dear.usd >= 2
    assert servers[0].requests == []
    lower = BatchPlan((spec(0, max_output_tokens=500),), concurrency=3, max_cost_usd=1.9)
    progress = await run(engine, tmp_path, lower)
    assert (progress.reason, progress.answered) == ("", 3)


async def test_a_batch_waits_for_what_short_replies_leave_over(
    tmp_path: Path, opener: Opener
) -> None:
    engine, _ = await opener(echo)
    await priced(engine, 0, 1000.0, "max_output_tokens = 2000\n")
    prompts_file(tmp_path, 6)
    one_at_a_time = BatchPlan((spec(0),), concurrency=3, max_cost_usd=2.5)
    progress = await run(engine, tmp_path, one_at_a_time)
    assert (progress.reason, progress.answered) == ("", 6)
    assert progress.cost_usd < 2.5


async def test_max_cost_without_a_price_is_refused(tmp_path: Path, opener: Opener) -> None:
    engine, servers = await opener(echo)
    prompts_file(tmp_path, 1)
    with pytest.raises(UsageError):
        await run(engine, tmp_path, BatchPlan((spec(0),), max_cost_usd=1))
    assert servers[0].requests == []


async def test_stop_lets_what_is_under_way_end(tmp_path: Path, opener: Opener) -> None:
    gate = Gate()
    engine, servers = await opener(gated_after(openai_chat_stream(["late"]), 1, gate))
    path = prompts_file(tmp_path, 10)
    plan = BatchPlan((spec(0),), concurrency=2)
    batch = Batch(engine, plan, open_prompts(path), tmp_path / "r.jsonl")
    running = asyncio.create_task(batch.run())
    await servers[0].wait_for_request(2)
    batch.stop()
    gate.open()
    progress = await running
    assert (progress.answered, progress.left, progress.reason) == (2, 8, "stopped")
    assert (await run(engine, tmp_path, plan)).left == 0
    assert len(servers[0].requests) == 10


async def test_a_second_stop_keeps_what_has_come(tmp_path: Path, opener: Opener) -> None:
    engine, servers = await opener(gated_after(openai_chat_stream(["half", "x"]), 2, Gate()))
    path = prompts_file(tmp_path, 3)
    plan = BatchPlan((spec(0),), concurrency=1)
    batch = Batch(engine, plan, open_prompts(path), tmp_path / "r.jsonl")
    running = asyncio.create_task(batch.run())
    await servers[0].wait_for_request()
    while batch.progress.running == 0:
        await asyncio.sleep(0)
    batch.stop()
    batch.stop()
    await running
    assert [row["finish"] for row in rows_of(tmp_path)] == ["stopped"]


async def test_rate_limits_are_waited_out(tmp_path: Path, opener: Opener) -> None:
    engine, _ = await opener(limited_to_one_each(0.02))
    prompts_file(tmp_path, 8)
    progress = await run(engine, tmp_path, BatchPlan((spec(0),), concurrency=8))
    assert (progress.answered, progress.failed) == (8, 0)


async def test_a_hopeless_model_is_given_up_and_the_other_goes_on(
    tmp_path: Path, opener: Opener
) -> None:
    denied = json_answer({"error": {"message": "Incorrect API key"}}, status=401)
    engine, servers = await opener(denied, echo)
    prompts_file(tmp_path, 20)
    progress = await run(engine, tmp_path, BatchPlan(TWO, concurrency=1))
    assert list(progress.given_up) == ["server0/model-0"]
    assert (progress.answered, progress.failed, progress.left) == (20, 5, 15)
    assert len(servers[1].requests) == 20


async def test_a_slow_provider_holds_up_nobody(tmp_path: Path, opener: Opener) -> None:
    gate = Gate()
    engine, servers = await opener(gated_after(echo_answer(), 0, gate), echo)
    path = prompts_file(tmp_path, 12)
    batch = Batch(engine, BatchPlan(TWO, concurrency=2), open_prompts(path), tmp_path / "r.jsonl")
    running = asyncio.create_task(batch.run())
    await servers[1].wait_for_request(12)
    assert len(servers[0].requests) <= 2
    gate.open()
    assert (await running).left == 0


def echo_answer() -> Answer:
    return openai_chat_stream(["slow"])


async def test_histories_are_sent_as_they_stand(tmp_path: Path, opener: Opener) -> None:
    engine, servers = await opener(echo)
    messages = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "two"},
    ]
    (tmp_path / "prompts.jsonl").write_text(json.dumps({"messages": messages}))
    await run(engine, tmp_path, BatchPlan((spec(0),)))
    assert servers[0].requests[0].json()["messages"] == messages
    assert rows_of(tmp_path)[0]["prompt"] == "two"


async def test_an_answer_of_nothing_is_a_row_too(tmp_path: Path, opener: Opener) -> None:
    engine, _ = await opener(openai_chat_stream([]))
    prompts_file(tmp_path, 1)
    await run(engine, tmp_path, BatchPlan((spec(0),)))
    assert rows_of(tmp_path)[0]["text"] == ""
    assert summarize_results(tmp_path / "r.jsonl")[0].empty == 1


async def test_nothing_is_begun_that_cannot_work(tmp_path: Path, opener: Opener) -> None:
    engine, servers = await opener(echo)
    await engine.providers.add_endpoint(Endpoint("locked", "openai-chat", "http://127.0.0.1:9/v1"))
    prompts_file(tmp_path, 1)
    for model, error in (("nobody", NotFound), ("locked", KeyMissing)):
        plan = BatchPlan((spec(0), ColumnSpec(ModelRef(model, "m"))))
        with pytest.raises(error):
            await run(engine, tmp_path, plan)
    (tmp_path / "prompts.jsonl").write_text("\n")
    with pytest.raises(UsageError):
        await run(engine, tmp_path, BatchPlan((spec(0),)))
    assert servers[0].requests == []
    assert not (tmp_path / "r.jsonl").exists()


async def test_two_runs_never_write_into_one_file(tmp_path: Path, opener: Opener) -> None:
    engine, _ = await opener(echo)
    prompts_file(tmp_path, 1)
    lock = RunLock(tmp_path / "r.jsonl")
    lock.take()
    with pytest.raises(UsageError):
        await run(engine, tmp_path, BatchPlan((spec(0),)))
    lock.give_back()
    assert (await run(engine, tmp_path, BatchPlan((spec(0),)))).answered == 1


async def test_check_tells_a_good_file_from_an_altered_one(tmp_path: Path, opener: Opener) -> None:
    engine, _ = await opener(echo)
    prompts_file(tmp_path, 3)
    receipts = tmp_path / "receipts"
    await run(engine, tmp_path, BatchPlan((spec(0),)), receipts=receipts)
    results = tmp_path / "r.jsonl"
    good = check_results(results, receipts=receipts)
    assert (good.rows, good.problems, good.receipts_checked) == (3, [], 3)
    content = results.read_bytes()
    for altered in (
        content.replace(b"echo question 1", b"echo question 9"),
        content + content.splitlines(keepends=True)[0],
        content[: content.rindex(b"\n", 0, -1) + 1],
        content[:-1],
        b"",
    ):
        results.write_bytes(altered)
        assert check_results(results).problems, altered[-80:]
    results.write_bytes(content)
    (tmp_path / "prompts.jsonl").write_text('"other"')
    assert check_results(results).problems
    prompts_file(tmp_path, 3)
    next(receipts.iterdir()).unlink()
    assert check_results(results, receipts=receipts).problems
    (tmp_path / "r.jsonl.manifest.json").unlink()
    assert check_results(results).problems


async def test_check_finds_rows_that_the_run_never_asked(tmp_path: Path, opener: Opener) -> None:
    """Even where somebody has written the digest of the results anew."""
    engine, _ = await opener(echo)
    prompts_file(tmp_path, 3)
    await run(engine, tmp_path, BatchPlan((spec(0),)))
    results, manifest = tmp_path / "r.jsonl", tmp_path / "r.jsonl.manifest.json"
    whole, facts = results.read_bytes(), json.loads(manifest.read_bytes())
    first = whole.splitlines(keepends=True)[0]
    for altered, word in (
        (whole.replace(first, b""), "missing"),
        (whole.replace(json.loads(first)["key"].encode(), b"0" * 32), "never asked"),
    ):
        results.write_bytes(altered)
        facts["results_sha256"] = sha256(altered).hexdigest()
        manifest.write_text(json.dumps(facts))
        assert any(word in problem for problem in check_results(results).problems)


async def test_nothing_of_a_batch_stays_in_the_vault(tmp_path: Path, opener: Opener) -> None:
    engine, _ = await opener(echo)
    prompts_file(tmp_path, 3)
    await run(engine, tmp_path, BatchPlan((spec(0),)))
    assert await engine.chats() == []
    assert engine.recent_prompts() == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk here")
async def test_a_full_disk_is_told_once_and_closing_does_not_hide_it() -> None:
    lines = DurableLines(Path("/dev/full"))
    with pytest.raises(UsageError, match="/dev/full cannot be written"):
        await lines.append(b"a row\n")
    await lines.close()
