"""`troth compare` and `troth ratings` as a researcher runs them: the real program, killed too."""

from __future__ import annotations

import asyncio
import csv
import json
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cli_runs import PASSPHRASE, Ran, Troth
from scripted.steps import Gate
from servers import (
    Answer,
    Pause,
    RecordedRequest,
    ScriptedServer,
    gated_after,
    html_error,
    openai_chat_stream,
)
from troth.domain.model import ModelRef
from troth.engine.comparison_state import Choice, ColumnSpec
from troth.engine.engine import Engine
from troth.settings import find_paths
from troth.vault.vault import Vault

TWO = ("-m", "one/m", "-m", "two/m")


def echo(request: RecordedRequest) -> Answer:
    return openai_chat_stream([f"echo {request.json()['messages'][-1]['content']}"], usage=(10, 20))


@pytest.fixture
def servers(troth: Troth) -> Iterator[tuple[ScriptedServer, ScriptedServer]]:
    """Two providers, `one` with a price and `two` without."""
    with ScriptedServer(echo) as one, ScriptedServer(echo) as two:
        configure(troth, one, two)
        yield one, two


def configure(troth: Troth, one: ScriptedServer, two: ScriptedServer) -> None:
    troth.write_config(
        "".join(
            f'[providers.{name}]\nwire = "openai-chat"\nbase_url = "{server.url}/v1"\n'
            "needs_key = false\n"
            for name, server in (("one", one), ("two", two))
        )
        + "[providers.one.models.m]\nprice_input = 1.0\nprice_output = 10.0\n"
    )


def prompts(troth: Troth, count: int, extra: str = "") -> Path:
    path = troth.home.parent / "prompts.jsonl"
    lines = [json.dumps({"id": f"p{n}", "prompt": f"question {n}"}) for n in range(count)]
    path.write_text("\n".join([*lines, extra]) + "\n")
    return path


def batch(troth: Troth, *more: str, models: tuple[str, ...] = TWO) -> list[str]:
    folder = troth.home.parent
    file, out = str(folder / "prompts.jsonl"), str(folder / "r.jsonl")
    return ["compare", "--file", file, *models, "--out", out, *more]


def rows_of(troth: Troth) -> list[dict[str, Any]]:
    content = (troth.home.parent / "r.jsonl").read_bytes()
    return [json.loads(line) for line in content.splitlines()]


def asked(server: ScriptedServer) -> Counter[str]:
    return Counter(request.json()["messages"][-1]["content"] for request in server.requests)


def test_a_batch_writes_rows_csv_report_receipts_and_a_summary(
    troth: Troth, servers: tuple[ScriptedServer, ScriptedServer]
) -> None:
    prompts(troth, 4, "{broken")
    folder = troth.home.parent
    extras = ("--csv", str(folder / "r.csv"), "--report", str(folder / "r.html"))
    ran = troth(*batch(troth, "--repeat", "2", "--receipts", str(folder / "receipts"), *extras))
    assert ran.code == 0, ran.err
    assert "line 5 of prompts.jsonl is skipped" in ran.err
    assert len(rows_of(troth)) == 16
    assert [line.split("\t")[0] for line in ran.out.splitlines()] == ["MODEL", "one/m", "two/m"]
    with (folder / "r.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 16
    assert {row["text"] for row in table} == {f"echo question {n}" for n in range(4)}
    assert len(list((folder / "receipts").iterdir())) == 16
    again = troth(*batch(troth, "--repeat", "2", "--report"))
    assert again.code == 0
    assert (folder / "r.jsonl.html").read_bytes().startswith(b"<!doctype html>")
    checked = troth(
        "compare", "--check", str(folder / "r.jsonl"), "--receipts", str(folder / "receipts")
    )
    assert checked.code == 0, checked.out
    assert "16 receipts checked" in checked.out


def test_a_line_up_is_saved_listed_asked_and_removed(
    troth: Troth, servers: tuple[ScriptedServer, ScriptedServer]
) -> None:
    columns = ["one/m?temperature=0.5", "two/m"]
    assert troth("lineups", "list").out == ""
    saved = troth("lineups", "save", "my two", "-m", columns[0], "-m", columns[1])
    assert saved.code == 0, saved.err
    assert troth("lineups", "list", "--json").json == {"my two": columns}
    assert troth("lineups", "list").out == f"my two\t{' '.join(columns)}\n"
    ran = troth("compare", "--lineup", "my two", "--temperature", "0.9", "--no-save", "hello")
    assert ran.code == 0, ran.err
    assert [server.requests[-1].json()["temperature"] for server in servers] == [0.5, 0.9]
    assert troth("lineups", "save", "alone", "-m", "one/m").code == 2
    assert troth("lineups", "save", "odd", "-m", "one/m", "-m", "nobody").code == 2
    assert troth("lineups", "remove", "my two").code == 0
    assert troth("lineups", "remove", "my two").code == 2
    assert troth("compare", "--lineup", "my two", "hello").code == 2


def test_an_altered_results_file_is_exit_code_4(
    troth: Troth, servers: tuple[ScriptedServer, ScriptedServer]
) -> None:
    prompts(troth, 2)
    assert troth(*batch(troth)).code == 0
    results = troth.home.parent / "r.jsonl"
    results.write_bytes(results.read_bytes().replace(b"question 1", b"question X"))
    ran = troth("compare", "--check", str(results), "--json")
    assert ran.code == 4
    assert not ran.json["is_good"]


def test_the_report_is_one_page_without_scripts_or_links_outside(
    troth: Troth, servers: tuple[ScriptedServer, ScriptedServer]
) -> None:
    prompts(troth, 3)
    page = troth.home.parent / "r.html"
    hostile = "one/<script>alert(1)</script>"
    ran = troth(*batch(troth, "--report", str(page), models=(*TWO, "-m", hostile)))
    assert ran.code == 0, ran.err
    seen: list[tuple[str, dict[str, str | None]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.append((tag, dict(attrs)))

    Reader().feed(page.read_text())
    tags = {tag for tag, _ in seen}
    assert {"svg", "table"} <= tags
    assert not tags & {"script", "link", "img", "iframe", "object", "a"}
    assert not any({"src", "href", "onload"} & set(attributes) for _, attributes in seen)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX word")
def test_a_killed_batch_goes_on_with_nothing_lost_and_nothing_paid_twice(troth: Troth) -> None:
    count = 40

    def slow(request: RecordedRequest) -> Answer:
        answer = echo(request)
        return Answer(200, answer.headers, (Pause(0.05), *answer.steps), "chunked")

    with ScriptedServer(slow) as one, ScriptedServer(slow) as two:
        configure(troth, one, two)
        prompts(troth, count)
        for stop_at in (6, 30):
            process = troth.start(*batch(troth, "--concurrency", "3"))
            asyncio.run(one.wait_for_request(stop_at, 30))
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)
        ran = troth(*batch(troth, "--concurrency", "3"))
        rows = rows_of(troth)
        wanted = {(f"p{n}", model) for n in range(count) for model in ("one/m", "two/m")}
        assert {(row["prompt_id"], row["model"]) for row in rows} == wanted
        assert len(rows) == len(wanted)
        for server in (one, two):
            assert max(asked(server).values()) == 1
        lost = [row for row in rows if row["finish"] == "interrupted"]
        assert all(row["text"] == f"echo {row['prompt']}" for row in rows if row not in lost)
        assert len(lost) <= 2 * 2 * 3
        assert ran.code == (1 if lost else 0)
        if lost:
            assert "--ask-again" in ran.err
        assert troth(*batch(troth, "--ask-again")).code == 0
        assert {row["finish"] for row in rows_of(troth)} == {"stop"}
        for server in (one, two):
            again = sum(times - 1 for times in asked(server).values())
            assert again <= len(lost)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to one child is a POSIX thing")
def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(troth: Troth) -> None:
    gate = Gate()
    with ScriptedServer(gated_after(openai_chat_stream(["x"]), 1, gate)) as one:
        configure(troth, one, one)
        prompts(troth, 9)
        models = ("-m", "one/m")
        process = troth.start(*batch(troth, "--concurrency", "2", models=models))
        asyncio.run(one.wait_for_request(2, 30))
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        first = process.stderr.readline()
        gate.open()
        _, rest = process.communicate(timeout=30)
        assert process.returncode == 130
        assert b"ctrl+c again" in first
        assert b"7 replies are left" in rest
        assert len(rows_of(troth)) == 2
        assert troth(*batch(troth, models=models)).code == 0
        assert len(one.requests) == 9


def test_max_cost_says_what_is_left(
    troth: Troth, servers: tuple[ScriptedServer, ScriptedServer]
) -> None:
    prompts(troth, 30)
    ran = troth(*batch(troth, "--max-cost", "0.006", models=("-m", "one/m")))
    assert ran.code == 1
    assert "replies are left" in ran.err
    assert "A reply of one/m has no limit that is known" in ran.err
    assert sum(row["cost_usd"] for row in rows_of(troth)) <= 0.006
    ran = troth(*batch(troth, "--max-cost", "1"))
    assert ran.code == 2
    assert "price is known for two/m" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("--repeat", "0"),
        ("--concurrency", "0"),
        ("--max-cost", "-1"),
        ("--max-cost", "nan"),
        ("--csv", "{folder}/prompts.jsonl"),
        ("--report", "{folder}/none/r.html"),
        ("--csv", "{folder}"),
        ("--report", "{folder}"),
        ("--out", "{folder}"),
        ("--out", "/dev/null/r.jsonl"),
        ("--receipts", "{folder}/prompts.jsonl/receipts"),
        ("-m", "one/m"),
        ("-m", "one/m?colour=red"),
        ("-m", "one/m?temperature=warm"),
        ("--lineup", "nobody"),
        ("a prompt",),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(
    troth: Troth, servers: tuple[ScriptedServer, ScriptedServer], words: tuple[str, ...]
) -> None:
    prompts(troth, 1)
    filled = [word.format(folder=troth.home.parent) for word in words]
    ran = troth(*batch(troth, *filled))
    assert ran.code == 2, ran.err
    assert not any(server.requests for server in servers)


def test_json_is_one_document(troth: Troth, servers: tuple[ScriptedServer, ScriptedServer]) -> None:
    prompts(troth, 2)
    ran = troth(*batch(troth, "--json"))
    assert ran.code == 0
    assert ran.json["answered"] == 4
    assert [model["model"] for model in ran.json["models"]] == ["one/m", "two/m"]


def test_a_line_up_names_the_columns(
    troth: Troth, servers: tuple[ScriptedServer, ScriptedServer]
) -> None:
    file = troth.home / "config" / "config.toml"
    text = file.read_text()
    file.write_text(f'[lineups]\nours = ["one/m", "two/m?temperature=0.5"]\n{text}')
    ran = troth("compare", "--lineup", "ours", "--json", "--no-save", "hello")
    assert ran.code == 0, ran.err
    assert [column["column"] for column in ran.json["columns"]] == [
        "one/m",
        "two/m temperature=0.5",
    ]


def test_one_prompt_is_answered_by_all_and_a_failure_hides_nobody(troth: Troth) -> None:
    with ScriptedServer(html_error(400)) as bad, ScriptedServer(echo) as good:
        configure(troth, bad, good)
        ran = troth("compare", *TWO, "hello")
        assert ran.code == 1
        assert ran.out.index("== one/m") < ran.out.index("== two/m")
        assert "echo hello" in ran.out


def test_a_saved_comparison_is_found_in_the_vault(
    with_vault: Troth, servers: tuple[ScriptedServer, ScriptedServer]
) -> None:
    ran = with_vault("compare", *TWO, "hello", "--json")
    chat = ran.json["chat"]
    assert chat in with_vault("search", "is:comparison", "--json").out
    table = with_vault.home.parent / "c.csv"
    stored = with_vault("compare", "--chat", chat, "--json", "--csv", str(table))
    assert [row["model"] for row in stored.json["answers"]] == ["one/m", "two/m"]
    with table.open(newline="", encoding="utf-8") as file:
        assert [row["text"] for row in csv.DictReader(file)] == ["echo hello"] * 2
    assert with_vault("compare", "--chat", chat).out.count("echo hello") == 2
    other = with_vault("ask", "-m", "one/m", "--json", "no comparison").json["chat"]
    assert with_vault("compare", "--chat", other).code == 2


def test_a_comparison_goes_from_vault_to_vault_in_a_file(
    with_vault: Troth, servers: tuple[ScriptedServer, ScriptedServer]
) -> None:
    asyncio.run(vote(with_vault))
    (found,) = with_vault("chats", "--json").json
    chat = str(found["id"])
    file = with_vault.home.parent / "c.troth.json"
    shown(with_vault("export", chat, "--format", "json", "-o", str(file)))
    document = json.loads(file.read_text())
    assert len(document["votes"]["votes"]) == 3
    document["comparison"]["columns"] = [{"model": 5}]
    (broken := file.with_name("broken.troth.json")).write_text(json.dumps(document))
    for source, is_comparison in ((broken, False), (file, True)):
        other = Troth(with_vault.home.parent / source.stem)
        other.unlock_by_file()
        shown(other("vault", "init"))
        shown(other("import", str(source)))
        ran = other("compare", "--chat", chat, "--json")
        assert (ran.code == 0) is is_comparison
        if is_comparison:
            assert len(ran.json["answers"]) == 6
            assert ran.json["votes"] == []


def test_ratings_of_a_vault_as_table_json_and_csv(
    with_vault: Troth, servers: tuple[ScriptedServer, ScriptedServer]
) -> None:
    assert with_vault("ratings").code == 0
    asyncio.run(vote(with_vault))
    ran = with_vault("ratings", "--json", "--rounds", "20")
    assert [row["model"] for row in ran.json["ratings"]] == ["two/m", "one/m"]
    assert (ran.json["votes"], ran.json["ratings"][0]["wins"]) == (3, 3)
    table = with_vault("ratings", "--csv", "--rounds", "20")
    assert [row["model"] for row in csv.DictReader(table.out.splitlines())] == ["two/m", "one/m"]
    assert "two/m" in shown(with_vault("ratings", "--rounds", "20"))
    assert with_vault("ratings", "--rounds", "0").code == 2
    assert with_vault("ratings", "--tag", "none", "--json").json["votes"] == 0


def shown(ran: Ran) -> str:
    assert ran.code == 0, ran.err
    return ran.out


async def vote(troth: Troth) -> None:
    """Three turns, blind, each won by the second column."""
    from troth.engine.comparison_state import Blind

    environ = {"TROTH_HOME": str(troth.home)}
    paths = find_paths(environ)
    vault = await Vault.open(paths.vault_dir, passphrase=PASSPHRASE)
    async with await Engine.open(paths=paths, vault=vault, environ=environ) as engine:
        chat = await engine.new_chat()
        specs = [ColumnSpec(ModelRef("one", "m")), ColumnSpec(ModelRef("two", "m"))]
        comparison = await engine.comparisons.start(chat, "hi", specs, blind=Blind())
        await comparison.wait()
        for turn in range(3):
            if turn:
                await comparison.send("more")
                await comparison.wait()
            await comparison.voting.vote(turn, *comparison.columns, Choice.RIGHT)
