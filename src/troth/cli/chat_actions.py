"""The `/commands` of `troth chat --plain`, by the names that they have in the app."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from troth.cli.attaching import attached
from troth.cli.chats import local_time
from troth.cli.find import find_chat
from troth.cli.plain_chat import PlainChat
from troth.cli.writing import write_file
from troth.domain.error import UsageError
from troth.domain.message import Role
from troth.domain.verdict import State
from troth.engine.boundary import falls_short
from troth.engine.verification import POLICIES
from troth.explain import (
    check_title,
    crossing_words,
    outcome_words,
    policy_detail,
    policy_words,
    verdict_sentence,
    verdict_words,
)

_MOST_LISTED = 60


class Action(NamedTuple):
    """A `/command`: what it takes, what it does, and who does it."""

    argument: str
    help: str
    act: Callable[[PlainChat, str], Awaitable[None]]


async def _help(talk: PlainChat, _argument: str) -> None:
    for name, (argument, words, _) in ACTIONS.items():
        talk.console.line(f"/{name}{f' {argument}' if argument else ''}: {words}")
    talk.console.line("A line that ends with \\ goes on in the next. // sends one slash.")


async def _model(talk: PlainChat, name: str) -> None:
    engine = talk.engine
    if not name:
        ready = [choice for choice in engine.providers.models() if choice.is_ready]
        for choice in ready[:_MOST_LISTED]:
            talk.console.line(str(choice.info.ref))
        if len(ready) > _MOST_LISTED:
            talk.console.line(f"and {len(ready) - _MOST_LISTED} more; `troth models` lists all")
        if not ready:
            talk.console.line("None is ready. `troth local install` fetches one.")
        return
    ref = engine.providers.resolve_model(name)
    engine.providers.endpoint(ref.provider)
    await engine.update_chat(talk.chat, model=ref)
    talk.console.line(f"{ref} answers from the next message on.")


async def _new(talk: PlainChat, persona: str) -> None:
    await talk.begin_new(persona)
    talk.console.line("A new chat. The old one is in /chats.")


async def _chats(talk: PlainChat, _argument: str) -> None:
    chats = await talk.engine.chats()
    for chat in chats[:_MOST_LISTED]:
        talk.console.line(f"{chat.id}, {local_time(chat.updated_at)}: {chat.title}")
    if not chats:
        talk.console.line("There are no chats yet.")


async def _open(talk: PlainChat, name: str) -> None:
    found = await find_chat(talk.engine, name)
    await talk.show(await talk.engine.open_chat(found.id))


async def _again(talk: PlainChat, _argument: str) -> None:
    path = talk.chat.path
    if not path:
        raise UsageError("you have said nothing yet")
    await talk.answer(await talk.engine.regenerate(talk.chat, path[-1].id))


async def _continue(talk: PlainChat, _argument: str) -> None:
    reply = talk.last(Role.ASSISTANT)
    await talk.answer(await talk.engine.continue_reply(talk.chat, reply.id))


async def _edit(talk: PlainChat, text: str) -> None:
    if not text:
        raise UsageError("Type the new words after /edit")
    message = talk.last(Role.USER)
    await talk.answer(await talk.engine.edit_and_resend(talk.chat, message.id, text))


async def _verify(talk: PlainChat, argument: str) -> None:
    reply, say = talk.last(Role.ASSISTANT), talk.console.line
    if argument == "again":
        await talk.engine.proofs.check_again(talk.chat, reply.id)
    elif argument in {"allow", "refuse"}:
        await talk.engine.proofs.allow(talk.chat, reply.id, is_allowed=argument == "allow")
    verdict = await talk.engine.verdict(talk.chat, reply.id)
    words = verdict_words(verdict.state if verdict else None)
    sentence = verdict_sentence(verdict) if verdict else words.sentence
    is_said = verdict is None or verdict.state is State.SIMULATED
    simulated = (
        "SIMULATED. " if verdict is not None and verdict.is_simulated and not is_said else ""
    )
    say(f"{simulated}{words.short}. {sentence}")
    if verdict is None:
        return
    if falls_short(verdict, talk.chat.conversation.policy):
        is_in = reply.id in talk.chat.allowed
        say(
            "Later models see this reply: you allowed it. /verify refuse keeps it out."
            if is_in
            else "Later models do not see this reply. /verify allow lets it in."
        )
    for check in verdict.checks:
        outcome = outcome_words(check.outcome).short
        say(f"{check_title(check.name)}: {outcome}. {check.detail}")
    meaning = talk.engine.proofs.meaning(reply, verdict)
    if meaning.condition:
        say(meaning.condition)
    for seen in meaning.who_saw_what:
        sight = f"reads your words, {seen.words}; sees your address, {seen.address}."
        say(f"{seen.who}: {sight} {seen.note}".rstrip())
    for sentence in meaning.not_proven:
        say(f"Not proven: {sentence}")
    if verdict.key_fingerprint:
        say(f"Signed by the key {verdict.key_fingerprint}.")
        if verdict.state is State.SIGNED_UNKNOWN_KEY:
            say("If its owner tells you the same number, `troth trust pin` lets it count.")
    if verdict.signed_at is not None:
        say(f"Signed at {verdict.signed_at:%Y-%m-%d %H:%M:%S} UTC, by the signer's clock.")


async def _policy(talk: PlainChat, name: str) -> None:
    if name and name not in POLICIES:
        raise UsageError(f"a policy is one of {', '.join(POLICIES)}")
    if name:
        await talk.engine.update_chat(talk.chat, policy=name)
    chosen = talk.chat.conversation.policy
    talk.console.line(f"{policy_words(chosen)}. {policy_detail(chosen)}")


async def _boundary(talk: PlainChat, choice: str) -> None:
    crossing = (await talk.engine.plan(talk.chat)).crossing
    if crossing is None:
        talk.console.line("Nothing of this chat would cross to a provider that proves nothing.")
        return
    words = crossing_words(crossing.attested, crossing.local)
    if choice not in {"send", "without"}:
        talk.console.line(f"{words}. /boundary send lets them go, /boundary without does not.")
        return
    await talk.engine.proofs.cross(talk.chat, crossing, sends=choice == "send")
    talk.console.line("They go along." if choice == "send" else "They stay here.")


async def _stop(talk: PlainChat, _argument: str) -> None:
    talk.console.line("Nothing is arriving.")


async def _next(talk: PlainChat, _argument: str) -> None:
    if not talk.chat.queue:
        raise UsageError("no message waits")
    queued = talk.chat.queue[0]
    talk.console.line(f"You: {queued.text}")
    # The others wait on: a reply that nobody follows would be read by nobody here.
    reply = await talk.engine.waiting.send(talk.chat, queued.id, releases_rest=False)
    await talk.answer(reply)


async def _drop(talk: PlainChat, _argument: str) -> None:
    if not talk.chat.queue:
        raise UsageError("no message waits")
    await talk.engine.waiting.take(talk.chat, talk.chat.queue[0].id)
    talk.console.line("The message is gone.")


async def _attach(talk: PlainChat, name: str) -> None:
    if not name:
        raise UsageError("Type the path of a file or folder after /attach")
    parts = await attached(talk.engine, Path(name), talk.console)
    talk.attached += parts
    if len(parts) == 1:
        talk.console.line(f"{parts[0].blob.name} goes with your next message.")


async def _detach(talk: PlainChat, _argument: str) -> None:
    if not talk.attached:
        raise UsageError("Nothing is attached")
    count = len(talk.attached)
    talk.attached.clear()
    talk.console.line(f"{'1 file stays' if count == 1 else f'{count} files stay'} behind.")


async def _system(talk: PlainChat, text: str) -> None:
    await talk.engine.update_chat(talk.chat, system_prompt=text)
    talk.console.line("The system prompt is set." if text else "There is no system prompt now.")


async def _thinking(talk: PlainChat, _argument: str) -> None:
    talk.shows_thinking = not talk.shows_thinking
    talk.console.line(
        f"Thinking is {'printed' if talk.shows_thinking else 'left out'} from now on."
    )


async def _find(talk: PlainChat, words: str) -> None:
    if not words:
        raise UsageError("Type the words to find after /find")
    hits = await talk.engine.search(words, limit=20)
    for hit in hits:
        snippet = hit.snippet.translate({2: None, 3: None})
        talk.console.line(f"{hit.conversation_id}, {hit.title}: {snippet}")
    if not hits:
        talk.console.line("Nothing found.")


async def _rename(talk: PlainChat, name: str) -> None:
    await talk.engine.update_chat(talk.chat, title=name)
    talk.console.line(f"This chat is called {name} now.")


async def _save(talk: PlainChat, name: str) -> None:
    if not name:
        raise UsageError("Type the path of a file after /save")
    await talk.chat.load_rest()
    from troth.engine.export_markdown import markdown
    from troth.tui.safe import clean

    text = markdown(talk.chat, clean, with_thinking=talk.shows_thinking)
    await asyncio.to_thread(write_file, Path(name), text.encode())
    talk.console.line(f"The chat is written to {name}.")


async def _quit(talk: PlainChat, _argument: str) -> None:
    talk.is_leaving = True


ACTIONS: dict[str, Action] = {
    "model": Action("[NAME]", "choose who answers, or list the models", _model),
    "again": Action("", "answer once more; the old reply stays a variant", _again),
    "continue": Action("", "let the model go on where its reply ended", _continue),
    "edit": Action("TEXT", "send your last message in other words", _edit),
    "stop": Action("", "end the reply that is arriving and keep what came", _stop),
    "next": Action("", "send a message that waits from last time", _next),
    "drop": Action("", "throw away a message that waits", _drop),
    "verify": Action("[again|allow|refuse]", "say what was checked about the last reply", _verify),
    "policy": Action("[any|signed|attested|device]", "say or choose who may be asked", _policy),
    "boundary": Action(
        "[send|without]", "decide what protected messages a plain provider gets", _boundary
    ),
    "attach": Action("PATH", "send a file or folder with the next message", _attach),
    "detach": Action("", "take the files off that would go with it", _detach),
    "system": Action("[TEXT]", "set the system prompt of this chat", _system),
    "thinking": Action("", "print a model's thinking, or stop printing it", _thinking),
    "new": Action("[PERSONA]", "begin a new chat, with a persona if you name one", _new),
    "chats": Action("", "list the chats", _chats),
    "open": Action("ID", "open a chat by its id or title", _open),
    "find": Action("WORDS", "search all chats", _find),
    "rename": Action("NAME", "give this chat a name", _rename),
    "save": Action("PATH", "write this chat to a file as Markdown", _save),
    "help": Action("", "list the commands", _help),
    "quit": Action("", "leave", _quit),
}
ALIASES = {"regenerate": "again", "exit": "quit", "bye": "quit", "?": "help", "models": "model"}
