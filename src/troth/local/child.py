"""What the child process runs: llama.cpp's own OpenAI-style server on a loopback port, until EOF.

A plain script (`python -m troth.local.child` works too) that imports nothing of Troth. It reads one
line of JSON from stdin, an `Order`, and writes one to stdout: `{"port": N}` or `{"failed": why}`.
Then stdin only says that the parent is alive: its end is ours, and the kernel tells at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from importlib import import_module
from typing import Protocol, TypedDict, cast

BATCH_TOKENS = 128
"""A stop is seen between batches: with the default of 2048 it waited for 43 s of prefill."""
PING_S = 1
"""The server notices a closed connection when it writes: these are its comment lines."""
PROMPT_CACHE_MIB = 256
"""The default is 8 GiB of earlier prompts."""
SLEEP_S = 600
"""After so long without a question the weights leave memory (330 MB become 60); the next question
brings them back in about a second."""
QUIET = 1
"""llama.cpp's verbosity: errors only. Prompts are logged from 4 on."""


class Order(TypedDict):
    """What the parent wants served, and how."""

    model: str
    """Path of the GGUF file."""
    name: str
    key: str
    context_tokens: int
    slots: int
    sampling: dict[str, float]
    """Defaults for requests that do not say: llama.cpp's names."""


class Serving(Protocol):
    """The native server; it serves for as long as it is held."""

    listening_address: str


def serve(order: Order) -> Serving:
    """Load the model and start serving on a free port of 127.0.0.1."""
    # Imported here: 100 MB of native code without type stubs, after stdout is out of its reach.
    xllamacpp = import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = order["model"]
    params.model_alias = {order["name"]}
    params.api_keys = [order["key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    # A web page in the user's browser has no business here, key or not.
    params.cors_origins = "http://127.0.0.1"
    params.ui = False
    params.endpoint_slots = False
    params.offline = True
    params.verbosity = QUIET
    params.n_ctx = order["context_tokens"]
    params.n_parallel = order["slots"]
    params.kv_unified = True  # the slots share the context, so one chat alone may use all of it
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.sse_ping_interval = PING_S
    params.sleep_idle_seconds = SLEEP_S
    params.cache_ram_mib = PROMPT_CACHE_MIB
    for name, value in order["sampling"].items():
        setattr(params.sampling, name, value)
    return cast(Serving, xllamacpp.Server(params))


def main() -> None:
    # Native code may print to descriptor 1: keep it for ourselves and give it stderr instead.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _forbid_core_dumps()
    _be_polite()
    order = cast(Order, json.loads(sys.stdin.buffer.readline()))
    try:
        server = serve(order)
        answer: dict[str, object] = {"port": int(server.listening_address.rpartition(":")[2])}
    except Exception as error:  # noqa: BLE001 - a border: whatever it is, the parent must hear of it
        answer = {"failed": f"{type(error).__name__}: {error}"[:500]}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
    if "port" in answer:
        with contextlib.suppress(OSError, KeyboardInterrupt):
            while sys.stdin.buffer.read(4096):
                pass
    # Not sys.exit: native threads may be busy, and nothing here needs to be put in order.
    os._exit(0)


def _forbid_core_dumps() -> None:
    """Keep conversations out of core files."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _be_polite() -> None:
    """Leave the processor to the screen first: it needs little, but at once."""
    if sys.platform != "win32":
        os.nice(5)


if __name__ == "__main__":
    main()
