"""The engine: the one thing that faces and library users hold.

It wires the floors together and delegates to what lies beside it. Opening it contacts nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self, Unpack

from troth.domain.conversation import Conversation, SearchHit
from troth.domain.error import ConfigError, TrothError
from troth.domain.exchange import HttpRequest, HttpResponse
from troth.domain.message import BlobPart, Part
from troth.domain.model import Endpoint, ModelRef
from troth.domain.verdict import Verdict
from troth.engine.attach import as_parts
from troth.engine.chat import Chat
from troth.engine.chats import ChatChanges, Chats
from troth.engine.directory import Directory
from troth.engine.endpoints import DEMO_PROVIDER, provider_problems
from troth.engine.feed import Change, Feed, Locked, Unlocked
from troth.engine.housekeeping import Housekeeping
from troth.engine.local_models import LOCAL_PROVIDER, LocalModels
from troth.engine.prepare import Preparation, SendPlan
from troth.engine.proofs import Proofs
from troth.engine.providers import Providers
from troth.engine.recent_models import RecentModels
from troth.engine.refused import RefusedParameters
from troth.engine.reply import Reply
from troth.engine.talk import Talk
from troth.engine.verification import Verification
from troth.engine.waiting import Waiting
from troth.providers.registry import provider_for
from troth.settings import Paths, Settings, find_paths, load_settings
from troth.transport import Ledger, Transport
from troth.vault.vault import Vault

if TYPE_CHECKING:
    from troth.engine.attach_folder import FolderTaken
    from troth.engine.comparisons import Comparisons
    from troth.engine.enclaves import Enclaves


class Engine:
    """Chats, models, keys and replies of one user."""

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        problems: Sequence[ConfigError],
        vault: Vault,
        environ: Mapping[str, str],
    ) -> None:
        self.paths = paths
        self.settings = settings
        self.problems = (*problems, *provider_problems(paths, settings))
        self.vault = vault
        self.is_locked = False
        self.ledger = Ledger()
        self._transport = Transport(
            proxy=settings.proxy or None, ca_file=settings.ca_file or None, ledger=self.ledger
        )
        self._feed = Feed()
        self._directory = Directory(settings, vault, self._transport, environ, self._ask_provider)
        self._local = LocalModels(paths.models_dir, self.ledger)
        self.recent_models = RecentModels()
        self.providers = Providers(
            paths,
            lambda: self.settings,
            self.reload_settings,
            self._directory,
            self._local,
            self.recent_models,
        )
        """Models, providers and keys."""
        self._chats = Chats(lambda: self.vault, lambda: self.settings, self._feed)
        self.housekeeping = Housekeeping(lambda: self.vault, self._feed, self._chats.elsewhere)
        key_for = self._directory.key_for
        self._verification = Verification(paths, self._transport, lambda: self.vault, key_for)
        self.proofs = Proofs(self._verification, self._directory.endpoint)
        """Verdicts, kept bytes, receipts and the trust file."""
        refused = RefusedParameters(lambda: self.vault)
        self._preparation = Preparation(
            self._directory, self._reach, self._verification, refused, self._local.cause_of
        )
        self._talk = Talk(
            self._preparation, self._chats, self._transport, self._feed, self._verification
        )

    @cached_property
    def comparisons(self) -> Comparisons:
        """Several models beside each other; imported when first asked for."""
        from troth.engine.comparisons import Comparisons

        return Comparisons(self._talk, self._chats, self._preparation, self._feed)

    @cached_property
    def enclaves(self) -> Enclaves:
        """Logins, payments, the registry, the simulated enclave; imported when first asked for."""
        from troth.engine.enclaves import Enclaves

        return Enclaves(self._verification, self._directory, self._local, self._transport)

    @classmethod
    async def open(
        cls,
        *,
        paths: Paths | None = None,
        vault: Vault | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Engine:
        """Open an engine over `vault`, or over memory: then nothing is kept after `close`."""
        environ = os.environ if environ is None else environ
        paths = paths or find_paths(environ)
        loaded = load_settings(paths)
        engine = cls(
            paths, loaded.settings, loaded.problems, vault or await Vault.in_memory(), environ
        )
        await engine.load()
        return engine

    async def load(self) -> None:
        """Read what is remembered from the vault: keys, model lists, the last model, prompts."""
        await self._directory.load()
        await self._talk.prompts.load(self.vault)
        await self.recent_models.load(self.vault)
        self._directory.set_local(self._local.infos())

    async def use_vault(self, vault: Vault) -> None:
        """Go on with another vault: it was unlocked, or made just now."""
        self.vault = vault
        self._directory.use_vault(vault)
        self._verification.forget()
        self._chats.use_vault(vault)
        await self.load()
        self.is_locked = False
        self._talk.release()
        self._feed.tell(Unlocked())

    async def lock(self) -> None:
        """Close the vault and drop keys and open chats. A running reply goes on, unseen."""
        if self.vault.is_memory or self.is_locked:
            return
        self.is_locked = True
        self._talk.hold(self.vault.inbox())
        self._feed.tell(Locked())
        self._chats.forget()
        self._talk.prompts.forget()
        self._directory.forget()
        await self.vault.close()

    async def warm_up(self, model: ModelRef | None = None) -> None:
        """Do what the first message would wait for: imports, the model's start. Asks nobody."""
        await self._transport.warm_up()
        model = model or self.providers.default_model()
        if model is None:
            return
        with contextlib.suppress(TrothError):  # the first message will say what is wrong
            endpoint = self._directory.endpoint(model.provider)
            provider_for(endpoint.wire)
            judge = await asyncio.to_thread(self._verification.judge)
            await judge.warm_up(endpoint, model.model)
            if model.provider == LOCAL_PROVIDER:
                await self._local.reach(model.model)

    def reload_settings(self) -> None:
        """Read config.toml again."""
        loaded = load_settings(self.paths)
        self.settings = loaded.settings
        self.problems = (*loaded.problems, *provider_problems(self.paths, loaded.settings))
        self._directory.apply(loaded.settings)

    async def close(self) -> None:
        """Seal what arrives, stop the embedded model, close the vault."""
        await self._talk.stop_all()
        await self._chats.close_all()
        await self._local.close()
        await self._transport.close()
        await self.vault.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def changes(self) -> AsyncIterator[Change]:
        """Yield what changes from now on: chats, replies that begin, locking."""
        return self._feed.listen()

    # chats

    async def chats(self, *, is_archived: bool | None = False) -> list[Conversation]:
        """Return the chat list, pinned first, then the newest."""
        return await self._chats.all(is_archived=is_archived)

    async def new_chat(
        self, *, model: ModelRef | None = None, persona: str = "", is_incognito: bool = False
    ) -> Chat:
        """Begin a chat with `model`, else with the default or the last one."""
        chat = await self._chats.new(model=model, persona=persona, is_incognito=is_incognito)
        if chat.conversation.model is None:
            await self._chats.update(chat, model=self.providers.default_model())
        return chat

    async def open_chat(self, conversation_id: str, *, newest: int = 200) -> Chat:
        """Open a chat with its newest messages; raise NotFound."""
        return await self._chats.open(conversation_id, newest=newest)

    async def close_chat(self, chat: Chat) -> None:
        """Let go of an open chat; an incognito one is gone for good."""
        await self._chats.close(chat)

    async def update_chat(self, chat: Chat | str, **changes: Unpack[ChatChanges]) -> Conversation:
        """Change title, pin, archive, system prompt, persona, parameters, model or policy."""
        conversation = await self._chats.update(chat, **changes)
        await self._chosen(conversation, changes.get("model"))
        return conversation

    async def _chosen(self, conversation: Conversation, model: ModelRef | None) -> None:
        if not conversation.is_incognito:  # such a chat leaves no trace
            await self.recent_models.remember(self.vault, model)

    async def delete_chat(self, conversation_id: str) -> None:
        """Put a chat into the trash."""
        await self._chats.delete(conversation_id)

    async def undelete_chat(self, conversation_id: str) -> None:
        await self._chats.undelete(conversation_id)

    async def select_variant(self, chat: Chat, message_id: str) -> None:
        """Show the variant `message_id` and what followed it last."""
        await chat.load_rest()
        await self._chats.select_head(chat, chat.tree.newest_leaf(message_id))

    async def branch_from(self, chat: Chat, message_id: str) -> None:
        """Go back to `message_id`: what is said next becomes another branch below it."""
        await self._chats.select_head(chat, message_id)

    async def fork_chat(self, chat: Chat, message_id: str) -> Chat:
        """Begin a new chat that has everything up to `message_id`; the old one stays as it is."""
        return await self._chats.fork(chat, message_id)

    async def save_draft(self, chat: Chat, text: str) -> None:
        await self._chats.save_draft(chat, text)

    async def search(
        self, query: str, *, limit: int = 50, conversation_id: str | None = None
    ) -> list[SearchHit]:
        return await self._chats.search(query, limit=limit, conversation_id=conversation_id)

    def recent_prompts(self) -> list[str]:
        """Return the last prompts of all chats, oldest first."""
        return self._talk.prompts.all()

    async def blob(self, chat: Chat, sha256: str) -> bytes | None:
        """Return the bytes of an attachment or a made image."""
        return self._talk.blobs.get(sha256) or await chat.store.blob(sha256)

    # talking

    async def plan(
        self, chat: Chat, parts: Sequence[Part] = (), *, model: ModelRef | None = None
    ) -> SendPlan:
        """Say what sending `parts` would carry and leave out. Nothing leaves."""
        return await self._preparation.plan(chat, parts, model)

    async def send(
        self, chat: Chat, parts: Sequence[Part] | str, *, model: ModelRef | None = None
    ) -> Reply:
        """Send a message; raises before anything is stored when it cannot work."""
        reply = await self._talk.send(chat, as_parts(parts), model)
        await self._chosen(chat.conversation, model)
        return reply

    async def regenerate(
        self, chat: Chat, message_id: str, *, model: ModelRef | None = None
    ) -> Reply:
        """Ask again; the new reply stands beside the old one."""
        reply = await self._talk.regenerate(chat, message_id, model)
        await self._chosen(chat.conversation, model)
        return reply

    async def continue_reply(self, chat: Chat, message_id: str) -> Reply:
        """Let a cut reply go on."""
        return await self._talk.continue_reply(chat, message_id)

    async def edit_and_resend(
        self,
        chat: Chat,
        message_id: str,
        parts: Sequence[Part] | str,
        *,
        model: ModelRef | None = None,
    ) -> Reply:
        """Send another wording of one of the user's messages."""
        reply = await self._talk.edit_and_resend(chat, message_id, as_parts(parts), model)
        await self._chosen(chat.conversation, model)
        return reply

    @property
    def waiting(self) -> Waiting:
        """Messages that wait for a reply to end."""
        return self._talk.waiting

    async def attach(self, path: Path) -> BlobPart:
        """Read a file into a part of the next message; raises NotFound or UsageError."""
        return await self._talk.attach(path)

    async def attach_folder(self, path: Path) -> FolderTaken:
        """Read a folder's text files into parts of the next message; raises as `attach` does."""
        return await self._talk.attach_folder(path)

    async def verdict(self, chat: Chat, message_id: str) -> Verdict | None:
        """Return a reply's newest verdict, if any."""
        return chat.verdicts.get(message_id)

    async def _ask_provider(
        self, endpoint: Endpoint, request: HttpRequest, timeout_s: float
    ) -> HttpResponse:
        return await self._verification.ask(
            endpoint, request, purpose="model list", timeout_s=timeout_s
        )

    async def _reach(self, ref: ModelRef) -> tuple[Endpoint, str | None]:
        if ref.provider == LOCAL_PROVIDER:
            return await self._local.reach(ref.model)
        if ref.provider == DEMO_PROVIDER:
            return await self.enclaves.reach(ref), None
        return self._directory.endpoint(ref.provider), self._directory.key_for(ref.provider)
