"""What a command is: a value of the one registry in `commands`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Scope = Literal["app", "chat", "compare", "prompt", "reading", "sidebar", "verification"]
"""Where its key works. `app` and `chat` work from anywhere on the chat screen, `compare` on the
columns of a comparison."""

Fact = Literal[
    "vault",  # chats are kept on disk
    "chat",  # a chat is open and has a message
    "streaming",  # a reply is arriving in it
    "idle",  # none is
    "attached",  # files go along with the next message
    "attaching",  # one is being read
    "message",  # reading mode stands on a message
    "own",  # ... of the user's
    "reply",  # ... of a model's
    "partial",  # ... that can be continued
    "variants",  # ... that has siblings
    "code",  # ... with a code block
    "list",  # the list of chats is shown
    "pane",  # the verification pane is shown
    "picture",  # the message that commands are about has a picture
    "trash",  # something was deleted and can come back
    "queue",  # a message waits for the reply to end
    "failed",  # the last reply failed
    "judged",  # the verification pane shows a reply that was checked
    "rejected",  # ... that failed
    "columns",  # a comparison is on screen
    "blind",  # ... its names are hidden
    "named",  # ... they are in sight
]


class Command(NamedTuple):
    """One action. Tuples, because sixty dataclass instances are needed before the first paint."""

    id: str
    title: str
    help: str
    scope: Scope
    key: str = ""
    """Default keys as Textual writes them, separated by commas; "" has none."""
    slash: str = ""
    """A short name without the slash; "" is called by its id: `/sidebar-rename`."""
    argument: str = ""
    """What follows the slash name, in capitals; in brackets where it may be left away."""
    needs: tuple[Fact, ...] = ()
    footer: str = ""
    """One or two words for the footer; "" never stands there."""
    footer_rank: int = 0
    """Which items go first when it gets narrow: the highest number. Negative: on the right."""

    @property
    def name(self) -> str:
        """What is typed after the slash."""
        return self.slash or self.dashed_id

    @property
    def dashed_id(self) -> str:
        """The id as a name; every command is called by it, too."""
        return self.id.replace(".", "-").replace("_", "-")

    def is_available(self, facts: Iterable[str]) -> bool:
        """Whether it can be used now."""
        known = set(facts)
        if "columns" in known and self.scope not in {"compare", "app"}:
            return False  # the chat lies under the comparison
        return set(self.needs) <= known
