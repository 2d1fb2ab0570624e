"""What a signing key and the code that holds it are worth to you. You decide, nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from troth.tui.safe import clean, clean_line
from troth.tui.screens.palette import CLOSE
from troth.tui.screens.verification_words import written_fingerprint
from troth.tui.widgets.dialog_box import DialogBox
from troth.tui.widgets.field import Field
from troth.tui.widgets.row_list import Row, RowList

if TYPE_CHECKING:
    from troth.engine.known_keys import KnownKey

Act = Literal["pin", "unpin", "distrust", "trust-again", "know-code", "forget-code", "ask-registry"]

_ADVICE = (
    "A key that came with a reply proves nothing by itself. Compare this fingerprint with one that "
    "its owner gave you in another way, then pin it."
)


_PLACEHOLDERS: dict[Act, str] = {
    "pin": "a name for the key",
    "distrust": "why, for your own file",
    "know-code": "what it is, and who told you",
}
"""What is asked for before an act is done; others need no words."""


class KeyChoice(NamedTuple):
    """What the person decided."""

    act: Act
    key: KnownKey
    name: str = ""
    """The name for a pin or for code, the reason for a distrust."""


class KeyScreen(ModalScreen[KeyChoice | None]):
    """Shows the whole fingerprint and who vouches for the key; then asks."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [CLOSE]

    def __init__(self, key: KnownKey) -> None:
        super().__init__()
        self._key = key
        self._act: Act | None = None

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog") as box:
            box.border_title = "Key and trust"
            box.keys = "⏎ choose   esc back"
            yield Static(self._words(), classes="label", markup=False)
            rows = RowList(id="acts")
            rows.styles.height = len(self._rows())
            yield rows
            field = Field("", id="name", compact=True)
            field.display = False
            yield field

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.set_rows(self._rows())
        rows.focus()
        self._bindings.bind("enter", "choose")
        self._bindings.bind("up,k", "move(-1)")
        self._bindings.bind("down,j", "move(1)")

    def _rows(self) -> list[Row]:
        key = self._key
        rows: list[Row] = []
        if key.distrusted_because is not None:
            rows.append(Row("trust-again", "Take the distrust back"))
        else:
            if key.is_own_pin:
                rows.append(Row("pin", "Give it another name"))
                rows.append(Row("unpin", "Trust it no longer (take the pin back)"))
            else:
                rows.append(
                    Row(
                        "pin",
                        f"Trust it for {key.provider or 'this provider'} from now on (pin it)",
                    )
                )
            rows.append(Row("distrust", "Distrust it: it never counts again"))
        if key.is_own_code:
            rows.append(
                Row("forget-code", f"Know its code no longer (“{clean_line(key.code_name)}”)")
            )
        elif key.measured and not key.code_name:
            rows.append(Row("know-code", "I know the code that holds it: give it a name"))
        if key.can_be_listed:
            rows.append(Row("ask-registry", "Ask the registry whether it lists it still"))
        return rows

    def _words(self) -> Content:
        key = self._key
        digits = written_fingerprint(key.fingerprint)
        half = len(digits) // 2 + 1 if len(digits) > 56 else len(digits)
        lines = [digits[:half].strip(), digits[half:].strip()]
        pieces: list[str | tuple[str, str]] = [
            ("\n".join(line for line in lines if line), "bold"),
            f"\n\n{clean_line(_standing(key))}\n",
        ]
        if not (key.pinned_as or key.measured) and key.distrusted_because is None:
            pieces.append(f"\n{_ADVICE}\n")
        if key.measured:
            pieces.append(f"\n{clean_line(_code(key))}\n")
        return Content.assemble(*pieces)

    def action_move(self, by: int) -> None:
        self.query_one(RowList).move(by)

    def action_choose(self) -> None:
        self.query_one(RowList).choose()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        message.stop()
        act = cast("Act", message.row.id)
        if act not in _PLACEHOLDERS:
            self.dismiss(KeyChoice(act, self._key, self._key.code_name))
            return
        self._act = act
        field = self.query_one("#name", Input)
        field.value = self._key.pinned_as or self._key.provider if act == "pin" else ""
        field.placeholder = _PLACEHOLDERS[act]
        field.display = True
        self.query_one(RowList).display = False
        field.focus()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        if self._act is None:
            return
        name = clean(message.value).strip()
        if self._act != "distrust" and not name:
            return
        self.dismiss(KeyChoice(self._act, self._key, name))

    def action_dismiss_none(self) -> None:
        self.dismiss(None)


def _standing(key: KnownKey) -> str:
    if key.distrusted_because is not None:
        reason = f": {key.distrusted_because}" if key.distrusted_because else ""
        return f"You distrust this key{reason}. Nothing signed by it counts."
    if key.pinned_as:
        who = "You pinned it" if key.is_own_pin else "It comes pinned with Troth"
        since = f" on {key.since.day} {key.since:%b %Y}" if key.since else ""
        return f"{who}{since} as “{key.pinned_as}”."
    listed = f"{key.registry} lists it. " if key.registry else ""
    if listed or key.measured:
        return f"{listed}You have not pinned it."
    return "Nobody you trust vouches for it."


def _code(key: KnownKey) -> str:
    value = dict(key.measured[1:]).get("pcr0") or key.measured[1][1]
    measured = f"{value[:8]} .. {value[-8:]}"
    if key.code_name:
        return f"A genuine sealed computer holds it and runs “{key.code_name}” ({measured})."
    return (
        f"A genuine sealed computer holds it. Its program measures {measured}, which you know"
        " nothing by. Compare that with what you built, or what somebody you trust has told you."
    )
