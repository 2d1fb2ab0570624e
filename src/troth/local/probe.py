"""Model servers on this machine: what to ask the well-known ports, and whom the answers give away.

Pure: the engine sends the requests (together, 300 ms each) when the user asks or opens the model
list. A port proves nothing: each server is known by what it says. Sources: the servers' own API
documentation and recorded answers, November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from troth.domain.exchange import HttpRequest, HttpResponse
from troth.domain.model import Endpoint, ModelInfo, ModelRef

MODEL_LIST = "/v1/models"

# What is worth asking at each port, besides MODEL_LIST. Any server may sit at any port (8000 and
# 8080 are everybody's), so whatever comes back is read in the same way.
_PORTS: dict[int, tuple[str, ...]] = {
    11434: ("/api/version", "/api/tags"),
    11435: ("/api/version", "/api/tags"),
    1234: ("/api/v1/models", "/api/v0/models"),
    1337: (),
    8000: ("/version",),
    8080: ("/version", "/props"),
}


@dataclass(frozen=True, slots=True)
class Probe:
    """One question to one port of this machine."""

    port: int
    path: str

    @property
    def request(self) -> HttpRequest:
        return HttpRequest("GET", f"http://127.0.0.1:{self.port}{self.path}")


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that has given itself away."""

    kind: str
    """`ollama`, `lmstudio`, `jan`, `vllm`, `llamacpp`, `veil`, or `openai-compatible`."""
    endpoint: Endpoint
    models: tuple[ModelInfo, ...]
    wants_key: bool = False


def probe_requests() -> tuple[Probe, ...]:
    """Return what to ask, in the order in which servers are listed."""
    return tuple(
        Probe(port, path) for port, paths in _PORTS.items() for path in (*paths, MODEL_LIST)
    )


def recognize(answers: Sequence[tuple[Probe, HttpResponse]]) -> tuple[FoundServer, ...]:
    """Say which servers gave these answers; a port whose answers fit nothing gives none."""
    by_port: dict[int, dict[str, HttpResponse]] = {}
    for probe, answer in answers:
        by_port.setdefault(probe.port, {})[probe.path] = answer
    found = (_recognize_port(port, replies) for port, replies in by_port.items())
    servers: list[FoundServer] = []
    for server in found:
        if server is not None:
            is_second = any(other.endpoint.name == server.endpoint.name for other in servers)
            servers.append(_renamed(server) if is_second else server)
    return tuple(servers)


def _recognize_port(port: int, replies: dict[str, HttpResponse]) -> FoundServer | None:
    owners = {row.get("owned_by") for row in _rows(replies.get(MODEL_LIST), "data")}
    if "opengradient" in owners or any(_is_veil(reply) for reply in replies.values()):
        return _found("veil", "OpenGradient veil", port, _openai_models(replies))
    version = _object(replies.get("/api/version"))
    if isinstance(version.get("version"), str):
        return _found("ollama", "Ollama", port, _ollama_models(replies), wire="ollama")
    native = _rows(replies.get("/api/v1/models"), "models") or _rows(
        replies.get("/api/v0/models"), "data"
    )
    if any("type" in row and ("key" in row or "id" in row) for row in native):
        return _found("lmstudio", "LM Studio", port, _lmstudio_models(native))
    if "organization_owner" in owners:
        return _found("lmstudio", "LM Studio", port, _openai_models(replies))
    if "vllm" in owners:
        return _found("vllm", "vLLM", port, _openai_models(replies))
    if "llamacpp" in owners or any(_server(reply) == "llama.cpp" for reply in replies.values()):
        is_closed = _status(replies) == 401
        models = _openai_models(replies)
        return _found("llamacpp", "llama.cpp", port, models, wants_key=is_closed)
    if _is_model_list(replies.get(MODEL_LIST)):
        is_jan = any(_is_jan(row) for row in _rows(replies[MODEL_LIST], "data"))
        kind, title = ("jan", "Jan") if is_jan else ("openai-compatible", f"server at {port}")
        return _found(kind, title, port, _openai_models(replies))
    if _status(replies) == 401 and _speaks_json(replies[MODEL_LIST]):
        # Jan and LM Studio say no more than this when they have a key.
        return _found("openai-compatible", f"server at {port}", port, (), wants_key=True)
    return None


def _found(
    kind: str,
    title: str,
    port: int,
    models: tuple[tuple[str, int | None], ...],
    *,
    wire: str = "openai-chat",
    wants_key: bool = False,
    name: str = "",
) -> FoundServer:
    name = name or (kind if kind != "openai-compatible" else f"local-{port}")
    base_url = f"http://127.0.0.1:{port}" + ("" if wire == "ollama" else "/v1")
    # Veil passes prompts on to enclaves elsewhere: it is on this machine, the model is not.
    is_own = kind != "veil"
    endpoint = Endpoint(name, wire, base_url, title=title, needs_key=wants_key, is_own=is_own)
    infos = tuple(
        ModelInfo(
            ModelRef(name, model),
            context_tokens=context_tokens,
            source="live",
            is_local=endpoint.runs(model),
        )
        for model, context_tokens in models
    )
    return FoundServer(kind, endpoint, infos, wants_key)


def _renamed(server: FoundServer) -> FoundServer:
    """Tell a second server of a kind from the first by its port."""
    port = server.endpoint.base_url.removesuffix("/v1").rpartition(":")[2]
    return _found(
        server.kind,
        server.endpoint.title,
        int(port),
        tuple((info.ref.model, info.context_tokens) for info in server.models),
        wire=server.endpoint.wire,
        wants_key=server.wants_key,
        name=f"{server.endpoint.name}-{port}",
    )


# Reading what a stranger answered: every shape is checked, nothing raises.


def _object(answer: HttpResponse | None) -> dict[str, object]:
    if answer is None or answer.status != 200:
        return {}
    try:
        value: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _rows(answer: HttpResponse | None, field: str) -> list[dict[str, object]]:
    rows = _object(answer).get(field)
    if not isinstance(rows, list):
        return []
    return [
        cast("dict[str, object]", row)
        for row in cast("list[object]", rows)
        if isinstance(row, dict)
    ]


def _server(answer: HttpResponse) -> str:
    return answer.header("server") or ""


def _status(replies: dict[str, HttpResponse]) -> int:
    answer = replies.get(MODEL_LIST)
    return answer.status if answer else 0


def _speaks_json(answer: HttpResponse) -> bool:
    return (answer.header("content-type") or "").startswith("application/json")


def _is_model_list(answer: HttpResponse | None) -> bool:
    return isinstance(_object(answer).get("data"), list)


def _is_veil(answer: HttpResponse) -> bool:
    return any(name.lower().startswith("x-opengradient-") for name, _ in answer.headers)


def _is_jan(row: dict[str, object]) -> bool:
    return row.get("owned_by") == "jan" or ("engine" in row and "settings" in row)


def _tokens(value: object) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return cast(int, value) if is_number and cast(int, value) > 0 else None


def _openai_models(replies: dict[str, HttpResponse]) -> tuple[tuple[str, int | None], ...]:
    models: list[tuple[str, int | None]] = []
    for row in _rows(replies.get(MODEL_LIST), "data"):
        meta = row.get("meta")
        facts = {**cast("dict[str, object]", meta), **row} if isinstance(meta, dict) else row
        tokens = _tokens(facts.get("max_model_len")) or _tokens(facts.get("n_ctx"))
        if isinstance(row.get("id"), str):
            models.append((cast(str, row["id"]), tokens))
    return tuple(models)


def _ollama_models(replies: dict[str, HttpResponse]) -> tuple[tuple[str, int | None], ...]:
    rows = _rows(replies.get("/api/tags"), "models")
    return tuple((cast(str, row["name"]), None) for row in rows if isinstance(row.get("name"), str))


def _lmstudio_models(rows: list[dict[str, object]]) -> tuple[tuple[str, int | None], ...]:
    chatting = [row for row in rows if "embed" not in str(row.get("type"))]
    named = ((row.get("key") or row.get("id"), row) for row in chatting)
    return tuple(
        (name, _tokens(row.get("max_context_length")))
        for name, row in named
        if isinstance(name, str)
    )
