"""Search finds what a person means, newest first, in every script, and can be stopped."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from troth.domain.error import NotFound, UsageError
from troth.domain.message import Finish, Role
from troth.domain.model import ModelRef
from troth.domain.verdict import State, Verdict
from troth.vault.cjk import cut_words
from troth.vault.search import search
from troth.vault.vault import Vault
from vault.samples import NOW, PICTURE, PICTURE_SHA, chat, rich_reply, said

TEXTS = {
    "wolf": "The old wolf sleeps under the bridge",
    "wolves": "Wolves and sheep share one valley",
    "accent": "Café crème à la Zürich",
    "code": "Use this:\n```python\nprint(1)\n```",
    "snake": "call parse_header now",
    "chinese": "今天我們用漢字搜尋一個很長的句子",
    "japanese": "この関数はカタカナとひらがなを検索します",
    "thai": "ภาษาไทยไม่เว้นวรรค",
    "korean": "한국어문장을검색합니다",
    "mixed": "the GPT模型 answers well",
    "emoji": "well done 🙂🎉",
    "quotes": 'he said "never again" twice',
}


@pytest.fixture
async def library(memory: Vault) -> Vault:
    await memory.add_conversation(chat(title="Animals of the forest"))
    parent = None
    for number, (message_id, text) in enumerate(TEXTS.items()):
        at = NOW + timedelta(days=number)
        await memory.append(said(message_id, text, parent=parent, at=at))
        parent = message_id
    return memory


async def found(vault: Vault, query: str, **options: object) -> list[str | None]:
    return [hit.message_id for hit in await vault.search(query, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("wolf ", ["wolf"]),
        ("wolf", ["wolf"]),
        ("wol", ["wolves", "wolf"]),
        ("wol ", []),
        ("wol*", ["wolves", "wolf"]),
        ("WOLF bridge ", ["wolf"]),
        ("wolf valley ", []),
        ('"old wolf"', ["wolf"]),
        ('"wolf old"', []),
        ('"old wol"', []),
        ("the -wolf ", [None, "mixed"]),
        ("cafe ", ["accent"]),
        ("CRÈME zurich ", ["accent"]),
        ("parse_header ", ["snake"]),
        ("header ", ["snake"]),
        ("漢字", ["chinese"]),
        ("漢", ["chinese"]),
        ("句子", ["chinese"]),
        ("子", ["chinese"]),
        ("字漢", []),
        ('"很長的句子"', ["chinese"]),
        ("漢字 搜尋", ["chinese"]),
        ("カタカナ", ["japanese"]),
        ("検索", ["japanese"]),
        ("ไม่", ["thai"]),
        ("문장", ["korean"]),
        ("GPT模型", ["mixed"]),
        ("模型 well ", ["mixed"]),
        ("🎉", ["emoji"]),
        ("never again", ["quotes"]),
        ("!!! ???", []),
        ("", []),
        ("   ", []),
        ('"', []),
        ('""', []),
        ("*", []),
        ("-wolf", []),
        ("wolf AND NOT ( NEAR", []),
        ("text:wolf", []),
        ("a'b\"c", []),
    ],
)
async def test_a_query_finds_what_it_says(library: Vault, query: str, expected: list[str]) -> None:
    assert await found(library, query) == expected


async def test_hits_come_newest_first_with_their_words_marked(library: Vault) -> None:
    hits = await library.search("the ")
    assert [hit.message_id for hit in hits] == [None, "mixed", "wolf"]
    title, _, wolf = hits
    assert title.snippet == "Animals of \x02the\x03 forest"
    assert wolf.snippet == "\x02The\x03 old wolf sleeps under \x02the\x03 bridge"
    assert (wolf.conversation_id, wolf.title) == ("chat", "Animals of the forest")
    assert (wolf.role, wolf.model, wolf.created_at) == ("user", None, NOW)


async def test_marks_in_a_text_cannot_fake_a_match(library: Vault) -> None:
    await library.append(said("fake", "a \x02fake\x03 match of zebra", parent="quotes"))
    (hit,) = await library.search("zebra ")
    assert hit.snippet == "a fake match of \x02zebra\x03"


async def test_a_snippet_is_short_and_shows_the_match(library: Vault) -> None:
    text = "filler words " * 2_000 + "needle " + "and more " * 2_000
    await library.append(said("long", text, parent="quotes"))
    (hit,) = await library.search("needle ")
    assert "\x02needle\x03" in hit.snippet
    assert len(hit.snippet) < 200
    assert hit.snippet.startswith("…")
    assert hit.snippet.endswith("…")


async def test_facets_narrow_the_hits(library: Vault) -> None:
    reply = replace(
        rich_reply(parent="quotes"), finish=Finish.CUT, created_at=NOW + timedelta(days=100)
    )
    await library.append(reply, blobs={PICTURE_SHA: PICTURE})
    await library.record_verdict("reply", Verdict(State.FAILED, "og", (), NOW))
    await library.record_verdict("reply", Verdict(State.VERIFIED_PINNED, "og", (), NOW))
    plain = said("plain", "Second plain reply", parent="reply", role=Role.ASSISTANT)
    await library.append(replace(plain, model=ModelRef("openai", "gpt-5"), is_imported=True))
    for query, expected in {
        "is:verified": ["reply"],
        "is:failed": [],
        "is:partial": ["reply"],
        "is:imported": ["plain"],
        "is:pinned": [],
        "has:image": ["reply"],
        "has:code": ["code"],
        "has:thinking": ["reply"],
        "has:file": [],
        "model:opus": ["reply"],
        "provider:openai": ["plain"],
        "provider:open": [],
        "from:model": ["plain", "reply"],
        "from:gpt": ["plain"],
        "from:me wolf ": ["wolf"],
        "second ": ["plain", "reply"],
        "second is:verified": ["reply"],
        "second -is:verified": ["plain"],
        "second -provider:openai": ["reply"],
        "after:2027": ["reply"],
        "before:2026-11-23": ["plain", "wolf"],
        "after:2026-11-23 before:2026-11-24": ["wolves"],
        "in:forest wolf ": ["wolf"],
        "in:desert wolf ": [],
        'in:"animals of" wolf ': ["wolf"],
    }.items():
        assert await found(library, query) == expected, query


@pytest.mark.parametrize(
    "query", ["is:nonsense", "has:nothing", "before:tomorrow", "after:2026-13"]
)
async def test_a_facet_that_makes_no_sense_is_told(library: Vault, query: str) -> None:
    with pytest.raises(UsageError) as told:
        await library.search(query)
    assert "takes" in told.value.detail


async def test_a_facet_that_is_still_being_typed_is_no_error(library: Vault) -> None:
    assert await found(library, "wolf is:") == ["wolf"]


async def test_folders_and_tags_are_found_by_in(library: Vault) -> None:
    await library.folders.put(["chat"], "Field work")
    await library.folders.tag(["chat"], "nature")
    assert await found(library, 'in:"field work" wolf ') == ["wolf"]
    assert await found(library, "in:nature wolf ") == ["wolf"]


async def test_what_few_messages_have_is_found_without_walking_the_others(
    memory: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    await memory.add_conversation(chat())
    await memory.add_conversation(chat("other", title="Another", is_pinned=True))
    await memory.append(said("alone", "one of its kind", chat_id="other"))
    parent = None
    for number in range(300):
        await memory.append(said(f"m{number}", "one of many", parent=parent))
        parent = f"m{number}"
    await memory.record_verdict("m0", Verdict(State.LOCAL, "og", (), NOW))

    def steps(store: Any, query: str) -> tuple[int, list[str | None]]:
        """Return tens of SQLite's own steps, and what was found."""
        taken: list[int] = []

        def count() -> bool:
            taken.append(1)
            return False  # go on

        store.connection.set_progress_handler(count, 10)
        hits = search(store, query, 50, None, "newest")
        store.connection.set_progress_handler(None)
        return len(taken), [hit.message_id for hit in hits]

    for query in ("is:failed", "is:pinned", "in:another", "in:nowhere"):
        few, found_few = await memory._searcher.run(steps, query)
        monkeypatch.setattr("troth.vault.search.FEW_MESSAGES", -1)
        walked, found_all = await memory._searcher.run(steps, query)
        monkeypatch.undo()
        assert found_few == found_all == (["alone"] if "pinned" in query or "an" in query else [])
        assert few < walked / 4


async def test_one_chat_can_be_searched_alone(library: Vault) -> None:
    await library.add_conversation(chat("other", title="Other"))
    await library.append(said("there", "a wolf elsewhere", chat_id="other"))
    assert await found(library, "wolf ") == ["there", "wolf"]
    assert await found(library, "wolf ", conversation_id="other") == ["there"]
    assert await found(library, "wolf ", conversation_id="unknown") == []


async def test_best_puts_the_closest_first_among_the_newest(library: Vault) -> None:
    await library.append(said("dense", "wolf wolf wolf", parent="quotes"))
    await library.append(said("thin", "wolf " + "and other words " * 40, parent="dense"))
    assert await found(library, "wolf ") == ["thin", "dense", "wolf"]
    assert (await found(library, "wolf ", order="best"))[0] == "dense"


async def test_the_limit_counts_titles_too(library: Vault) -> None:
    assert len(await library.search("the ", limit=2)) == 2
    assert await library.search("the ", limit=0) == []


async def test_a_hit_is_shown_between_its_neighbours(library: Vault) -> None:
    await library.append(said("aside", "another answer to the wolf", parent="wolf"))
    await library.record_verdict("accent", Verdict(State.FAILED, "og", (), NOW))
    (hit,) = await library.search("sheep ")
    found = await library.surroundings("sheep ", hit)
    assert found.message.id == "wolves"
    assert found.excerpt == "Wolves and \x02sheep\x03 share one valley"
    assert [one.id for one in (found.before, found.after) if one is not None] == ["wolf", "accent"]
    assert found.verdict_states == {"accent": State.FAILED}
    (first,) = await library.search("bridge ")
    found = await library.surroundings("bridge ", first)
    assert found.before is None
    assert found.after is not None
    assert found.after.id == "wolves"


async def test_a_found_title_shows_the_end_of_its_chat(library: Vault) -> None:
    title = (await library.search("forest "))[0]
    found = await library.surroundings("forest ", title)
    assert (found.message.id, found.after) == ("quotes", None)


async def test_a_hit_that_is_gone_meanwhile_has_no_surroundings(library: Vault) -> None:
    hits = await library.search("wolf") + (await library.search("forest "))[:1]
    await library.trash("chat")
    await library.empty_trash(NOW + timedelta(days=40_000))
    for hit in hits:
        with pytest.raises(NotFound):
            await library.surroundings("wolf", hit)


async def test_a_renamed_chat_is_found_by_its_new_title_only(library: Vault) -> None:
    known = await library.conversation("chat")
    assert known is not None
    await library.update_conversation(replace(known, title="沙漠の旅"))
    assert await found(library, "forest") == []
    assert await found(library, "沙漠") == [None]


async def test_a_reader_sees_what_was_just_written_and_not_what_is_gone(vault: Vault) -> None:
    await vault.add_conversation(chat())
    await vault.append(said("first", "a heron"))
    assert await found(vault, "heron ") == ["first"]
    await vault.append(said("second", "a heron again", parent="first"))
    assert await found(vault, "heron ") == ["second", "first"]
    await vault.trash("chat")
    await vault.empty_trash(NOW + timedelta(days=36_500))
    assert await found(vault, "heron ") == []


async def test_a_cancelled_search_stops_and_the_next_one_works(vault: Vault) -> None:
    await vault.add_conversation(chat())
    parent = None
    for number in range(30):
        await vault.append(said(f"m{number}", "word " * 5_000, parent=parent))
        parent = f"m{number}"
    task = asyncio.create_task(vault.search("word -nothing model:none", limit=10))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await vault.search("word ", limit=5)) == 5


def test_text_without_such_scripts_is_indexed_as_it_is() -> None:
    for text in ("plain ascii", "Größe été", "Русский текст", "ελληνικά"):
        assert cut_words(text) is text
