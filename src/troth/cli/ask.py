"""`troth ask`: one question, one answer, for people and for pipes.

stdin joins the prompt; the text streams to stdout; all else goes to stderr. What is asked is kept
in the vault where there is one.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path, PurePath

from troth.cli.attaching import attached, refuse_missing
from troth.cli.command import Arguments, Parser, add_json_flag
from troth.cli.find import find_chat
from troth.cli.follow import Follower, Outcome
from troth.cli.output import Console, ExitCode, error_json, exit_code_for
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.error import NotFound, UsageError
from troth.domain.message import Finish, Message, Part, TextPart
from troth.domain.model import ModelRef
from troth.domain.verdict import State
from troth.engine.chat import Chat
from troth.engine.engine import Engine

NO_MODEL = "no model is chosen yet"
NO_MODEL_STEP = (
    "Name one with -m PROVIDER/MODEL (`troth models` lists them), or fetch the one that runs on "
    "this computer with `troth local install`."
)


def configure(parser: Parser) -> None:
    parser.add_argument("prompt", nargs="*", metavar="PROMPT", help="the question; stdin joins it")
    parser.add_argument("-m", "--model", metavar="PROVIDER/MODEL", help="who answers")
    parser.add_argument("-s", "--system", metavar="SYSTEM", help="the system prompt")
    parser.add_argument(
        "-f",
        "--file",
        action="append",
        default=[],
        metavar="FILE",
        help="attach FILE, or the text files of a folder; repeatable",
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "-c", "--continue", dest="goes_on", action="store_true", help="go on with the newest chat"
    )
    place.add_argument("--chat", metavar="ID", help="go on with this chat")
    place.add_argument("--no-save", action="store_true", help="keep nothing of it")
    parser.add_argument("--thinking", action="store_true", help="show thinking on stderr")
    parser.add_argument(
        "--boundary",
        choices=("send", "without"),
        help="going on with another provider: send what only an enclave or this computer has "
        "read so far, or leave it out",
    )
    parser.add_argument(
        "--require-verified",
        action="store_true",
        help="print nothing until the reply is verified; else print none of it and exit with 4",
    )
    parser.add_argument(
        "--max-opg", metavar="N", help="pay up to N OPG for the reply without asking (OpenGradient)"
    )
    parser.add_argument(
        "--images", metavar="DIR", help="write the images of the reply into DIR, not encrypted"
    )
    look = parser.add_mutually_exclusive_group()
    add_json_flag(look)
    look.add_argument("--plain", action="store_true", help="words only: no colour, no moving line")
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    """Ask, print, and say how it went."""
    prompt = read_prompt(arguments.texts("prompt"))
    files = [Path(file) for file in arguments.texts("file")]
    if not prompt and not files:
        raise UsageError("there is nothing to ask. Usage: troth ask 'QUESTION', or pipe it in")
    await asyncio.to_thread(refuse_missing, files)
    goes_on = bool(arguments.flag("goes_on") or arguments.text("chat"))
    async with _engine_for(arguments, console, goes_on=goes_on) as engine:
        if arguments.text("max_opg"):
            from troth.cli.enclave_arguments import allow_payments

            allow_payments(arguments, engine)
        chat = await _chat_for(arguments, engine)
        if engine.vault.is_memory and not arguments.flag("no_save"):
            console.note(
                "troth: there is no vault yet, so nothing of this is kept; "
                "`troth vault init` makes one."
            )
        model = _model_for(arguments, engine, chat)
        parts: list[Part] = []
        for file in files:
            parts += await attached(engine, file, console)
        if prompt:
            parts.append(TextPart(prompt))
        await _settle_boundary(engine, chat, model, arguments.text("boundary"))
        await _say_what_stays_behind(console, engine, chat, parts, model)
        reply = await engine.send(chat, parts, model=model)
        if model != chat.conversation.model and not arguments.flag("no_save"):
            await engine.update_chat(chat, model=model)  # a model that cannot be asked is no choice
        is_held = arguments.flag("require_verified")
        follower = Follower(
            console, reply, shows_thinking=arguments.flag("thinking"), is_held=is_held
        )
        outcome = await follower.run()
        if is_held and outcome.message.failure is None:
            from troth.cli.held import finish_held

            if not finish_held(console, chat, reply.model, outcome):
                return ExitCode.INTERRUPTED if outcome.signal_number else ExitCode.NOT_VERIFIED
        if folder := arguments.text("images"):
            await _write_images(console, engine, chat, outcome.message, Path(folder))
        return finish(console, chat, reply.model, outcome)


async def _write_images(
    console: Console, engine: Engine, chat: Chat, message: Message, folder: Path
) -> None:
    """Write a reply's images under names made of their digests. Raises NotWritten."""
    from troth.cli.writing import make_folder, write_file

    for blob in message.blobs:
        content = await engine.blob(chat, blob.sha256) if blob.is_image else None
        if content is not None:
            await asyncio.to_thread(make_folder, folder)
            file = folder / f"{blob.sha256[:16]}{PurePath(blob.name).suffix}"
            await asyncio.to_thread(write_file, file, content)
            console.note(f"troth: {file} is written.")


def read_prompt(words: Sequence[str]) -> str:
    """Return the words, then what stdin holds; `-` alone stands for stdin.

    Raises UsageError when stdin is not text.
    """
    prompt = " ".join(words) if list(words) != ["-"] else ""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return prompt
    try:
        piped = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("stdin is not text in UTF-8; attach it as a file with -f") from error
    except OSError:
        return prompt  # a closed descriptor: nothing was piped
    return "\n\n".join(text for text in (prompt, piped.rstrip("\r\n")) if text.strip())


@asynccontextmanager
async def _engine_for(
    arguments: Arguments, console: Console, *, goes_on: bool
) -> AsyncGenerator[Engine]:
    use = VaultUse.REQUIRED if goes_on else VaultUse.IF_THERE
    if arguments.flag("no_save"):
        # The vault may hold the key all the same; it is asked for only if nothing else has it.
        use = VaultUse.NONE if await _can_do_without_vault(arguments) else VaultUse.IF_THERE
    async with opened_engine(console, use) as engine:
        yield engine


async def _can_do_without_vault(arguments: Arguments) -> bool:
    async with await Engine.open() as engine:
        try:
            providers, name = engine.providers, arguments.text("model")
            ref = providers.resolve_model(name) if name else providers.default_model()
            if ref is None:
                return False
            endpoint = providers.endpoint(ref.provider)
        except NotFound:
            return False
        return not endpoint.needs_key or providers.key_status(endpoint.name) is not None


async def _chat_for(arguments: Arguments, engine: Engine) -> Chat:
    if arguments.flag("goes_on") or arguments.text("chat"):
        found = await find_chat(engine, arguments.text("chat"))
        chat = await engine.open_chat(found.id)
        if (prompt := arguments.maybe_text("system")) is not None:
            await engine.update_chat(chat, system_prompt=prompt)
        return chat
    chat = await engine.new_chat(is_incognito=arguments.flag("no_save"))
    if (prompt := arguments.maybe_text("system")) is not None:
        await engine.update_chat(chat, system_prompt=prompt)
    return chat


def _model_for(arguments: Arguments, engine: Engine, chat: Chat) -> ModelRef:
    if name := arguments.text("model"):
        return engine.providers.resolve_model(name)
    if chat.conversation.model is None:
        raise UsageError(NO_MODEL, step=NO_MODEL_STEP)
    return chat.conversation.model


async def _settle_boundary(engine: Engine, chat: Chat, model: ModelRef, choice: str) -> None:
    """Do with protected messages what the command line says; sending asks where it says nothing."""
    if not choice:
        return
    crossing = (await engine.plan(chat, model=model)).crossing
    if crossing is not None:
        await engine.proofs.cross(chat, crossing, sends=choice == "send")


async def _say_what_stays_behind(
    console: Console, engine: Engine, chat: Chat, parts: Sequence[Part], model: ModelRef
) -> None:
    plan = await engine.plan(chat, parts, model=model)
    if plan.left_out:
        from troth.explain import left_out_words

        left_out = left_out_words(plan.left_out, is_sent=False)
        console.note(f"troth: the request {left_out} ({model} cannot take it).")
    limit = plan.context_limit
    if limit is not None and plan.context_tokens > limit:
        from troth.explain import too_long_words

        words = too_long_words(str(model), plan.context_tokens, limit, is_cut=plan.cuts_silently)
        console.note(f"troth: {' '.join(words)}")


def finish(console: Console, chat: Chat, model: ModelRef, outcome: Outcome) -> int:
    """Say how the reply ended, and return the exit code for it."""
    # Imported only now: while the request was on its way there was time for it.
    from troth.cli.held import tell_loud
    from troth.cli.reply_json import reply_json
    from troth.cli.summary import file_lines, reply_summary
    from troth.explain import explain_failure, verdict_sentence

    message = outcome.message
    verdict = outcome.verdict
    loud = verdict if verdict is not None and verdict.is_loud else None
    words = explain_failure(message.failure, "shell") if message.failure else None
    is_summed_up = console.stderr.isatty() or console.is_plain
    if console.is_json:
        if words is not None and message.finish is Finish.FAILED:
            console.json({"error": error_json(words)})
        else:
            answer = reply_json(chat.id, model, message, verdict)
            if words is not None:
                answer["error"] = error_json(words)
            console.json(answer)
    else:
        for line in file_lines(message):
            console.note(line)
        if words is not None:
            console.explain(words)
        elif is_summed_up:
            console.note(reply_summary(model, message, verdict, is_plain=console.is_plain))
        if loud is not None:
            tell_loud(console, loud)
        elif verdict is not None and verdict.state is State.STALE and not is_summed_up:
            # An old signature may be an old reply, played again: not for a script to miss either.
            console.note(f"troth: {verdict_sentence(verdict)}")
    if outcome.signal_number:
        return ExitCode.INTERRUPTED
    if failed := outcome.unsaved or (message.failure.kind if message.failure else ""):
        return exit_code_for(failed)
    return ExitCode.NOT_VERIFIED if loud is not None else ExitCode.OK
