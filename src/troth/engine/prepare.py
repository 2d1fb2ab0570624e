"""Getting a request ready: which model, what it may see, what stays behind. Nothing leaves here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from troth.domain.error import (
    BoundaryUnasked,
    Failure,
    KeyMissing,
    LoginMissing,
    NotFound,
    TrothError,
    UsageError,
    VaultReadOnly,
)
from troth.domain.message import BlobPart, Finish, LeftOut, Message, Part, RawItem, Role
from troth.domain.model import Endpoint, ModelInfo, ModelRef, Params
from troth.domain.turn import Turn
from troth.engine.boundary import Crossing, crossing_of, held_back
from troth.engine.chat import Chat
from troth.engine.context import Context, build_context
from troth.engine.directory import Directory
from troth.engine.endpoints import wants_login
from troth.engine.ids import new_ulid
from troth.engine.local_models import DEFAULT_PROMPT
from troth.engine.pace import Pace
from troth.engine.refused import RefusedParameters
from troth.engine.reply import Reply
from troth.engine.run import Job
from troth.engine.tokens import estimate_prompt
from troth.engine.verification import Verification
from troth.providers.base import CutsContext
from troth.providers.registry import provider_for

Reach = Callable[[ModelRef], Awaitable[tuple[Endpoint, str | None]]]
"""Makes a provider reachable (starts the embedded model) and returns its endpoint and key."""


@dataclass(frozen=True, slots=True)
class SendPlan:
    """What a message would carry, known before a byte leaves."""

    model: ModelInfo
    endpoint: Endpoint
    left_out: tuple[LeftOut, ...]
    message_count: int
    context_tokens: int
    """An estimate of everything that will be sent."""
    context_limit: int | None
    """Tokens that the model reads at once, as it will be asked; None where nobody says."""
    cuts_silently: bool
    """Whether the server drops the beginning of what is too long, and says nothing."""
    is_key_missing: bool
    crossing: Crossing | None = None
    """What would go to a plain provider for the first time: sending raises until it is decided."""


class Preparation:
    """Decides all that a reply needs before a byte leaves."""

    def __init__(
        self,
        directory: Directory,
        reach: Reach,
        verification: Verification,
        refused: RefusedParameters,
        cause_of: Callable[[ModelRef, TrothError], Awaitable[TrothError]],
    ) -> None:
        self._directory = directory
        self._reach = reach
        self._verification = verification
        self._refused = refused
        self._cause_of = cause_of
        self._pace = Pace()

    def target(self, chat: Chat, model: ModelRef | None) -> tuple[ModelInfo, Endpoint]:
        """Return the model that would answer, and where; raise UsageError where none is chosen."""
        ref = model or chat.conversation.model
        if ref is None:
            raise UsageError("choose a model first")
        return self._directory.describe(ref), self._directory.endpoint(ref.provider)

    async def check(self, chat: Chat, model: ModelRef | None) -> None:
        """Refuse what cannot work, or may not be, before anything is stored or sent."""
        if chat.store.is_read_only:
            raise VaultReadOnly(str(chat.store.path or ""), "nothing new can be kept")
        info, endpoint = self.target(chat, model)
        if endpoint.needs_key and self._directory.key_status(endpoint.name) is None:
            if wants_login(endpoint):
                raise LoginMissing(endpoint.name)
            raise KeyMissing(endpoint.name, endpoint.key_variables)
        await self._verification.enforce(chat, info, endpoint)
        if crossing := await self.crossing(chat, info, endpoint):
            raise BoundaryUnasked(
                crossing.provider, attested=crossing.attested, local=crossing.local
            )

    async def crossing(self, chat: Chat, info: ModelInfo, endpoint: Endpoint) -> Crossing | None:
        """Return what would cross to a plain provider and was never asked about."""
        decided = chat.released | chat.withheld
        crossing = crossing_of(chat.path, chat.verdicts, endpoint.name, decided)
        if crossing is None or not await self._verification.is_plain(info, endpoint):
            return None
        return crossing

    async def _withheld(self, chat: Chat, info: ModelInfo, endpoint: Endpoint) -> Collection[str]:
        if chat.withheld and await self._verification.is_plain(info, endpoint):
            return chat.withheld
        return ()

    async def plan(self, chat: Chat, parts: Sequence[Part], model: ModelRef | None) -> SendPlan:
        """Say what sending `parts` now would carry and leave out."""
        info, endpoint = self.target(chat, model)
        draft = [user_message(chat, parts, chat.conversation.head_id)] if parts else []
        withheld = await self._withheld(chat, info, endpoint)
        provider = provider_for(endpoint.wire)
        limit = info.context_tokens
        if isinstance(provider, CutsContext):
            limit = provider.context_limit(info, endpoint)
        context = self._context(chat, [*chat.path, *draft], info, endpoint, {}, withheld)
        status = self._directory.key_status(endpoint.name)
        return SendPlan(
            model=info,
            endpoint=endpoint,
            left_out=context.left_out,
            message_count=len(context.messages),
            context_tokens=estimate_prompt(chat.conversation.system_prompt, context.messages),
            context_limit=limit,
            cuts_silently=isinstance(provider, CutsContext),
            is_key_missing=endpoint.needs_key and status is None,
            crossing=await self.crossing(chat, info, endpoint),
        )

    async def job(self, chat: Chat, reply: Reply, parent_id: str, *, continues: bool) -> Job:
        """Return everything that `ReplyRun` needs."""
        info, endpoint = self.target(chat, reply.model)
        path = chat.tree.path(parent_id)
        replied = [message.id for message in path if message.role is Role.ASSISTANT]
        raw_items = await chat.store.raw_items(replied)
        withheld = await self._withheld(chat, info, endpoint)
        context = self._context(chat, path, info, endpoint, raw_items, withheld)
        info, params, dropped = await self._refused.apply(info, chat.conversation.params)
        left_out = context.left_out + tuple(
            LeftOut("parameter", 1, "refused_before", name) for name in dropped
        )
        turn = Turn(
            messages=context.messages,
            system_prompt=chat.conversation.system_prompt
            or (DEFAULT_PROMPT if info.is_local else ""),
            params=params,
            blobs=await _load_blobs(chat, context.messages),
            continues_reply=continues,
        )
        return Job(
            reply=reply,
            turn=turn,
            model=info,
            provider=provider_for(endpoint.wire),
            reach=lambda: self._reach(info.ref),
            message=_blank(chat, reply, parent_id, params, left_out),
            remember_refused=lambda lesson: self._refused.remember(info.ref, lesson),
            cause_of=lambda error: self._cause_of(info.ref, error),
            pace=self._pace,
            channel=self._verification.channel(endpoint, chat.conversation.policy),
        )

    def _context(
        self,
        chat: Chat,
        path: Sequence[Message],
        info: ModelInfo,
        endpoint: Endpoint,
        raw_items: Mapping[str, tuple[RawItem, ...]],
        withheld: Collection[str],
    ) -> Context:
        provider = provider_for(endpoint.wire)
        return build_context(
            path,
            info,
            replays=lambda item: provider.replays(item, endpoint, info.ref),
            carries=lambda media_type: provider.carries(media_type, endpoint),
            raw_items=raw_items,
            held_back=held_back(chat),
            withheld=withheld,
        )


def user_message(
    chat: Chat, parts: Sequence[Part], parent_id: str | None, *, message_id: str = ""
) -> Message:
    """Return the user's words as a message that is not stored yet."""
    return Message(
        id=message_id or new_ulid(),
        conversation_id=chat.id,
        parent_id=parent_id,
        role=Role.USER,
        created_at=datetime.now(UTC),
        parts=tuple(parts),
    )


async def _load_blobs(chat: Chat, messages: Sequence[Message]) -> dict[str, bytes]:
    loaded: dict[str, bytes] = {}
    for message in messages:
        for part in message.parts:
            if isinstance(part, BlobPart) and part.blob.sha256 not in loaded:
                content = await chat.store.blob(part.blob.sha256)
                if content is None:
                    raise NotFound("attachment", part.blob.name)
                loaded[part.blob.sha256] = content
    return loaded


def failed_message(chat: Chat, reply: Reply, parent_id: str, error: TrothError) -> Message:
    """Return the reply that never was, with the reason."""
    blank = _blank(chat, reply, parent_id, chat.conversation.params, ())
    return replace(blank, finish=Finish.FAILED, failure=Failure.of(error))


def _blank(
    chat: Chat, reply: Reply, parent_id: str, params: Params, left_out: tuple[LeftOut, ...]
) -> Message:
    return Message(
        id=reply.id,
        conversation_id=chat.id,
        parent_id=parent_id,
        role=Role.ASSISTANT,
        created_at=datetime.now(UTC),
        parts=(),
        model=reply.model,
        params=params,
        left_out=left_out,
    )
