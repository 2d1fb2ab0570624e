"""The manifest beside a results file: what a run was, so that it can be repeated and checked."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import cast

from troth.domain.error import UsageError
from troth.domain.model import Endpoint, Json, ModelInfo
from troth.engine.batch_files import put_in_place, writing
from troth.engine.batch_prompts import BrokenRow, PromptFile
from troth.engine.batch_rebuild import description
from troth.engine.comparison_state import ColumnSpec, params_json
from troth.engine.ids import new_ulid
from troth.transport import host_of

FORMAT, VERSION = "troth-batch", 1
_BROKEN_NAMED = 100


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What a run asks, and how."""

    specs: tuple[ColumnSpec, ...]
    repeats: int = 1
    seed: int | None = None
    system: str = ""
    concurrency: int | None = None
    """Requests at once to each provider; None: 4, and 1 for the user's own machines, where they
    would share one processor and spoil each other's times."""
    max_cost_usd: float | None = None
    is_strict: bool = False
    """End before the first request when the prompts file has a row that cannot be used."""
    appends: bool = False
    """Write into a results file of another run."""
    asks_again: bool = False
    """Ask once more what was interrupted, stopped or cut: it may be paid a second time."""

    def workers(self, endpoint: Endpoint) -> int:
        """Return how many requests may be under way at one provider."""
        return self.concurrency or (1 if endpoint.is_own else 4)


@dataclass(frozen=True, slots=True)
class PromptCount:
    """What the first pass over a prompts file found."""

    rows: int
    broken: tuple[BrokenRow, ...]


def manifest_path(results: Path) -> Path:
    return results.with_name(results.name + ".manifest.json")


def fingerprint(plan: BatchPlan, prompts: PromptFile) -> str:
    """Return a digest of all that decides what is asked: the same run has the same one."""
    told: dict[str, Json] = {
        "prompts": prompts.sha256,
        "models": [[str(spec.model), params_json(spec.params)] for spec in plan.specs],
        "repeats": plan.repeats,
        "seed": plan.seed,
        "system": plan.system,
    }
    return sha256(json.dumps(told, sort_keys=True).encode("ascii")).hexdigest()


class Manifest:
    """The runs that wrote into one results file."""

    def __init__(self, results: Path) -> None:
        self._results = results
        self._path = manifest_path(results)
        self.runs: list[dict[str, Json]] = _load_runs(self._path)

    def begin(
        self,
        plan: BatchPlan,
        prompts: PromptFile,
        count: PromptCount,
        infos: Sequence[tuple[ModelInfo, Endpoint]],
    ) -> str:
        """Note that a run begins or goes on, and return its id.

        `infos` are the models with their providers, in the plan's order.
        Raises UsageError where the results file is from another run, unless the plan appends.
        """
        mark = fingerprint(plan, prompts)
        known = next((run for run in self.runs if run.get("fingerprint") == mark), None)
        has_rows = self._results.exists() and self._results.stat().st_size > 0
        if known is None and has_rows and not plan.appends:
            raise UsageError(
                f"{self._results.name} holds the results of another run: other prompts, models or "
                "settings. Name another file, or add to it with --append"
            )
        if known is None:
            known = dict[str, Json]()
            known |= {"run": new_ulid(), "fingerprint": mark, "started_at": _now(), "sessions": 0}
            self.runs.append(known)
        known["sessions"] = cast("int", known["sessions"]) + 1
        known |= _description(plan, prompts, count, infos)
        known["finished_at"] = None
        self._save()
        return str(known["run"])

    def end(self, run: str, counts: dict[str, Json]) -> None:
        """Note how a run ended, with the digest of the results as they are now."""
        for entry in self.runs:
            if entry["run"] == run:
                entry["finished_at"] = _now()
                entry["counts"] = counts
        digest = file_digest(self._results) if self._results.exists() else None
        self._save(digest)

    def _save(self, digest: str | None = None) -> None:
        document: dict[str, Json] = {
            "format": FORMAT,
            "version": VERSION,
            "results": self._results.name,
            "results_sha256": digest,
            "runs": [*self.runs],
        }
        fresh = self._path.with_name(self._path.name + ".new")
        with (
            writing(self._path),
            fresh.open("w", encoding="utf-8", errors="backslashreplace") as file,
        ):
            json.dump(document, file, indent=2, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        put_in_place(fresh, self._path)


def load_manifest(results: Path) -> dict[str, Json]:
    """Return the manifest of a results file; raise UsageError where there is none to read."""
    path = manifest_path(results)
    try:
        document = cast("object", json.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise UsageError(f"{path.name} is missing: nothing says what run this was") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path.name} cannot be read") from error
    if not isinstance(document, dict):
        raise UsageError(f"{path.name} is no manifest")
    found = cast("dict[str, Json]", document)
    if found.get("format") != FORMAT or found.get("version") != VERSION:
        raise UsageError(f"{path.name} is no manifest that this Troth can read")
    return found


def _load_runs(path: Path) -> list[dict[str, Json]]:
    if not path.exists():
        return []
    results = path.with_name(path.name.removesuffix(".manifest.json"))
    return cast("list[dict[str, Json]]", load_manifest(results).get("runs") or [])


def file_digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _description(
    plan: BatchPlan,
    prompts: PromptFile,
    count: PromptCount,
    infos: Sequence[tuple[ModelInfo, Endpoint]],
) -> dict[str, Json]:
    from troth import __version__

    return {
        "troth": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "prompts": {
            "file": prompts.path.name,
            "sha256": prompts.sha256,
            "encoding": prompts.encoding,
            "rows": count.rows,
            "broken": len(count.broken),
            "broken_lines": [
                {"line": row.line, "reason": row.reason} for row in count.broken[:_BROKEN_NAMED]
            ],
        },
        "models": [
            {
                "model": str(spec.model),
                "params": params_json(spec.params),
                "wire": endpoint.wire,
                "host": host_of(endpoint.base_url) if endpoint.base_url else "",
                "price_input": info.price_input,
                "price_output": info.price_output,
                "price_cached": info.price_cached,
                "price_source": info.source,
                **description(info, endpoint),
            }
            for spec, (info, endpoint) in zip(plan.specs, infos, strict=True)
        ],
        "repeats": plan.repeats,
        "seed": plan.seed,
        "system": plan.system,
        "concurrency": plan.concurrency,
        "max_cost_usd": plan.max_cost_usd,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
