"""Checking a results file: is it whole, is it what the run wrote, are its receipts good?

    troth compare --check results.jsonl [--receipts DIR]

Requests are built again from the prompts, and compared by digest. Nothing is sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, cast

from troth import __version__
from troth.domain.error import NotFound, TrothError, UsageError
from troth.domain.model import Json
from troth.engine.batch_files import read_rows
from troth.engine.batch_manifest import file_digest, load_manifest, manifest_path
from troth.engine.batch_prompts import Prompt, open_prompts
from troth.engine.batch_rebuild import Rebuilder
from troth.engine.batch_row import FIELDS, UNSURE, Task, tasks_of, text_digest
from troth.engine.comparison_state import spec_from

_NAMED = 20


class _Asked(NamedTuple):
    """What a row says of its request."""

    run: str
    line: int
    request_sha256: str | None
    left_out: tuple[str, ...]


@dataclass(slots=True)
class CheckReport:
    """What was found. It is good when `problems` is empty."""

    rows: int = 0
    finishes: Counter[str] = field(default_factory=Counter[str])
    problems: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    problem_count: int = 0
    receipts_checked: int = 0
    requests_rebuilt: int = 0
    """Requests that were built again from the prompts, and are the ones that were sent."""

    def problem(self, words: str) -> None:
        self.problem_count += 1
        if len(self.problems) < _NAMED:
            self.problems.append(words)


def check_results(
    results: Path, *, prompts: Path | None = None, receipts: Path | None = None
) -> CheckReport:
    """Look through a results file with its manifest, prompts and receipts, where they are there.

    Raises NotFound where there is no such file.
    """
    if not results.exists():
        raise NotFound("file", str(results))
    report = CheckReport()
    keys: set[str] = set()
    with results.open("rb") as file:
        file.seek(0, 2)
        if file.tell():
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                report.problem("the last line has no end: the run was killed while it wrote")
    for number, row in read_rows(results):
        report.rows += 1
        if row is None or set(row) != set(FIELDS):
            report.problem(f"line {number} is no row of a comparison")
            continue
        _check_row(report, number, row, keys)
        if receipts is not None:
            _check_receipt(report, number, row, receipts)
    _check_manifest(report, results, prompts)
    return report


def _check_row(report: CheckReport, number: int, row: dict[str, Json], keys: set[str]) -> None:
    key, finish = str(row["key"]), str(row["finish"])
    report.finishes[finish] += 1
    if key in keys:
        report.problem(f"line {number} repeats a reply that stands above")
    keys.add(key)
    text, digest = row["text"], row["text_sha256"]
    if isinstance(text, str) and text_digest(text) != digest:
        report.problem(f"line {number}: the text is not the one whose digest was written")
    if finish != "failed" and finish not in UNSURE and not row["response_sha256"]:
        report.problem(f"line {number}: a whole reply without the digest of its bytes")


def _check_manifest(report: CheckReport, results: Path, prompts: Path | None) -> None:
    try:
        manifest = load_manifest(results)
    except UsageError as error:
        report.problem(error.detail)
        return
    runs = cast("list[dict[str, Json]]", manifest.get("runs") or [])
    known = {str(run.get("run")) for run in runs}
    strangers = {
        str(row["run"]) for _, row in read_rows(results) if row is not None and "run" in row
    } - known
    if strangers:
        report.problem(f"{len(strangers)} run(s) stand in no manifest")
    digest = manifest.get("results_sha256")
    if digest is None:
        report.notes.append(
            f"{manifest_path(results).name} has no digest of the results: the run has not ended"
        )
    elif digest != file_digest(results):
        report.problem("the results are not as the run left them: the digest differs")
    asked = {
        str(row["key"]): _Asked(
            str(row["run"]),
            number,
            cast("str | None", row.get("request_sha256")),
            tuple(map(str, cast("list[Json]", row.get("left_out") or []))),
        )
        for number, row in read_rows(results)
        if row is not None and "run" in row
    }
    for run in runs:
        _check_run(report, run, results, prompts, asked)


def _check_run(
    report: CheckReport,
    run: dict[str, Json],
    results: Path,
    prompts: Path | None,
    asked: Mapping[str, _Asked],
) -> None:
    told = cast("dict[str, Json]", run.get("prompts") or {})
    path = prompts or results.parent / str(told.get("file"))
    if not path.exists():
        report.notes.append(f"{path.name} is not here, so the prompts were not compared")
    elif file_digest(path) != told.get("sha256"):
        report.problem(f"{path.name} is not the file that was asked: its digest differs")
    else:
        _check_keys(report, run, path, asked)
    counts = cast("dict[str, Json]", run.get("counts") or {})
    left, interrupted = counts.get("left"), counts.get("interrupted")
    if left:
        report.notes.append(f"{left} replies have not been asked for")
    if interrupted:
        report.notes.append(f"{interrupted} were under way when a run was killed")


def _check_keys(
    report: CheckReport, run: dict[str, Json], prompts: Path, asked: Mapping[str, _Asked]
) -> None:
    """Work out again what the run was to ask, and compare: a key covers all that decides it."""
    models = cast("list[dict[str, Json]]", run.get("models") or [])
    keys: set[str] = set()
    try:
        specs = [spec_from(model) for model in models]
        builders = {
            spec.name: Rebuilder(spec.model, model)
            for spec, model in zip(specs, models, strict=True)
        }
        repeats, seed = int(cast("int", run["repeats"])), cast("int | None", run["seed"])
        for prompt in open_prompts(prompts).rows():
            if not isinstance(prompt, Prompt):
                continue
            for number, task in enumerate(
                tasks_of(prompt, specs, repeats=repeats, seed=seed, system=str(run["system"]))
            ):
                keys.add(task.key)
                row = asked.get(task.key)
                if row is not None and row.run == run.get("run"):
                    name = specs[number % len(specs)].name
                    _check_request(report, run, builders[name], task, row)
    except (KeyError, TypeError, ValueError, TrothError):
        report.problem(f"the manifest does not say what run {run.get('run')} asked")
        return
    strangers = sum(key not in keys for key, owner in asked.items() if owner.run == run.get("run"))
    if strangers:
        report.problem(f"{strangers} rows hold what the run never asked")
    missing = len(keys - asked.keys())
    counts = cast("dict[str, Json]", run.get("counts") or {})
    if missing > int(cast("int", counts.get("left") or 0)) and run.get("finished_at"):
        report.problem(f"{missing} replies that the run got are missing")


def _check_request(
    report: CheckReport, run: dict[str, Json], builder: Rebuilder, task: Task, row: _Asked
) -> None:
    """Build the request again and compare its digest with the one that was sent."""
    if row.request_sha256 is None or not builder.can_rebuild:
        return
    if builder.digest(task, row.left_out) == row.request_sha256:
        report.requests_rebuilt += 1
    elif run.get("troth") != __version__:
        note = f"requests of Troth {run.get('troth')} are not built as {__version__} builds them"
        if note not in report.notes:
            report.notes.append(note)
    else:
        report.problem(f"line {row.line}: its prompt and model do not make the request that left")


def _check_receipt(report: CheckReport, number: int, row: dict[str, Json], receipts: Path) -> None:
    path = receipts / f"{row['key']}.receipt.json"
    if not path.exists():
        if row["response_sha256"] and row["verdict"]:
            report.problem(f"line {number} has no receipt")
        return
    from troth.engine.receipts import verify

    try:
        checked = verify(path.read_bytes())
    except TrothError:
        report.problem(f"line {number}: its receipt cannot be read or is damaged")
        return
    exchange = checked.receipt.exchange
    report.receipts_checked += 1
    if (
        sha256(exchange.request_body).hexdigest() != row["request_sha256"]
        or sha256(exchange.response_body).hexdigest() != row["response_sha256"]
    ):
        report.problem(f"line {number}: its receipt is of other bytes")
    elif checked.now.is_loud:
        report.problem(f"line {number}: its receipt FAILED verification")
    elif checked.now.state.value != row["verdict"]:
        report.notes.append(f"line {number}: {row['verdict']} then, {checked.now.state.value} now")
