"""A conversation line by line: what is said, shown and attached, and the chat that it is in."""

from __future__ import annotations

import asyncio
import contextlib

from troth import __version__
from troth.cli.command import Arguments
from troth.cli.find import find_chat
from troth.cli.follow import Follower
from troth.cli.lines import LineReader
from troth.cli.output import Console
from troth.cli.summary import file_lines, reply_summary
from troth.domain.error import UsageError
from troth.domain.message import Message, Part, Role, TextPart
from troth.engine.chat import Chat
from troth.engine.engine import Engine
from troth.engine.payment import PaymentRequest, payment_lines
from troth.engine.reply import Reply
from troth.explain import explain_failure, left_out_words, too_long_words


class PlainChat:
    """One session. Commands that fail say why, and the conversation goes on."""

    def __init__(self, engine: Engine, console: Console, lines: LineReader) -> None:
        self.engine = engine
        self.console = console
        self.lines = lines
        self.attached: list[Part] = []
        self.shows_thinking = engine.settings.show_thinking
        self.is_leaving = False
        self._chat: Chat | None = None
        engine.enclaves.payments.ask = self._ask_payment

    async def _ask_payment(self, request: PaymentRequest) -> bool:
        """Show what would be signed; only the word yes is one."""
        self.console.line(f"{request.provider} asks for a payment:")
        for name, value in payment_lines(request):
            self.console.line(f"  {name}: {value}")
        self.console.line("Type yes to authorise it, anything else for no.")
        return (await self.lines.next() or "").strip().lower() == "yes"

    @property
    def chat(self) -> Chat:
        assert self._chat is not None, "begin() comes first"
        return self._chat

    async def begin(self, arguments: Arguments) -> None:
        """Open the chat that the arguments name, and say where we are."""
        engine, say = self.engine, self.console.line
        if arguments.flag("goes_on") or arguments.text("chat"):
            found = await find_chat(engine, arguments.text("chat"))
            await self.show(await engine.open_chat(found.id))
        else:
            self._chat = await engine.new_chat()
        if name := arguments.text("model"):
            await engine.update_chat(self.chat, model=engine.providers.resolve_model(name))
        if (prompt := arguments.maybe_text("system")) is not None:
            await engine.update_chat(self.chat, system_prompt=prompt)
        say(f"Troth {__version__}, line by line. /help lists the commands, /quit leaves.")
        if engine.vault.is_memory:
            say("Nothing is kept after you leave: no vault is open.")
        model = self.chat.conversation.model
        say(f"{model} answers." if model else "No model is chosen. /model lists them.")

    async def show(self, chat: Chat) -> None:
        """Make `chat` the one that is talked in, and read its last exchange out."""
        self._chat = chat
        await chat.load_rest()
        self.console.line(f"Chat: {chat.conversation.title or 'untitled'}")
        for message in chat.path[-2:]:
            speaker = "You" if message.role is Role.USER else str(message.model or "Assistant")
            self.console.write(f"{speaker}:\n{message.text}")
            self.console.end_text()
            for line in file_lines(message):
                self.console.line(line)
        for queued in chat.queue:
            self.console.line(f"Waiting from last time: {queued.text}")
        if chat.queue:
            self.console.line("/next sends the first of them, /drop throws it away.")

    async def begin_new(self, persona: str = "") -> None:
        """Begin an empty chat with the same model, or with a persona; raise NotFound."""
        model = None if persona else self.chat.conversation.model
        self._chat = await self.engine.new_chat(model=model, persona=persona)
        self.attached = []

    async def answer(self, reply: Reply) -> None:
        """Print a reply as it comes. The line /stop, or ctrl+c, ends it; other lines wait."""
        console = self.console
        console.line(f"{reply.model}:")
        watching = asyncio.create_task(self.lines.watch("/stop", reply.stop))
        try:
            outcome = await Follower(console, reply, shows_thinking=self.shows_thinking).run()
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        message = outcome.message
        for line in file_lines(message):
            console.line(line)
        if message.failure is not None:
            console.explain(explain_failure(message.failure, "plain"))
        else:
            console.line(reply_summary(reply.model, message, outcome.verdict, is_plain=True))

    def last(self, role: Role) -> Message:
        """Return the last message of `role`; raise UsageError when there is none."""
        for message in reversed(self.chat.path):
            if message.role is role:
                return message
        raise UsageError(
            "you have said nothing yet" if role is Role.USER else "there is no reply yet"
        )

    async def next_message(self) -> str | None:
        """Read one message; a line that ends with a backslash goes on in the next one."""
        pieces: list[str] = []
        while True:
            if self.lines.is_terminal:
                self.console.put("... " if pieces else "\nYou: ")
            line = await self.lines.next()
            if line is None:
                return "\n".join(pieces) if pieces else None
            if not line.endswith("\\"):
                return "\n".join([*pieces, line])
            pieces.append(line[:-1])

    async def say(self, text: str) -> None:
        """Send a message with what is attached, and print the reply to it."""
        parts = [*self.attached, TextPart(text)] if text.strip() else [*self.attached]
        plan = await self.engine.plan(self.chat, parts)
        if words := left_out_words(plan.left_out, is_sent=False):
            self.console.line(f"(the request {words})")
        limit = plan.context_limit
        if limit is not None and plan.context_tokens > limit:
            model = str(plan.model.ref)
            told = too_long_words(model, plan.context_tokens, limit, is_cut=plan.cuts_silently)
            self.console.line(" ".join(told))
        reply = await self.engine.send(self.chat, parts)
        self.attached = []
        await self.answer(reply)
