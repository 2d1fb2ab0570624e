"""The tree of a conversation's messages. Nothing is ever changed or removed: an edit is a sibling.

The tree may know only the newest part of a long conversation; paths then start where it starts.
"""

from __future__ import annotations

from collections.abc import Iterable

from troth.domain.message import Message


class MessageTree:
    """Messages by id, and who answers whom. Siblings stand in the order in which they came."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._messages: dict[str, Message] = {}
        self._newest: dict[str | None, str] = {}
        """The newest answer to each message."""
        self._siblings: dict[str | None, list[str]] = {}
        """All answers where there is more than one: ten thousand messages have few of these."""
        for message in messages:
            self.add(message)

    def __len__(self) -> int:
        return len(self._messages)

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._messages

    def add(self, message: Message) -> None:
        """Add one message; adding it again changes nothing."""
        if message.id in self._messages:
            return
        self._messages[message.id] = message
        parent_id = message.parent_id
        if (elder := self._newest.get(parent_id)) is not None:
            self._siblings.setdefault(parent_id, [elder]).append(message.id)
        self._newest[parent_id] = message.id

    def merge(self, messages: Iterable[Message]) -> None:
        """Take in the whole tree in stored order, keeping what only this tree knows."""
        known = self._messages
        self._messages, self._newest, self._siblings = {}, {}, {}
        for message in messages:
            self.add(message)
        for message in known.values():
            self.add(message)

    def get(self, message_id: str) -> Message | None:
        return self._messages.get(message_id)

    def path(self, head_id: str | None) -> list[Message]:
        """Return the messages from the oldest known ancestor down to `head_id`."""
        path: list[Message] = []
        message = self._messages.get(head_id) if head_id is not None else None
        while message is not None:
            path.append(message)
            message = self._messages.get(message.parent_id) if message.parent_id else None
        path.reverse()
        return path

    def siblings(self, message_id: str) -> tuple[str, ...]:
        """Return all variants at this place, itself included, oldest first."""
        message = self._messages.get(message_id)
        if message is None:
            return (message_id,)
        return tuple(self._siblings.get(message.parent_id, (message_id,)))

    def newest_leaf(self, message_id: str) -> str:
        """Follow the newest child from here down to a message that nothing answers."""
        while (newest := self._newest.get(message_id)) is not None:
            message_id = newest
        return message_id
