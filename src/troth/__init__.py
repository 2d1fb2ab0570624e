"""Troth: a terminal chat for every model, with a vault and a verdict on each reply.

    async with troth.open() as engine:
        chat = await engine.new_chat(model=engine.providers.resolve_model("local/smollm2-135m"))
        reply = await engine.send(chat, "Why is the sky blue?")
        print((await reply.wait()).text)

    print(troth.verify(Path("reply.receipt").read_bytes()).now.state)

Importing this package reads no file, opens no socket and loads no screen.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing takes 25 ms, and the first frame is painted 12 ms after the start
if TYPE_CHECKING:
    from troth.engine.library import open_engine as open
    from troth.engine.receipts import verify

__version__ = "0.1.0"
__all__ = ["__version__", "open", "verify"]


def __getattr__(name: str) -> object:
    if name == "open":
        from troth.engine.library import open_engine

        return open_engine
    if name == "verify":
        from troth.engine.receipts import verify

        return verify
    raise AttributeError(f"module 'troth' has no attribute {name!r}")
