"""What is kept of a comparison beside its messages: columns, their heads, blind orders, votes.

It lies in the vault's state, under the conversation's id, and goes with the conversation. Unknown
fields are ignored when read, so that a newer Troth may add some.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import cast

from troth.domain.error import UsageError
from troth.domain.model import Json, ModelRef, Params

MIN_COLUMNS, MAX_COLUMNS = 2, 8
COMPARISON_KEY = "comparison:"
VOTES_KEY = "votes:"
JUDGEMENTS_KEY = "judgements:"
VERSION = 1


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """What answers in a column: a model, and the parameters that are set for it."""

    model: ModelRef
    params: Params = field(default_factory=Params)
    label: str = ""
    """The user's own name for it."""

    @property
    def name(self) -> str:
        """The model with the parameters that were set: what a rating is about."""
        settings = [f"{name}={value}" for name, value in params_json(self.params).items()]
        return " ".join([str(self.model), *settings])

    @property
    def title(self) -> str:
        return self.label or self.name.partition("/")[2]


@dataclass(frozen=True, slots=True)
class ColumnState:
    """A column as it is kept."""

    id: str
    spec: ColumnSpec
    head_id: str | None = None
    """Its last message, or the reply that was arriving."""
    asked_id: str | None = None
    """The user's message that the head answers: the head itself may have been lost in a crash."""


@dataclass(frozen=True, slots=True)
class Blind:
    """Names are hidden and every turn is shown in an order of its own."""

    is_revealed: bool = False
    """From then on names are shown and votes are locked."""
    seed: int | None = None
    """For repeatable orders in a study; None draws them from the system."""
    pads_latency: bool = False
    """Show a turn's replies only when all have ended: speed gives a model away."""
    orders: tuple[tuple[str, ...], ...] = ()
    """Column ids by turn, as they are shown from left to right."""


@dataclass(frozen=True, slots=True)
class LineUp:
    """Who is compared, and how."""

    specs: tuple[ColumnSpec, ...]
    blind: Blind | None
    prompt_set: str = ""
    """The set of prompts that it belongs to, for ratings by set."""


class Choice(StrEnum):
    """What a voter, or a judge, says of two answers."""

    LEFT = "left"
    RIGHT = "right"
    TIE = "tie"
    BOTH_BAD = "both-bad"


@dataclass(frozen=True, slots=True)
class Vote:
    """One human judgement of two replies."""

    turn: int
    """From 0."""
    left: str
    """Column id, as are `right`."""
    right: str
    left_name: str
    right_name: str
    choice: Choice
    at: datetime
    is_blind: bool
    names_itself: bool = False
    """Whether one of the two replies named its own model or vendor: it was not blind after all."""
    prompt_set: str = ""


@dataclass(frozen=True, slots=True)
class ComparisonState:
    """All that is kept of one comparison but its votes."""

    base_id: str
    """The user's message that all columns answer first."""
    columns: tuple[ColumnState, ...]
    blind: Blind | None = None
    prompt_set: str = ""
    """The name of the set that its prompts belong to, for ratings by set."""


def check_count(count: int) -> None:
    """Raise UsageError unless a comparison may have so many columns."""
    if not MIN_COLUMNS <= count <= MAX_COLUMNS:
        raise UsageError(f"a comparison has {MIN_COLUMNS} to {MAX_COLUMNS} columns, not {count}")


# JSON


def params_json(params: Params) -> dict[str, Json]:
    """Return what was set, by field name."""
    return {
        name: list(params.stop) if name == "stop" else value
        for name, value in asdict(params).items()
        if value not in (None, ())
    }


def params_from(row: Mapping[str, object]) -> Params:
    """Read what `params_json` wrote."""
    known = {f.name: row[f.name] for f in fields(Params) if row.get(f.name) is not None}
    if "stop" in known:
        known["stop"] = tuple(cast("list[str]", known["stop"]))
    return replace(Params(), **known)  # type: ignore[arg-type]  # its own fields


def spec_json(spec: ColumnSpec) -> dict[str, Json]:
    row: dict[str, Json] = {"model": str(spec.model)}
    if params := params_json(spec.params):
        row["params"] = params
    if spec.label:
        row["label"] = spec.label
    return row


def spec_from(row: Mapping[str, object]) -> ColumnSpec:
    """Read a column; raise UsageError for one without `provider/model`."""
    model = ModelRef.parse(str(row.get("model", "")))
    if model is None:
        raise UsageError("a column names its model as provider/model")
    params = cast("Mapping[str, object]", row.get("params") or {})
    return ColumnSpec(model, params_from(params), str(row.get("label", "")))


def dump_state(state: ComparisonState) -> str:
    row: dict[str, object] = {
        "version": VERSION,
        "base": state.base_id,
        "prompt_set": state.prompt_set,
        "columns": [
            {"id": c.id, "head": c.head_id, "asked": c.asked_id, **spec_json(c.spec)}
            for c in state.columns
        ],
        "blind": None if state.blind is None else asdict(state.blind),
    }
    return json.dumps(row, separators=(",", ":"))


def load_state(text: str) -> ComparisonState:
    """Read what `dump_state` wrote; raise UsageError for one of a newer Troth."""
    row = cast("dict[str, object]", json.loads(text))
    if row.get("version") != VERSION:
        raise UsageError("this comparison was written by a newer Troth")
    columns = cast("list[dict[str, object]]", row["columns"])
    blind = cast("dict[str, object] | None", row.get("blind"))
    return ComparisonState(
        base_id=str(row["base"]),
        prompt_set=str(row.get("prompt_set", "")),
        columns=tuple(
            ColumnState(
                str(c["id"]),
                spec_from(c),
                cast("str | None", c.get("head")),
                cast("str | None", c.get("asked")),
            )
            for c in columns
        ),
        blind=None if blind is None else _blind_from(blind),
    )


def _blind_from(row: Mapping[str, object]) -> Blind:
    orders = cast("list[list[str]]", row.get("orders", []))
    return Blind(
        is_revealed=bool(row.get("is_revealed")),
        seed=cast("int | None", row.get("seed")),
        pads_latency=bool(row.get("pads_latency")),
        orders=tuple(tuple(order) for order in orders),
    )


def dump_votes(votes: tuple[Vote, ...]) -> str:
    rows = [{**asdict(vote), "at": vote.at.isoformat()} for vote in votes]
    return json.dumps({"version": VERSION, "votes": rows}, separators=(",", ":"))


def load_votes(text: str) -> tuple[Vote, ...]:
    """Read what `dump_votes` wrote."""
    document = cast("dict[str, object]", json.loads(text))
    names = [f.name for f in fields(Vote)]
    votes: list[Vote] = []
    for row in cast("list[dict[str, object]]", document["votes"]):
        known = {name: row[name] for name in names if name in row}
        known["choice"] = Choice(str(row["choice"]))
        known["at"] = datetime.fromisoformat(str(row["at"]))
        votes.append(Vote(**known))  # type: ignore[arg-type]  # its own fields
    return tuple(votes)
