"""Put the nodes of a foreign tree in an order that can be stored: parents first, no circles.

Foreign trees hold placeholders, name parents that are not there, and could go in circles. Nothing
that has words is lost: an orphan becomes a root, a circle is opened at its first node.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

ContentT = TypeVar("ContentT")


@dataclass(frozen=True, slots=True)
class Node(Generic[ContentT]):
    """A node of a source's tree; one without content only holds others together."""

    id: str
    parent_id: str | None
    content: ContentT | None


@dataclass(frozen=True, slots=True)
class Ordered(Generic[ContentT]):
    """The nodes with content, parents first, siblings in their source's order."""

    nodes: tuple[Node[ContentT], ...]
    """`parent_id` is the nearest ancestor that has content."""
    nearest: dict[str, str]
    """For every id of the source: itself, or the nearest ancestor that has content."""
    duplicates: int = 0


def order(nodes: Iterable[Node[ContentT]]) -> Ordered[ContentT]:
    """Return the nodes in an order that can be stored. Of equal ids the first counts."""
    known: dict[str, Node[ContentT]] = {}
    duplicates = 0
    for node in nodes:
        if node.id in known:
            duplicates += 1
        else:
            known[node.id] = node
    children: dict[str, list[str]] = {}
    roots: list[str] = []
    for node in known.values():
        if node.parent_id is not None and node.parent_id in known:
            children.setdefault(node.parent_id, []).append(node.id)
        else:
            roots.append(node.id)
    kept: list[Node[ContentT]] = []
    nearest: dict[str, str] = {}
    above: dict[str, str | None] = {}
    for start in (*roots, *known):  # after the roots only circles are left
        if start in above:
            continue
        above[start] = None
        waiting = [start]
        while waiting:
            node = known[waiting.pop()]
            parent = above[node.id]
            here = parent
            if node.content is not None:
                kept.append(Node(node.id, parent, node.content))
                here = node.id
            if here is not None:
                nearest[node.id] = here
            for child in reversed(children.get(node.id, ())):
                if child not in above:
                    above[child] = here
                    waiting.append(child)
    return Ordered(tuple(kept), nearest, duplicates)
