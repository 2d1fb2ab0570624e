"""The tree keeps every variant and walks one path."""

from __future__ import annotations

from datetime import UTC, datetime

from troth.domain.message import Message, Role, TextPart
from troth.engine.tree import MessageTree

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def node(name: str, parent: str | None, role: Role = Role.USER) -> Message:
    return Message(name, "c", parent, role, NOW, (TextPart(name),))


def ids(messages: list[Message]) -> list[str]:
    return [message.id for message in messages]


def test_a_path_runs_from_the_root_to_the_head() -> None:
    tree = MessageTree([node("a", None), node("b", "a"), node("c", "b"), node("b2", "a")])
    assert ids(tree.path("c")) == ["a", "b", "c"]
    assert ids(tree.path("b2")) == ["a", "b2"]
    assert tree.path(None) == []


def test_variants_stand_in_the_order_in_which_they_came() -> None:
    tree = MessageTree([node("a", None), node("b", "a"), node("b2", "a"), node("b3", "a")])
    assert tree.siblings("b2") == ("b", "b2", "b3")
    assert tree.siblings("a") == ("a",)


def test_the_newest_leaf_follows_the_newest_children() -> None:
    tree = MessageTree([node("a", None), node("b", "a"), node("c", "b"), node("b2", "a")])
    assert tree.newest_leaf("a") == "b2"
    assert tree.newest_leaf("b") == "c"


def test_merging_the_whole_tree_keeps_what_came_meanwhile_and_the_order_of_variants() -> None:
    tree = MessageTree([node("b2", "a"), node("c", "b2")])
    tree.add(node("b3", "a"))
    tree.merge([node("a", None), node("b", "a"), node("b2", "a"), node("c", "b2")])
    assert tree.siblings("b3") == ("b", "b2", "b3")
    assert ids(tree.path("c")) == ["a", "b2", "c"]
    assert len(tree) == 5
