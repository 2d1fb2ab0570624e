"""`troth chat --plain`: a conversation line by line, for screen readers and dumb terminals.

Nothing is drawn, moved or taken back: every line that was printed stays as it is, and the verdict
is a sentence.
"""

from __future__ import annotations

from troth.cli.chat_actions import ACTIONS, ALIASES
from troth.cli.command import Arguments, Parser
from troth.cli.lines import LineReader
from troth.cli.output import Console, ExitCode
from troth.cli.plain_chat import PlainChat
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.error import TrothError, UsageError
from troth.explain import explain


def configure(parser: Parser) -> None:
    parser.add_argument(
        "--plain", action="store_true", help="line by line; without it the app opens"
    )
    parser.add_argument("-m", "--model", metavar="PROVIDER/MODEL", help="who answers")
    parser.add_argument("-s", "--system", metavar="SYSTEM", help="the system prompt")
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "-c", "--continue", dest="goes_on", action="store_true", help="go on with the newest chat"
    )
    place.add_argument("--chat", metavar="ID", help="go on with this chat")
    parser.add_argument("--no-save", action="store_true", help="keep nothing of it")
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    """Talk until stdin ends or the user leaves."""
    console.is_plain = True
    use = VaultUse.NONE if arguments.flag("no_save") else VaultUse.IF_THERE
    async with opened_engine(console, use) as engine:
        talk = PlainChat(engine, console, LineReader())
        await talk.begin(arguments)
        await _converse(talk, console)
    return ExitCode.OK


async def _converse(talk: PlainChat, console: Console) -> None:
    """Read and answer until there is nothing more to read."""
    while not talk.is_leaving:
        text = await talk.next_message()
        if text is None:
            return
        if not text.strip() and not talk.attached:
            continue
        try:
            if text.startswith("/") and not text.startswith("//"):
                await _act(talk, text)
            else:
                await talk.say(text.removeprefix("/") if text.startswith("//") else text)
        except TrothError as error:
            console.explain(explain(error, "plain"))


async def _act(talk: PlainChat, text: str) -> None:
    name, _, argument = text[1:].strip().partition(" ")
    action = ACTIONS.get(ALIASES.get(name, name))
    if action is None:
        raise UsageError(f"There is no command /{name}. /help lists them")
    await action.act(talk, argument.strip())
