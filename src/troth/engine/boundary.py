"""Messages that never left an enclave or this computer, and the line that they would cross.

Switching models in the middle of a chat carries what was said before to the next provider. Where
that provider is a plain one, the user is asked first; until then nothing leaves.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from troth.domain.message import Finish, Message, Role
from troth.domain.verdict import State, Verdict
from troth.engine.chat import Chat

ATTESTED_STATES = frozenset(
    {
        State.VERIFIED_ATTESTED,
        State.VERIFIED_CODE_UNKNOWN,
        State.VERIFIED_REGISTRY,
        State.VERIFIED_PINNED,
        State.PARTLY_COVERED,
        State.PRIVATE_CHANNEL,
        State.PLATFORM_OUTDATED,
    }
)
_SIGNED_STATES = frozenset(
    {
        State.VERIFIED_ATTESTED,
        State.VERIFIED_CODE_UNKNOWN,
        State.VERIFIED_REGISTRY,
        State.VERIFIED_PINNED,
        State.PARTLY_COVERED,
    }
)
_ENOUGH: Mapping[str, frozenset[State]] = {
    "signed": _SIGNED_STATES,
    "attested": frozenset({State.VERIFIED_ATTESTED}),
    "device": frozenset[State](),
}
_NEVER_SHORT = frozenset({State.LOCAL, State.IMPORTED})
"""There is nothing to prove about these: no provider answered."""
_KEY = "care:"


def falls_short(verdict: Verdict, policy: str) -> bool:
    """Whether a reply failed, or proves less than its chat's policy asks for."""
    if verdict.is_loud:
        return True
    wanted = _ENOUGH.get(policy)
    return wanted is not None and verdict.state not in wanted | _NEVER_SHORT


def held_back(chat: Chat) -> Mapping[str, str]:
    """Return the replies that stay out of what later models are given, each with the reason.

    They come back one by one, when the user says so.
    """
    policy = chat.conversation.policy
    return {
        message_id: "not_verified" if verdict.is_loud else "below_policy"
        for message_id, verdict in chat.verdicts.items()
        if message_id not in chat.allowed and falls_short(verdict, policy)
    }


@dataclass(frozen=True, slots=True)
class Crossing:
    """What would go to a plain provider for the first time. Questions count with their replies."""

    provider: str
    message_ids: tuple[str, ...]
    attested: int
    """How many of them were only ever given to a provider that proves what it is."""
    local: int
    """How many of them never left the user's own machines."""


def crossing_of(
    path: Sequence[Message],
    verdicts: Mapping[str, Verdict],
    provider: str,
    decided: Collection[str],
) -> Crossing | None:
    """Return what of `path` (oldest first) would cross the line; None when nothing would.

    What stands before a plain provider's reply has crossed already. `decided` was asked before.
    """
    attested: list[str] = []
    local: list[str] = []
    waiting: list[str] = []
    for message in path:
        if message.role is not Role.ASSISTANT:
            waiting.append(message.id)
            continue
        verdict = verdicts.get(message.id)
        if verdict is not None and verdict.state is State.LOCAL:
            local += [*waiting, message.id]
        elif verdict is not None and verdict.state in ATTESTED_STATES:
            attested += [*waiting, message.id]
        elif message.finish is not Finish.FAILED and not message.is_imported:
            attested, local = [], []
        waiting = []
    new_attested = [id for id in attested if id not in decided]
    new_local = [id for id in local if id not in decided]
    if not (new_attested or new_local):
        return None
    return Crossing(provider, (*new_attested, *new_local), len(new_attested), len(new_local))


def joined(crossings: Sequence[Crossing]) -> Crossing | None:
    """Return several crossings as one question; None for none."""
    if not crossings:
        return None
    attested = dict.fromkeys(id for c in crossings for id in c.message_ids[: c.attested])
    local = dict.fromkeys(id for c in crossings for id in c.message_ids[c.attested :])
    providers = ", ".join(dict.fromkeys(crossing.provider for crossing in crossings))
    return Crossing(providers, (*attested, *local), len(attested), len(local))


def within(crossing: Crossing, ids: Collection[str]) -> Crossing | None:
    """Return what of a crossing lies among `ids`; None where nothing does."""
    attested = tuple(id for id in crossing.message_ids[: crossing.attested] if id in ids)
    local = tuple(id for id in crossing.message_ids[crossing.attested :] if id in ids)
    if not (attested or local):
        return None
    return Crossing(crossing.provider, (*attested, *local), len(attested), len(local))


async def load_care(chat: Chat) -> None:
    """Read what was decided about a chat: what may cross, what failed and is let in, holding."""
    stored = await chat.store.state(_KEY + chat.id)
    if not stored:
        return
    care = json.loads(stored)
    chat.allowed.update(care.get("allowed", ()))
    chat.released.update(care.get("released", ()))
    chat.withheld.update(care.get("withheld", ()))
    chat.is_held = bool(care.get("is_held"))


async def save_care(chat: Chat) -> None:
    """Keep what was decided about a chat, where the chat itself is kept."""
    board = chat.board or chat
    care = {
        "allowed": sorted(board.allowed),
        "released": sorted(board.released),
        "withheld": sorted(board.withheld),
        "is_held": board.is_held,
    }
    await board.store.set_state(_KEY + board.id, json.dumps(care))
