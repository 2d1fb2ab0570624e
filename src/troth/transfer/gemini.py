"""Gemini from Google Takeout: the records of My Activity, and whole conversations (Workspace).

`My Activity/Gemini Apps/MyActivity.json` is a list of records, newest first: `title` (a verb and
the prompt), `time`, `safeHtmlItem[].html` (the reply), `products`. They name no conversation, so
records that follow each other within half an hour are put together. A Workspace export has
`conversation_<N>.txt` with `conversation_turns[]` of `user_turn` and `system_turn`.

Field names: public readers of real exports, November 2026. Files that were attached are named in
`imageFile`, `attachedFiles` and `subtitles[].url` and lie beside the records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from troth.domain.message import Role, ThinkingPart
from troth.domain.model import ModelRef
from troth.transfer.assets import Assets
from troth.transfer.chats import Kind, ReadChat, Setting
from troth.transfer.drafting import Draft, Outline, build_chat, chain
from troth.transfer.html_words import html_to_words
from troth.transfer.identity import derived_id
from troth.transfer.loose import mapping, moment, name, sequence, text, words
from troth.transfer.tree import Node

GAP = timedelta(minutes=30)
MODEL = ModelRef("google", "gemini")
"""Takeout does not say which Gemini it was."""
MAX_GROUP = 500
_SAID = (
    "Prompted with: ",
    "Asked Gemini: ",
    "Asked Bard: ",
    "Prompted ",
    "Asked ",
    "Said ",
    "Branched ",
    "Answered ",
    "Eingegebener Prompt: ",
)
_DONE = re.compile(
    r"(?:Created|Used|Added|Gave|Selected|Shared|Deleted|Viewed|Visited|Searched|Edited|Pinned"
    r"|Renamed|Exported|Updated|Unpinned) "
)
_ATTACHED = re.compile(r"\s*Attached \d{1,4} files?\.?\s*$", re.IGNORECASE)
_LOCAL = re.compile(r"[^:/?#]{1,300}")
"""The name of a file that lies beside the records; anything else is an address."""


@dataclass(frozen=True, slots=True)
class Activity:
    """One prompt with its reply."""

    at: datetime | None
    prompt: str
    reply: str
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The names of attached files as they lie in the export, and as the user knew them."""


def is_activity(record: object) -> bool:
    """Whether this is a record of My Activity, of whatever product."""
    found = mapping(record)
    return isinstance(found.get("header"), str) and isinstance(found.get("title"), str)


def is_conversation(record: object) -> bool:
    return isinstance(mapping(record).get("conversation_turns"), list)


def parse_activity(record: object, setting: Setting) -> Activity | None:
    """Read one record; None where it is not something that was said to Gemini."""
    found = mapping(record)
    labels = [text(found.get("header")), *(text(p) for p in sequence(found.get("products")))]
    if not any("gemini" in label.lower() or "bard" in label.lower() for label in labels):
        return None
    items = [mapping(item) for item in sequence(found.get("safeHtmlItem"))]
    reply = "\n\n".join(filter(None, (html_to_words(text(item.get("html"))) for item in items)))
    at = moment(found.get("time"), setting.now)
    return activity_from(words(found.get("title")), reply, at, _files(found))


def _files(record: Mapping[str, object]) -> dict[str, str]:
    named = [text(record.get("imageFile")), *map(text, sequence(record.get("attachedFiles")))]
    files = dict.fromkeys(filter(_LOCAL.fullmatch, named), "")
    for subtitle in map(mapping, sequence(record.get("subtitles"))):
        if _LOCAL.fullmatch(linked := text(subtitle.get("url"))):
            files[linked] = name(subtitle.get("name")).strip(" -")
    return files


def activity_from(
    title: str, reply: str, at: datetime | None, files: Mapping[str, str]
) -> Activity | None:
    """Cut the verb off a title; None where the verb says that nothing was asked.

    Other languages have other verbs: there a record counts when it has a reply, title and all.
    """
    title = title.strip()
    said = next((verb for verb in _SAID if title.startswith(verb)), None)
    if said is None and (_DONE.match(title) or not reply):
        return None
    prompt = _ATTACHED.sub("", title.removeprefix(said or "")).strip()
    return Activity(at, prompt, reply, files) if prompt else None


@dataclass(slots=True)
class Grouping:
    """Puts records back into conversations as they come, newest first or oldest first."""

    setting: Setting
    assets: Assets
    _group: list[Activity] = field(default_factory=list[Activity])

    def add(self, activity: Activity) -> Iterator[ReadChat]:
        if self._group and not self._belongs(activity):
            yield from self.close()
        self._group.append(activity)

    def close(self) -> Iterator[ReadChat]:
        """Yield the conversation that was being put together."""
        group, self._group = self._group, []
        if group and (chat := _chat_of(group, self.setting, self.assets)):
            yield chat

    def _belongs(self, activity: Activity) -> bool:
        last = self._group[-1].at
        if last is None or activity.at is None or len(self._group) >= MAX_GROUP:
            return False
        return abs(activity.at - last) <= GAP


def _chat_of(group: list[Activity], setting: Setting, assets: Assets) -> ReadChat | None:
    first, last = group[0].at, group[-1].at
    if first is not None and last is not None and last < first:
        group = group[::-1]
    drafts: list[tuple[str, Draft]] = []
    for activity in group:
        id_ = derived_id(str(activity.at), activity.prompt)
        asked = Draft(Role.USER, created_at=activity.at)
        for stored, shown in activity.files.items():
            if found := assets.beside(stored, shown):
                asked.attach(*found)
            else:
                asked.missing.append(name(shown or stored))
        asked.say(activity.prompt)
        drafts.append((f"{id_}?", asked))
        if activity.reply:
            replied = Draft(Role.ASSISTANT, created_at=activity.at, model=MODEL)
            replied.say(activity.reply)
            drafts.append((id_, replied))
    outline = Outline(Kind.GEMINI, drafts[0][0], created_at=group[0].at, updated_at=group[-1].at)
    return build_chat(outline, chain(drafts), setting)


def read_conversation(record: object, setting: Setting) -> ReadChat | None:
    """Read one whole conversation. A turn that was edited or asked again stands beside itself."""
    found = mapping(record)
    source_id = f"{text(found.get('creation_time'))} {name(found.get('title'))}"
    nodes: list[Node[Draft]] = []
    broken = 0
    at_index: dict[int, str] = {}
    last: str | None = None
    for place, item in enumerate(sequence(found.get("conversation_turns"))):
        turn = mapping(mapping(item).get("user_turn")) or mapping(mapping(item).get("system_turn"))
        if not turn:
            broken += 1
            continue
        index = turn.get("turn_index")
        number = index if isinstance(index, int) else place
        is_user = "user_turn" in mapping(item)
        draft = _turn(turn, is_user=is_user, setting=setting)
        id_ = f"{number}-{'user' if is_user else 'model'}-{place}"
        nodes.append(Node(id_, at_index.get(number - 1, last), draft))
        at_index[number] = last = id_
    return build_chat(
        Outline(
            Kind.GEMINI,
            source_id,
            title=name(found.get("title")),
            created_at=moment(found.get("creation_time"), setting.now),
            updated_at=moment(found.get("last_modification_time"), setting.now),
            broken_messages=broken,
        ),
        nodes,
        setting,
    )


def _turn(turn: object, *, is_user: bool, setting: Setting) -> Draft:
    found = mapping(turn)
    at = moment(found.get("turn_last_modified"), setting.now)
    if is_user:
        draft = Draft(Role.USER, created_at=at)
        draft.say(words(found.get("prompt")))
        return draft
    draft = Draft(Role.ASSISTANT, created_at=at, model=MODEL)
    for thought in sequence(found.get("model_thoughts")):
        pair = (words(mapping(thought).get(key)) for key in ("headline", "description"))
        if body := "\n\n".join(filter(str.strip, pair)):
            draft.parts.append(ThinkingPart(body))
    for piece in sequence(found.get("text")):
        draft.say(words(mapping(piece).get("data")))
        for card in sequence(mapping(piece).get("cards")):
            draft.say(words(mapping(card).get("content")))
    draft.missing += [name(image) for image in sequence(found.get("images")) if name(image)]
    return draft
