"""The rows of a comparison: what was asked in each turn and what each column said to it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from troth.domain.error import Failure
from troth.domain.message import Finish, Message, Role
from troth.domain.verdict import Verdict
from troth.engine.chat import Chat

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Metrics:
    """What one answer took. None means not known; a cost is an estimate."""

    first_token_ms: float | None = None
    total_ms: float | None = None
    tokens_per_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    thinking_tokens: int | None = None
    cost_usd: float | None = None
    finish: Finish | None = None
    verdict: Verdict | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a column said in one turn: more than one message where a cut one was continued."""

    asked: Message
    replies: tuple[Message, ...]

    @property
    def text(self) -> str:
        return "".join(reply.text for reply in self.replies)

    @property
    def is_usable(self) -> bool:
        """Whether there is something to vote on."""
        return any(map(says_something, self.replies))

    @property
    def is_answered(self) -> bool:
        """Whether the next turn may follow: a failed reply is given to no model as its own."""
        return any(
            reply.finish is not Finish.FAILED and says_something(reply) for reply in self.replies
        )

    @property
    def has_failed(self) -> bool:
        """Whether its last reply failed, or was cut before it said anything."""
        last = self.replies[-1].finish if self.replies else None
        return last is Finish.FAILED or (last is Finish.CUT and not self.is_answered)


def says_something(reply: Message) -> bool:
    """Whether there is anything in a reply but thinking."""
    return bool(reply.text.strip() or reply.blobs)


def answers_of(column: Chat, base_id: str) -> list[Answer]:
    """Return a column's turns from the prompt `base_id` on, oldest first."""
    path = column.tree.path(column.conversation.head_id)
    ids = [message.id for message in path]
    if base_id not in ids:
        return []
    answers: list[Answer] = []
    replies: list[Message] = []
    asked: Message | None = None
    for message in path[ids.index(base_id) :]:
        if message.role is Role.USER:
            if asked is not None:
                answers.append(Answer(asked, tuple(replies)))
            asked, replies = message, []
        else:
            replies.append(message)
    if asked is not None:
        answers.append(Answer(asked, tuple(replies)))
    return answers


def metrics_of(answer: Answer, verdicts: dict[str, Verdict]) -> Metrics:
    """Sum up one answer; the parts of a continued one are added together."""
    replies = answer.replies
    if not replies:
        return Metrics()
    first, last = replies[0], replies[-1]
    usages = [reply.usage for reply in replies]
    return Metrics(
        first_token_ms=first.timing.first_token_ms if first.timing else None,
        total_ms=_sum([reply.timing.total_ms if reply.timing else None for reply in replies]),
        tokens_per_s=last.timing.tokens_per_s(last.usage) if last.timing else None,
        input_tokens=_sum([usage.input if usage else None for usage in usages]),
        output_tokens=_sum([usage.output if usage else None for usage in usages]),
        thinking_tokens=_sum([usage.thinking if usage else None for usage in usages]),
        cost_usd=_sum([reply.cost_usd for reply in replies]),
        finish=last.finish,
        verdict=verdicts.get(last.id),
        failure=last.failure,
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """One column over all its turns: medians of times, sums of tokens and cost."""

    turns: int
    failed: int
    first_token_ms: float | None
    total_ms: float | None
    tokens_per_s: float | None
    input_tokens: int | None
    output_tokens: int | None
    thinking_tokens: int | None
    cost_usd: float | None
    tokens_per_s_by_turn: tuple[float | None, ...]
    """For a sparkline."""
    verdicts: tuple[tuple[str, int], ...]
    """How many replies in each verdict state, most first."""


def summarize(turns: Sequence[Metrics]) -> Summary:
    """Sum up one column."""
    states = [m.verdict.state.value for m in turns if m.verdict is not None]
    counted = sorted({(state, states.count(state)) for state in states}, key=lambda s: -s[1])
    return Summary(
        turns=len(turns),
        failed=sum(m.finish in {Finish.FAILED, Finish.CUT} for m in turns),
        first_token_ms=_median([m.first_token_ms for m in turns]),
        total_ms=_median([m.total_ms for m in turns]),
        tokens_per_s=_median([m.tokens_per_s for m in turns]),
        input_tokens=_sum([m.input_tokens for m in turns]),
        output_tokens=_sum([m.output_tokens for m in turns]),
        thinking_tokens=_sum([m.thinking_tokens for m in turns]),
        cost_usd=_sum([m.cost_usd for m in turns]),
        tokens_per_s_by_turn=tuple(m.tokens_per_s for m in turns),
        verdicts=tuple(counted),
    )


def _sum(values: Sequence[Number | None]) -> Number | None:
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def _median(values: Sequence[float | None]) -> float | None:
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    middle = len(known) // 2
    return known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2
