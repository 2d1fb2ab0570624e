"""Which votes a rating counts: all human ones of the vault, blind and not given away."""

from __future__ import annotations

from dataclasses import dataclass

from troth.engine.comparison_state import VOTES_KEY, Vote, load_votes
from troth.engine.rating import Ballot
from troth.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class VoteFilter:
    """What to count. Empty texts mean: whatever."""

    tag: str = ""
    prompt_set: str = ""
    takes_open: bool = False
    """Also votes that were cast with the names in sight."""
    takes_flagged: bool = False
    """Also votes on a reply that named its own model or vendor."""


@dataclass(frozen=True, slots=True)
class CollectedVotes:
    """The ballots that count, and how many do not."""

    ballots: tuple[Ballot, ...]
    open_left_out: int
    flagged_left_out: int


async def collect_votes(vault: Vault, wanted: VoteFilter) -> CollectedVotes:
    """Read the votes of all comparisons that are not in the trash."""
    known = {conversation.id for conversation in await vault.conversations(is_archived=None)}
    if wanted.tag:
        tags = await vault.folders.tags()
        known = {id for id in known if wanted.tag in tags.get(id, ())}
    ballots: list[Ballot] = []
    left_out_open = left_out_flagged = 0
    for name, text in sorted((await vault.states(VOTES_KEY)).items()):
        conversation_id = name.removeprefix(VOTES_KEY)
        if conversation_id not in known or not text:
            continue
        for vote in load_votes(text):
            if wanted.prompt_set and vote.prompt_set != wanted.prompt_set:
                continue
            if not vote.is_blind and not wanted.takes_open:
                left_out_open += 1
            elif vote.names_itself and not wanted.takes_flagged:
                left_out_flagged += 1
            else:
                ballots.append(_ballot(conversation_id, vote))
    return CollectedVotes(tuple(ballots), left_out_open, left_out_flagged)


def _ballot(conversation_id: str, vote: Vote) -> Ballot:
    return Ballot(vote.left_name, vote.right_name, vote.choice, (conversation_id, vote.turn))
