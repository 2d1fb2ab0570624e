"""Verdicts on replies and the evidence that they were reached with. Both only ever grow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from troth.domain.error import NotFound
from troth.domain.exchange import HttpRequest, HttpResponse
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.vault.rows import (
    clean,
    dump,
    dump_headers,
    load,
    load_headers,
    pack,
    to_datetime,
    to_microseconds,
    unpack,
)
from troth.vault.store import Store

ULID_LENGTH = 26
_CHECKED = (
    "SELECT c.ulid, m.ulid FROM message m JOIN conversation c ON c.id = m.conversation_id"
    " WHERE m.role = 'assistant' AND c.trashed_at IS NULL AND EXISTS"
    " (SELECT 1 FROM verdict v WHERE v.message_id = m.id AND v.is_newest)"
)
_NEWEST = " ORDER BY m.created_at DESC, m.id DESC LIMIT ?2"
_CHECKED_WHOLE = _CHECKED + " AND m.ulid = ?1" + _NEWEST
_CHECKED_ENDING = _CHECKED + " AND (?1 = '' OR substr(m.ulid, -length(?1)) = ?1)" + _NEWEST
Evidence = Mapping[str, tuple[HttpRequest, HttpResponse]]


def record(store: Store, message_ulid: str, verdict: Verdict, evidence: Evidence) -> None:
    """Add a verdict; it becomes the message's newest one, and older ones stay."""
    found = store.one(tuple[int], "SELECT id FROM message WHERE ulid = ?", (message_ulid,))
    if found is None:
        raise NotFound("message", message_ulid)
    message_id = found[0]
    store.run("UPDATE verdict SET is_newest = 0 WHERE message_id = ? AND is_newest", (message_id,))
    insert(store, message_id, verdict, evidence)


def insert(store: Store, message_id: int, verdict: Verdict, evidence: Evidence) -> None:
    """Write a verdict as the newest one of a message row that has no newer one."""
    checks = [_row(check) for check in verdict.checks]
    store.run(
        "INSERT INTO verdict(message_id, is_newest, state, scheme, verifier, checked_at,"
        " signed_at, key_fingerprint, checks, is_simulated) VALUES (?,1,?,?,?,?,?,?,?,?)",
        (
            message_id,
            verdict.state.value,
            clean(verdict.scheme),
            clean(verdict.verifier),
            to_microseconds(verdict.checked_at),
            None if verdict.signed_at is None else to_microseconds(verdict.signed_at),
            clean(verdict.key_fingerprint),
            dump(checks),
            verdict.is_simulated,
        ),
    )
    for name, (request, response) in evidence.items():
        store.run(
            "INSERT INTO evidence(message_id, name, method, url, request_headers, request_body,"
            " status, response_headers, response_body) VALUES (?,?,?,?,?,?,?,?,?)",
            (
                message_id,
                clean(name),
                clean(request.method),
                clean(request.url),
                dump_headers(request.headers),
                pack(request.body),
                response.status,
                dump_headers(response.headers),
                pack(response.body),
            ),
        )


def newest(store: Store, conversation: str) -> dict[str, Verdict]:
    """Return the newest verdict of each message that has one."""
    rows = store.all(
        tuple[str, str, str, str, int, int | None, str, str, int],
        "SELECT m.ulid, v.state, v.scheme, v.verifier, v.checked_at, v.signed_at,"
        " v.key_fingerprint, v.checks, v.is_simulated FROM conversation c"
        " JOIN message m ON m.conversation_id = c.id JOIN verdict v ON v.message_id = m.id"
        " WHERE c.ulid = ? AND v.is_newest",
        (conversation,),
    )
    parsed: dict[str, tuple[Check, ...]] = {}
    verdicts: dict[str, Verdict] = {}
    for ulid, state, scheme, verifier, checked_at, signed_at, fingerprint, checks, sim in rows:
        if checks not in parsed:  # most replies of one provider have the same checks
            parsed[checks] = _checks(checks)
        verdicts[ulid] = Verdict(
            state=State(state),
            scheme=scheme,
            checks=parsed[checks],
            checked_at=to_datetime(checked_at),
            verifier=verifier,
            key_fingerprint=fingerprint,
            signed_at=None if signed_at is None else to_datetime(signed_at),
            is_simulated=bool(sim),
        )
    return verdicts


def checked(store: Store, ending: str, limit: int) -> list[tuple[str, str]]:
    """Return (conversation, message) of checked replies whose id ends so, the newest first.

    "" is every one. Looks at ids alone: no text is read. Chats in the trash are left out.
    """
    by_id = _CHECKED_WHOLE if len(ending) == ULID_LENGTH else _CHECKED_ENDING
    return store.all(tuple[str, str], by_id, (ending, limit))


def _row(check: Check) -> list[object]:
    row: list[object] = [check.name, check.outcome.value, check.detail]
    return [*row, [[clean(part) for part in fact] for fact in check.facts]] if check.facts else row


def _checks(text: str) -> tuple[Check, ...]:
    """Read checks back: name, outcome, detail and, where something was measured, its facts."""
    return tuple(
        Check(name, Outcome(outcome), detail, tuple((fact, value) for fact, value in facts))
        for name, outcome, detail, *more in cast("list[list[str]]", load(text))
        for facts in (cast("list[list[list[str]]]", more) or [[]])
    )


def evidence(store: Store, message_ulid: str) -> dict[str, HttpResponse]:
    """Return the newest answer under each name."""
    rows = store.all(
        tuple[str, int, str, bytes],
        "SELECT e.name, e.status, e.response_headers, e.response_body FROM message m"
        " JOIN evidence e ON e.message_id = m.id WHERE m.ulid = ? ORDER BY e.id",
        (message_ulid,),
    )
    return {
        name: HttpResponse(status, load_headers(headers), unpack(body))
        for name, status, headers, body in rows
    }
