"""What can be done about the reply in the verification pane: check, look, trust, export."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Protocol, TypeVar

from textual.screen import ModalScreen

from troth.domain.error import TrothError
from troth.domain.exchange import Exchange
from troth.domain.message import Message
from troth.domain.verdict import Outcome, Verdict
from troth.engine.boundary import falls_short
from troth.explain import verdict_words
from troth.tui.clipboard import words_after_copy
from troth.tui.screens.bytes_view import BytesScreen, evidence_documents, exchange_documents
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.saving import save_words
from troth.tui.screens.verification_key import KeyChoice, KeyScreen

if TYPE_CHECKING:
    from troth.engine.chat import Chat
    from troth.engine.engine import Engine
    from troth.tui.application import TrothApp

ResultT = TypeVar("ResultT")

_NO_KEY = "No key signed this reply."
_KEY_UNKNOWN = (
    "The key that signed this reply is not known here, and its server did not hand it out. With the"
    " key as a file, `troth trust pin FILE.pem` in a shell pins it."
)


class Speaker(Protocol):
    """The screen that the pane stands on."""

    def announce(self, text: str) -> None: ...
    def say_error(self, error: TrothError) -> None: ...
    def ask(
        self, dialog: ModalScreen[ResultT | None], then: Callable[[ResultT], object]
    ) -> None: ...
    def run_worker(self, work: Coroutine[object, object, None], *, group: str = ...) -> object: ...


class Talk(Protocol):
    """The chat that the reply is of."""

    @property
    def engine(self) -> Engine: ...
    @property
    def chat(self) -> Chat | None: ...
    def redraw(self) -> None: ...
    async def measure(self) -> None: ...


class Shown(Protocol):
    """The pane's own side: which reply it shows."""

    def message(self) -> Message | None: ...
    def follow(self) -> None: ...


class VerificationActions:
    """The commands of the pane. Each works on the reply that the pane shows, open or not."""

    def __init__(self, app: TrothApp, screen: Speaker, talking: Talk, verifying: Shown) -> None:
        self._app = app
        self._screen = screen
        self._talking = talking
        self._verifying = verifying

    def _target(self) -> tuple[Chat, Message] | None:
        chat, message = self._talking.chat, self._verifying.message()
        if chat is None or message is None:
            self._screen.announce("There is no reply yet.")
            return None
        return chat, message

    # -- checking

    async def check_again(self) -> None:
        """Run every check again on what is kept. A failure stays one: no green by repetition."""
        if (target := self._target()) is None:
            return
        chat, message = target
        before = chat.verdicts.get(message.id)
        try:
            verdict = await self._talking.engine.proofs.check_again(chat, message.id)
        except TrothError as error:
            self._screen.say_error(error)
            return
        self._judged()
        self._screen.announce(_again_words(before, verdict))

    def _judged(self) -> None:
        self._talking.redraw()
        self._verifying.follow()

    # -- looking

    async def show_bytes(self) -> None:
        """Show the request and the reply byte for byte."""
        if (exchange := await self._exchange()) is not None:
            self._app.push_screen(BytesScreen("As sent and received", exchange_documents(exchange)))

    async def show_evidence(self) -> None:
        """Show what was fetched to check the reply."""
        if (target := self._target()) is None:
            return
        try:
            evidence = await self._talking.engine.proofs.evidence(target[0], target[1].id)
        except TrothError as error:
            self._screen.say_error(error)
            return
        if not evidence:
            self._screen.announce("No evidence was fetched for this reply.")
            return
        self._app.push_screen(BytesScreen("Evidence", evidence_documents(evidence)))

    async def _exchange(self) -> Exchange | None:
        if (target := self._target()) is None:
            return None
        try:
            return await self._talking.engine.proofs.exchange(target[0], target[1].id)
        except TrothError as error:
            self._screen.say_error(error)
            return None

    # -- the key

    def copy_fingerprint(self) -> None:
        """Copy the whole fingerprint of the key that signed."""
        if (fingerprint := self._fingerprint()) is not None:
            self._app.copy_to_clipboard(fingerprint)
            self._screen.announce(words_after_copy("The key's fingerprint", fingerprint))

    def _fingerprint(self) -> str | None:
        if (target := self._target()) is None:
            return None
        verdict = target[0].verdicts.get(target[1].id)
        if verdict is None or not verdict.key_fingerprint:
            self._screen.announce(_KEY_UNKNOWN if _is_by_unknown_key(verdict) else _NO_KEY)
            return None
        return verdict.key_fingerprint

    async def key_and_trust(self) -> None:
        """Ask what the key that signed is worth from now on, then check the reply again."""
        fingerprint, target = self._fingerprint(), self._target()
        if fingerprint is None or target is None:
            return
        chat, message = target
        proofs = self._talking.engine.proofs
        try:
            known = await proofs.known_key(chat, message.id)
        except TrothError as error:
            self._screen.say_error(error)
            return
        self._screen.ask(
            KeyScreen(known),
            lambda choice: self._screen.run_worker(self._decide(chat, message, choice)),
        )

    async def _decide(self, chat: Chat, message: Message, choice: KeyChoice) -> None:
        if choice.act == "ask-registry":
            await self._ask_registry(chat, message)
            return
        proofs = self._talking.engine.proofs
        key, beside = choice.key, ""
        try:
            match choice.act:
                case "pin":
                    others = await proofs.pin(key, choice.name)
                    beside = "".join(f" Pinned there as well: {pin.name}." for pin in others)
                case "unpin":
                    await proofs.trust_file.unpin(key.fingerprint)
                case "distrust":
                    await proofs.trust_file.distrust(key.fingerprint, choice.name)
                case "trust-again":
                    await proofs.trust_file.trust_again(key.fingerprint)
                case "know-code":
                    await proofs.know_code(key, choice.name)
                case "forget-code":
                    await proofs.trust_file.forget(choice.name)
            verdict = await proofs.check_again(chat, message.id)
        except TrothError as error:
            self._screen.say_error(error)
            return
        self._judged()
        words = verdict_words(verdict.state)
        self._screen.announce(
            f"{_DONE[choice.act]} Kept in {proofs.trust_file.file}. This reply: {words.short}."
            + beside
        )

    async def _ask_registry(self, chat: Chat, message: Message) -> None:
        self._screen.announce("Asking the registry.")
        try:
            standing = await self._talking.engine.proofs.ask_registry(chat, message.id)
        except TrothError as error:
            self._screen.say_error(error)
            return
        self._judged()
        self._screen.announce(standing.words)

    # -- later context

    async def allow(self) -> None:
        """Let later models see a failed reply, or keep it out again."""
        if (target := self._target()) is None:
            return
        chat, message = target
        verdict = chat.verdicts.get(message.id)
        if verdict is None or not falls_short(verdict, chat.conversation.policy):
            self._screen.announce("Nothing of this reply is kept back.")
            return
        is_allowed = message.id not in chat.allowed
        await self._talking.engine.proofs.allow(chat, message.id, is_allowed=is_allowed)
        self._verifying.follow()
        await self._talking.measure()
        self._screen.announce(
            "Later models are given this reply from now on."
            if is_allowed
            else "Later models are not given this reply."
        )

    # -- receipts

    async def export_receipt(self, path: str = "") -> None:
        """Write a file with which anyone can check this reply."""
        if (target := self._target()) is None:
            return
        chat, message = target
        try:
            receipt = await self._talking.engine.proofs.receipt(chat, message.id)
        except TrothError as error:
            self._screen.say_error(error)
            return
        if path:
            await self._write(receipt, path)
            return
        self._screen.ask(
            TextDialog("Write a receipt; it holds this question and reply", receipt_name(message)),
            lambda typed: self._screen.run_worker(self._write(receipt, typed), group="save"),
        )

    async def _write(self, receipt: bytes, path: str) -> None:
        written = await save_words(path, receipt)
        self._screen.announce(f"{written} `troth verify` checks receipts anywhere.")


_DONE = {
    "pin": "The key is pinned.",
    "unpin": "The pin is gone.",
    "distrust": "The key never counts again.",
    "know-code": "The code has a name.",
    "forget-code": "The code is unknown again.",
    "trust-again": "The key is no longer distrusted.",
}


def receipt_name(message: Message) -> str:
    """Return the usual name of a reply's receipt."""
    return f"{message.id}.receipt.json"


def _again_words(before: Verdict | None, after: Verdict) -> str:
    words = verdict_words(after.state)
    if before is None or before.state is after.state:
        return f"Checked again, here, from what is kept: {words.short}, as before."
    old = verdict_words(before.state)
    return f"Checked again, here, from what is kept: {words.short}. Before: {old.short}."


def _is_by_unknown_key(verdict: Verdict | None) -> bool:
    """Whether there is a signature that could not be checked for want of its key."""
    checks = verdict.checks if verdict is not None else ()
    return any(c.name == "signature" and c.outcome is Outcome.CANNOT_CHECK for c in checks)
