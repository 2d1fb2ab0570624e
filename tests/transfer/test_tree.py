"""Foreign trees: whatever their shape, parents come first and no words are lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from troth.transfer.tree import Node, order

ids = st.sampled_from("abcdefgh")
nodes = st.lists(
    st.builds(Node, ids, st.none() | ids | st.just("missing"), st.none() | st.text(max_size=3)),
    max_size=12,
)


@given(nodes)
def test_every_content_is_kept_once_after_its_parent(tree: list[Node[str]]) -> None:
    found = order(tree)
    wanted = {}
    for node in tree:
        wanted.setdefault(node.id, node.content)
    assert {n.id: n.content for n in found.nodes} == {
        id_: content for id_, content in wanted.items() if content is not None
    }
    seen: set[str | None] = {None}
    for node in found.nodes:
        assert node.parent_id in seen
        seen.add(node.id)


def test_circles_orphans_and_doubles() -> None:
    found = order(
        [Node("a", "b", "A"), Node("b", "a", "B"), Node("c", "gone", "C"), Node("c", None, "again")]
    )
    assert [(n.id, n.parent_id) for n in found.nodes] == [("c", None), ("a", None), ("b", "a")]
    assert found.duplicates == 1


def test_what_hangs_on_a_placeholder_hangs_on_what_is_above_it() -> None:
    found = order([Node("a", None, "A"), Node("x", "a", None), Node("b", "x", "B")])
    assert [(n.id, n.parent_id) for n in found.nodes] == [("a", None), ("b", "a")]
    assert found.nearest["x"] == "a"


def test_a_chain_of_any_length_needs_no_stack() -> None:
    chain = [Node(str(n), str(n - 1) if n else None, "x") for n in range(50_000)]
    assert len(order(reversed(chain)).nodes) == 50_000
