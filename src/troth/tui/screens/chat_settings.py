"""A chat's own settings: system prompt, persona and parameters. An empty field sends nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, NamedTuple, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from troth.domain.conversation import Conversation
from troth.domain.model import ModelInfo, Params
from troth.explain import policy_detail, policy_words
from troth.settings import Persona
from troth.tui.safe import clean, clean_line
from troth.tui.screens.palette import CLOSE
from troth.tui.widgets.chooser import Chooser
from troth.tui.widgets.dialog_box import DialogBox
from troth.tui.widgets.field import Field
from troth.tui.widgets.toggle import Toggle

POLICIES = ("any", "signed", "attested", "device")
"""As the engine enforces them; an unknown one is shown as the first and must be chosen anew."""


class ChatSettings(NamedTuple):
    """What the person wants for this chat."""

    system_prompt: str
    persona: str
    params: Params
    policy: str
    is_held: bool


class _Field(NamedTuple):
    name: str
    label: str
    hint: str


_FIELDS = (
    _Field("temperature", "Temperature", "0 to 2; empty: the model's own"),
    _Field("top_p", "Top p", "0 to 1"),
    _Field("max_output_tokens", "Longest reply", "tokens"),
    _Field("effort", "Thinking effort", "in the provider's words, as low, medium, high"),
    _Field("seed", "Seed", "a whole number, where the provider has it"),
    _Field("stop", "Stop at", "words that end the reply, separated by ;"),
)


class SettingsScreen(ModalScreen[ChatSettings | None]):
    """Gives back the new settings, or None. ctrl+s keeps them."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("ctrl+s", "keep", "Keep", show=False, priority=True,
                tooltip="Keep these settings for this chat", id="settings.keep"),
    ]  # fmt: skip

    def __init__(
        self,
        conversation: Conversation,
        personas: Mapping[str, Persona],
        model: ModelInfo | None,
        *,
        is_held: bool = False,
    ) -> None:
        super().__init__()
        self._conversation = conversation
        self._personas = personas
        self._model = model
        self._is_held = is_held

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog -wide -high") as box:
            box.border_title = "This chat"
            box.keys = "tab next   ^s keep   esc leave as it was"
            with VerticalScroll(can_focus=False):
                names = ", ".join(self._personas) or "none in config.toml, [personas.NAME]"
                yield Static(f"Persona: {clean_line(names)}", classes="label", markup=False)
                yield Field(self._conversation.persona, id="persona", compact=True)
                yield Static("System prompt", classes="label", markup=False)
                yield TextArea(
                    clean(self._conversation.system_prompt),
                    id="system",
                    compact=True,
                    tab_behavior="focus",
                    show_line_numbers=False,
                )
                for field in _FIELDS:
                    with Horizontal(classes="field"):
                        yield Static(field.label, classes="name", markup=False)
                        yield Field(
                            _written(getattr(self._conversation.params, field.name)),
                            placeholder=self._hint(field),
                            id=field.name,
                            compact=True,
                        )
                yield from self._trust_rows()
            yield Static("", classes="wrong", markup=False)

    def _trust_rows(self) -> ComposeResult:
        """Who may be asked in this chat, and when a reply is shown."""
        policy = self._conversation.policy
        with Horizontal(classes="field"):
            yield Static("Who may answer", classes="name", markup=False)
            choices = [(one, policy_words(one)) for one in POLICIES]
            yield Chooser(choices, policy, id="policy")
        yield Static(policy_detail(policy), classes="label", id="policy-detail", markup=False)
        toggle = Toggle("Show a reply only once it was checked", id="held")
        toggle.is_on = self._is_held
        with Horizontal(classes="field"):
            yield Static("Unchecked replies", classes="name", markup=False)
            yield toggle

    def on_chooser_changed(self, message: Chooser.Changed) -> None:
        message.stop()
        self.query_one("#policy-detail", Static).update(policy_detail(message.choice))

    def _hint(self, field: _Field) -> str:
        if self._model is None:
            return field.hint
        if field.name == "effort" and self._model.efforts:
            return ", ".join(self._model.efforts)
        if field.name == "temperature" and self._model.takes_temperature is False:
            return "this model takes none"
        return field.hint

    def on_input_changed(self, message: Input.Changed) -> None:
        """A persona brings its prompt along, to be seen and changed."""
        message.stop()
        chosen = self._personas.get(message.value.strip())
        if message.input.id == "persona" and chosen is not None:
            self.query_one("#system", TextArea).load_text(clean(chosen.system_prompt))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.action_keep()

    def action_dismiss_none(self) -> None:
        self.dismiss(None)

    def action_keep(self) -> None:
        """Give back what was typed, or say what cannot be right."""
        params = Params()
        for field in _FIELDS:
            typed = self.query_one(f"#{field.name}", Input).value.strip()
            try:
                params = _with(params, field.name, typed)
            except ValueError:
                self._say(f"{field.label}: {field.hint}")
                return
        persona = self.query_one("#persona", Input).value.strip()
        if persona and persona not in self._personas and persona != self._conversation.persona:
            self._say(f"There is no persona {persona} in config.toml.")
            return
        system_prompt = self.query_one("#system", TextArea).text.strip()
        policy = self.query_one("#policy", Chooser).choice
        is_held = self.query_one("#held", Toggle).is_on
        self.dismiss(ChatSettings(system_prompt, persona, params, policy, is_held))

    def _say(self, text: str) -> None:
        self.query_one(".wrong", Static).update(clean_line(text))


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return "; ".join(cast("tuple[str, ...]", value))
    return "" if value is None else str(value)


def _with(params: Params, name: str, typed: str) -> Params:
    """Set one parameter from what was typed; raise ValueError when it cannot be."""
    if not typed:
        return params
    match name:
        case "temperature":
            return replace(params, temperature=_between(float(typed), 0, 2))
        case "top_p":
            return replace(params, top_p=_between(float(typed), 0, 1))
        case "max_output_tokens":
            return replace(params, max_output_tokens=int(_between(int(typed), 1, 10**7)))
        case "seed":
            return replace(params, seed=int(typed))
        case "effort":
            return replace(params, effort=typed)
        case _:
            words = tuple(word.strip() for word in typed.split(";") if word.strip())
            return replace(params, stop=words)


def _between(value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ValueError
    return value
