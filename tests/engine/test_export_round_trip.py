"""Our JSON from one vault into another and out again: the same bytes, but for what must differ."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from transfer.any_messages import any_messages, any_times, words
from transfer.exports import write_json
from troth.domain.conversation import Conversation
from troth.domain.exchange import Exchange, HttpRequest, HttpResponse
from troth.domain.message import BlobPart, Message, Part, Role
from troth.domain.model import ModelRef, Params
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.engine.comparison_state import (
    COMPARISON_KEY,
    Blind,
    ColumnSpec,
    ColumnState,
    ComparisonState,
    dump_state,
)
from troth.engine.engine import Engine
from troth.engine.exporting import chat_document
from troth.engine.housekeeping import Labels
from troth.engine.importing import preview_import, run_import
from troth.settings import find_paths

CHAT = "01ABCDEFGHJKMNPQRSTVWXYZ01"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""Every example opens three vaults: to make a failing one smaller would take minutes."""
REQUEST = HttpRequest("GET", "https://keys.example/1")

lines = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20)
names = lines.map(str.strip).filter(bool)
models = st.builds(ModelRef, st.sampled_from(["openai", "mine"]), names)
params = st.builds(Params, st.none() | st.floats(0, 2))
bodies = st.binary(max_size=40)
exchanges = st.builds(
    Exchange, st.just("POST"), words, st.just((("A", "b"), ("A", "c"))), bodies, st.just(200),
    st.just(()), bodies, any_times, any_times, st.booleans(), words,
)  # fmt: skip
answers = st.dictionaries(
    st.sampled_from(["key", "report"]), st.builds(HttpResponse, st.just(200), st.just(()), bodies)
)
verdicts = st.builds(
    Verdict, st.sampled_from(State), words,
    st.lists(st.builds(Check, words, st.sampled_from(Outcome), words), max_size=2).map(tuple),
    any_times,
)  # fmt: skip


@dataclass(frozen=True)
class Story:
    """One chat with all that a vault can hold of it."""

    conversation: Conversation
    messages: tuple[Message, ...]
    blobs: dict[str, bytes]
    exchanges: dict[str, Exchange]
    verdicts: dict[str, tuple[Verdict, dict[str, HttpResponse]]]
    comparison: ComparisonState | None
    labels: Labels


@st.composite
def stories(draw: st.DrawFn) -> Story:
    contents = draw(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=3))
    blobs = {hashlib.sha256(content).hexdigest(): content for content in contents}
    told: list[Message] = []
    for number in range(draw(st.integers(1, 6))):
        parents = st.sampled_from([None, *(message.id for message in told)])
        told.append(
            replace(
                draw(any_messages),
                id=f"M{number}",
                conversation_id=CHAT,
                parent_id=draw(parents),
                model=draw(st.none() | models),
            )
        )
        shas = st.sampled_from(sorted(blobs))
        told[-1] = replace(
            told[-1], parts=tuple(real(part, blobs, draw(shas)) for part in told[-1].parts)
        )
    updated_at = max(draw(any_times), *(message.created_at for message in told))
    replies = [message.id for message in told if message.role is Role.ASSISTANT]
    columns = tuple(ColumnState(f"c{n}", ColumnSpec(draw(models)), told[-1].id) for n in range(2))
    blind = draw(st.none() | st.builds(Blind, st.booleans(), st.none() | st.integers(0, 9)))
    return Story(
        Conversation(
            CHAT, draw(lines), draw(any_times), updated_at, told[0].id, len(told),
            draw(st.none() | models), draw(words), draw(lines), draw(params),
            draw(st.sampled_from(["any", "signed", "attested", "device"])),
            draw(st.booleans()), draw(st.booleans()), draw(st.booleans()),
        ),
        tuple(told),
        blobs,
        {id_: draw(exchanges) for id_ in replies if draw(st.booleans())},
        {id_: (draw(verdicts), draw(answers)) for id_ in replies if draw(st.booleans())},
        draw(st.none() | st.just(ComparisonState(told[0].id, columns, blind))),
        Labels(draw(st.just("") | names), tuple(sorted(draw(st.sets(names, max_size=3))))),
    )  # fmt: skip


def real(part: Part, blobs: dict[str, bytes], sha256: str) -> Part:
    """Let a reference to bytes be one to bytes that are there."""
    if not isinstance(part, BlobPart):
        return part
    return replace(part, blob=replace(part.blob, sha256=sha256, size_bytes=len(blobs[sha256])))


async def keep(engine: Engine, story: Story) -> None:
    vault = engine.vault
    await vault.add_conversation(story.conversation)
    for message in story.messages:
        await vault.append(
            message,
            exchange=story.exchanges.get(message.id),
            blobs={blob.sha256: story.blobs[blob.sha256] for blob in message.blobs},
        )
    for message_id, (verdict, found) in story.verdicts.items():
        evidence = {name: (REQUEST, answer) for name, answer in found.items()}
        await vault.record_verdict(message_id, verdict, evidence)
    await vault.update_conversation(story.conversation)
    if story.comparison is not None:
        await vault.set_state(COMPARISON_KEY + CHAT, dump_state(story.comparison))
    if story.labels.folder:
        await engine.housekeeping.put([CHAT], story.labels.folder)
    for tag in story.labels.tags:
        await vault.folders.tag([CHAT], tag)


async def given_away(engine: Engine) -> dict[str, Any]:
    chat = await engine.open_chat(CHAT)
    await chat.load_rest()
    labels = (await engine.housekeeping.labels()).get(CHAT, Labels())
    document = json.loads(json.dumps(await chat_document(chat, labels)))
    assert isinstance(document, dict)
    return document


async def there_and_back(story: Story, folder: Path) -> list[dict[str, Any]]:
    """Return what each of three vaults gives away, the second and third after an import."""
    documents: list[dict[str, Any]] = []
    for number in range(3):
        home = {"TROTH_HOME": str(folder / f"home{number}")}
        async with await Engine.open(paths=find_paths(home), environ=home) as engine:
            if not documents:
                await keep(engine, story)
            else:
                file = write_json(folder / f"{number}.troth.json", documents[-1])
                report = await run_import(engine, await preview_import(engine, [file]))
                assert (report.messages, report.broken_messages) == (len(story.messages), 0)
            documents.append(await given_away(engine))
    return documents


@given(stories())
@settings(
    max_examples=25, deadline=None, phases=UNSHRUNK, suppress_health_check=[HealthCheck.too_slow]
)
def test_a_chat_of_ours_loses_nothing_on_its_way_to_another_vault(story: Story) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, second, third = asyncio.run(there_and_back(story, Path(folder)))
    told = [row["verdict"] for row in second["messages"] if row["role"] == "assistant"]
    assert all(verdict["state"] == "imported" for verdict in told)
    assert all(row["is_imported"] for row in second["messages"])
    for document in (first, second, third):
        for row in document["messages"]:
            row.pop("verdict")  # each vault says what it has seen itself
            row.pop("is_imported")
    assert json.dumps(second) == json.dumps(first)
    assert json.dumps(third) == json.dumps(second)
