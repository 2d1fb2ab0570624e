"""From an error, or what a message kept of one, to words. Never raises, also for foreign kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from troth.domain.error import Failure, TrothError
from troth.explain.policies import crossing_words, policy_words
from troth.explain.words import ALL, OF_PROVIDERS

Face = Literal["app", "columns", "shell", "plain"]
"""Where the words are read: it decides which keys or commands the next step names."""

MAX_FOREIGN_CHARACTERS = 400

_ACTIONS: Mapping[Face, Mapping[str, str]] = {
    "app": {
        "set_key": "/setup, or `troth keys set {provider_name}` in a shell,",
        "pick_model": "ctrl+o picks another model",
        "list_models": "ctrl+o",
        "again": "/again asks once more",
        "go_on": "/continue lets the model go on; /again asks once more",
        "make_room": "Begin a new chat with /new",
        "params": "/settings",
        "log_in": "/login {provider_name} (or `troth login {provider_name}` in a shell)",
        "unlock": "Type the passphrase",
        "policy_change": "Change the policy with /settings",
        "cross": "Send again, and you are asked what to do with them",
        "help": "F1 shows every command.",
    },
    "columns": {
        "set_key": "/setup in a chat, or `troth keys set {provider_name}` in a shell,",
        "pick_model": "m puts another model into this column",
        "list_models": "m",
        "again": "r asks this column once more",
        "go_on": ". lets this column go on; r asks it once more",
        "make_room": "Begin a new chat with /new",
        "params": "/settings in a chat",
        "log_in": "/login {provider_name} in a chat (or `troth login {provider_name}` in a shell)",
        "unlock": "Type the passphrase",
        "policy_change": "Change the policy with /settings in the chat",
        "cross": "Send again, and you are asked what to do with them",
        "help": "? shows every key.",
    },
    "shell": {
        "set_key": "`troth keys set {provider_name}`",
        "pick_model": "-m PROVIDER/MODEL picks another model",
        "list_models": "`troth models --provider {provider_name}`",
        "again": "try again",
        "go_on": "Ask again; or go on with it in the app",
        "make_room": "Ask without -c to begin anew",
        "params": "`troth config edit`, in [params],",
        "log_in": "`troth login {provider_name}`",
        "unlock": "Run it at a terminal to be asked for the passphrase, or set "
        "TROTH_PASSPHRASE_FILE or TROTH_PASSPHRASE_COMMAND",
        "policy_change": "Change the policy in the app, with /settings",
        "cross": "--boundary send lets them go, --boundary without leaves them out",
        "help": "`troth --help` shows every command.",
    },
    "plain": {
        "set_key": "`troth keys set {provider_name}` in a shell",
        "pick_model": "/model NAME picks another model",
        "list_models": "/model",
        "again": "/again asks once more",
        "go_on": "/continue lets the model go on; /again asks once more",
        "make_room": "Begin a new chat with /new",
        "params": "`troth config edit`, in [params],",
        "log_in": "`troth login {provider_name}`",
        "unlock": "Leave with /quit and come back",
        "policy_change": "Change it with /policy",
        "cross": "/boundary send lets them go, /boundary without keeps them here",
        "help": "/help lists the commands.",
    },
}

_POLICY_REASONS = {
    "leaves_device": ", and this model does not run on your own machines",
    "simulated": ", and this one is a demonstration",
    "signs_nothing": ", and this provider proves its machine but signs no reply",
    "not_known_to_sign": ", and nothing says that this provider signs what it sends",
}

_LISTINGS: Mapping[str, Mapping[Face, str]] = {
    "provider": {
        "app": "ctrl+o shows the providers.",
        "columns": "m",
        "shell": "`troth providers list`",
    },
    "provider in config.toml": {"shell": "`troth providers list`"},
    "model": {
        "app": "ctrl+o shows the models.",
        "columns": "m",
        "shell": "`troth models`",
        "plain": "/model",
    },
    "chat": {"app": "ctrl+b shows the chats.", "shell": "`troth chats`", "plain": "/chats"},
    "key": {"app": "/setup sets one.", "shell": "`troth keys list`"},
    "key in trust.toml": {"shell": "`troth trust list`"},
    "code in trust.toml": {"shell": "`troth trust list`"},
    "reply": {
        "shell": "Only a checked reply of a kept chat has a name: ask first, with `troth ask` or in"
        " the app; `troth search --json WORDS` tells ids.",
    },
    "file": dict.fromkeys(("app", "columns", "shell", "plain"), "Check the path."),
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """An error in words. `detail` may quote foreign text, and names are foreign too: sanitise."""

    kind: str
    title: str
    detail: str
    next_step: str


def explain(error: TrothError, face: Face = "app") -> Explanation:
    """Put `error` into words for `face`."""
    return explain_failure(Failure.of(error), face)


def explain_failure(failure: Failure, face: Face = "app") -> Explanation:
    """Put a kept failure into words; an unknown kind (a newer Troth's) gets general ones."""
    words = ALL.get(failure.kind, ALL["error"])
    values = _values(failure.facts, face)
    detail = words.detail.format_map(values)
    return Explanation(
        failure.kind,
        _sentence_case(words.title.format_map(values)),
        " ".join(filter(None, (detail, _said(failure)))),
        _sentence_case(words.next_step.format_map(values)),
    )


def _values(facts: Mapping[str, str], face: Face) -> Mapping[str, str]:
    """Return everything that the sentences may name. Facts are values here, never templates."""
    provider = facts.get("provider", "")
    values = _General(facts)
    values |= {
        "who": provider or "the provider",
        "which": facts.get("model") or "this model",
        "where": facts.get("host") or "the server",
        "provider_name": provider or "NAME",
        "wait": _with_seconds(" It asks to wait {}.", facts.get("retry_after_s")),
        "limit": _with_seconds(" for {}", facts.get("limit_s")),
        "variables_hint": _filled(" and none in {}", facts.get("variables")),
        "near_hint": _filled(" Did you mean {}?", facts.get("near")),
        "line_hint": _filled(", line {}", facts.get("line", "0").lstrip("0")),
        "reason_sentence": _as_sentence(facts.get("detail") or "it makes no sense here"),
        "reason_words": facts.get("reason") or facts.get("detail") or "",
        "policy_words": policy_words(facts.get("policy", "")),
        "policy_reason": _POLICY_REASONS.get(facts.get("reason", ""), ""),
        "crossing_words": crossing_words(facts.get("attested", ""), facts.get("local", "")),
        "subject_sentence": _ended(" ".join(filter(None, (facts.get("key"), facts.get("detail"))))),
    }
    actions = _ACTIONS[face]
    listing = _LISTINGS.get(facts.get("what", ""), {})
    place = listing.get(face) or listing.get("shell") or actions["help"]
    values["step_or_help"] = facts.get("step") or actions["help"]
    values["listing"] = place if place.endswith(".") else f"{place} shows those that exist."
    for name, action in actions.items():
        values[name] = action.replace("{provider_name}", values["provider_name"])
    return values


_SAID_ALREADY = (
    "config", "usage", "not-found", "not-written", "import-refused", "receipt-refused",
    "enclave-refused", "payment-refused", "payment-not-taken", "login-failed", "policy-refused",
    "boundary", "model-file-refused",
)  # fmt: skip
"""Kinds whose own words hold the reason."""


class _General(dict[str, str]):
    """Facts by name; one that the error does not carry reads as a general word."""

    def __missing__(self, name: str) -> str:
        return "that parameter" if name == "parameter" else "it"


def _said(failure: Failure) -> str:
    """Quote the other side, with what its support will ask for."""
    facts = failure.facts
    if failure.kind in _SAID_ALREADY:
        return ""
    quoted = _shortened(facts.get("detail", "") or facts.get("reason", ""))
    who = "It says" if failure.kind in OF_PROVIDERS else "In detail"
    numbers = ", ".join(
        label.format(facts[name])
        for name, label in (("status", "HTTP {}"), ("request_id", "request {}"))
        if name in facts and not (name == "status" and facts[name].startswith("2"))
    )
    return " ".join(
        filter(
            None,
            (
                f"{who}: “{quoted}”" if quoted else "",
                f"({numbers})" if numbers else "",
                f"[{facts['path']}]" if "path" in facts else "",
            ),
        )
    )


def _as_sentence(reason: str) -> str:
    """Errors give reasons in lower case and without a full stop; here they stand alone.

    A name of a file or a model in front stays as it is written.
    """
    is_name = any(mark in reason.split(" ", 1)[0][:-1] for mark in "./\\")
    sentence = reason if is_name else reason[:1].upper() + reason[1:]
    return _ended(sentence)


def _ended(sentence: str) -> str:
    return sentence if not sentence or sentence[-1] in ".?!" else f"{sentence}."


def _shortened(text: str) -> str:
    flat = " ".join(text.split())
    if len(flat) <= MAX_FOREIGN_CHARACTERS:
        return flat
    return flat[: MAX_FOREIGN_CHARACTERS - 1] + "…"


def _with_seconds(template: str, seconds: str | None) -> str:
    try:
        amount = float(seconds or "")
    except ValueError:
        return ""
    if amount < 120:
        return template.format(f"{amount:.3g} s")
    return template.format(f"{amount / 60:.0f} min")


def _filled(template: str, value: str | None) -> str:
    return template.format(value) if value else ""


def _sentence_case(text: str) -> str:
    """Begin with a capital, but leave names (`gpt-5`, `openai`) and code as they are written."""
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first in _PLAIN_FIRST_WORDS else text


_PLAIN_FIRST_WORDS = {"the", "this", "try", "that", "no"}
