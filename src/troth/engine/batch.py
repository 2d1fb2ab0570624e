"""Many prompts to several models, for research: `troth compare --file`.

    batch = Batch(engine, plan, open_prompts(file), results, on_progress=draw)
    ended = await batch.run()     # batch.stop() lets what is under way end; twice stops it

Nothing is asked twice: a key is on the disk before its request leaves, and the row before the
reply counts as done. What was under way when a run was killed may have been paid: it is written
down as interrupted, and asked again only when the plan says so.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from troth.domain.error import Failure, KeyMissing, TrothError, UsageError
from troth.domain.message import Finish, Message
from troth.domain.model import Json, ModelInfo
from troth.engine.batch_asking import RowAnswer, ask
from troth.engine.batch_budget import Budget, Reserve
from troth.engine.batch_files import (
    DurableLines,
    RunLock,
    drop_rows,
    read_journal,
    repair_end,
    scan,
    writing,
)
from troth.engine.batch_manifest import BatchPlan, Manifest, PromptCount
from troth.engine.batch_prompts import BrokenRow, Prompt, PromptFile
from troth.engine.batch_row import Task, encode_row, interrupted_row, row_of, tasks_of
from troth.engine.comparison_state import ColumnSpec
from troth.engine.engine import Engine
from troth.engine.reply import Reply

_HOPELESS = frozenset(
    {
        "key-rejected", "key-missing", "access-denied", "no-credit", "model-unknown",
        "policy-refused", "host-unknown", "connect-failed", "tls-failed", "proxy-failed",
        "local-model-missing", "platform-unsupported",
    }
)  # fmt: skip
"""Failures that the next prompt would meet as well."""
_HOPELESS_IN_A_ROW = 5
_MAX_WAITS = 8
_LONGEST_WAIT_S = 3600.0


@dataclass(slots=True)
class Progress:
    """Where a run stands. `total` counts replies, not prompts."""

    total: int = 0
    kept: int = 0
    """Answered by an earlier session, and not asked again."""
    answered: int = 0
    failed: int = 0
    interrupted: int = 0
    running: int = 0
    cost_usd: float = 0.0
    has_unknown_cost: bool = False
    reason: str = ""
    """Why it ended early: `stopped`, `max-cost` or `given-up`; "" when it went through."""
    too_dear: Reserve | None = None
    """What was to be set aside for the reply that was not asked for."""
    given_up: dict[str, Failure] = field(default_factory=dict[str, Failure])
    """Models that failed again and again, with the last reason."""

    @property
    def left(self) -> int:
        """Replies that have not been asked for."""
        return self.total - self.kept - self.answered - self.failed - self.interrupted

    def counts(self) -> dict[str, Json]:
        return {
            "total": self.total,
            "kept": self.kept,
            "answered": self.answered,
            "failed": self.failed,
            "interrupted": self.interrupted,
            "left": self.left,
            "cost_usd": round(self.cost_usd, 8),
            "reason": self.reason,
        }


class Batch:
    """One run, or the rest of one."""

    def __init__(
        self,
        engine: Engine,
        plan: BatchPlan,
        prompts: PromptFile,
        results: Path,
        *,
        receipts: Path | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self.progress = Progress()
        self.run_id = ""
        self._engine = engine
        self._plan = plan
        self._prompts = prompts
        self._results_path = results
        self._receipts = receipts
        self._on_progress = on_progress
        self._replies: set[Reply] = set()
        self._stopping = asyncio.Event()
        self._hopeless: defaultdict[str, int] = defaultdict(int)
        self._unsure: set[str] = set()
        self._done: frozenset[str] = frozenset()

    def stop(self) -> None:
        """Ask for nothing more and let what is under way end; called again, stop that too."""
        if self._stopping.is_set():
            for reply in self._replies:
                reply.stop()
        self._stopping.set()
        self.progress.reason = self.progress.reason or "stopped"

    def count(self) -> PromptCount:
        """Look through the prompts: how many can be used, and which cannot."""
        rows = 0
        broken: list[BrokenRow] = []
        for row in self._prompts.rows():
            if isinstance(row, BrokenRow):
                broken.append(row)
            else:
                rows += 1
        return PromptCount(rows, tuple(broken))

    async def run(self, count: PromptCount | None = None) -> Progress:
        """Ask what has not been asked; return how it went.

        Raises before the first request: NotFound and KeyMissing for a model that cannot be asked,
        UsageError for a results file of another run, a broken row in a strict run, no usable row,
        or a limit of cost without a price.
        """
        if count is None:
            count = await asyncio.to_thread(self.count)
        self._refuse_broken(count)
        infos = {
            str(spec.model): self._engine.providers.describe_model(spec.model)
            for spec in self._specs
        }
        self._check_keys()
        budget = Budget(self._plan.max_cost_usd, infos)
        lock = RunLock(self._results_path)
        lock.take()
        try:
            self._open_files(count, infos, budget)
            journal_path = self._journal_path
            rows, journal = DurableLines(self._results_path), DurableLines(journal_path)
            try:
                # What the first request would wait for must not stand in its times.
                await self._engine.warm_up(self._specs[0].model)
                await self._ask_all(rows, journal, budget)
            finally:
                await rows.close()
                await journal.close()
            if self.progress.left == 0:
                journal_path.unlink(missing_ok=True)
            self._manifest.end(self.run_id, self.progress.counts())
        finally:
            lock.give_back()
        return self.progress

    # before

    @property
    def _specs(self) -> Sequence[ColumnSpec]:
        return self._plan.specs

    @property
    def _journal_path(self) -> Path:
        return self._results_path.with_name(self._results_path.name + ".journal")

    def _refuse_broken(self, count: PromptCount) -> None:
        if count.broken and self._plan.is_strict:
            first = "; ".join(f"line {row.line}: {row.reason}" for row in count.broken[:5])
            more = f" and {len(count.broken) - 5} more" if len(count.broken) > 5 else ""
            raise UsageError(f"{self._prompts.path.name} has broken rows: {first}{more}")
        if not count.rows:
            raise UsageError(f"{self._prompts.path.name} has no prompt that can be asked")

    def _check_keys(self) -> None:
        for spec in self._specs:
            endpoint = self._engine.providers.endpoint(spec.model.provider)
            if endpoint.needs_key and self._engine.providers.key_status(endpoint.name) is None:
                raise KeyMissing(endpoint.name, endpoint.key_variables)

    def _open_files(self, count: PromptCount, infos: dict[str, ModelInfo], budget: Budget) -> None:
        """Repair, read and note what is there; decide what is asked again."""
        repair_end(self._results_path)
        repair_end(self._journal_path)
        found = scan(self._results_path)
        self._manifest = Manifest(self._results_path)
        endpoints = [self._engine.providers.endpoint(spec.model.provider) for spec in self._specs]
        described = [
            (infos[str(spec.model)], endpoint)
            for spec, endpoint in zip(self._specs, endpoints, strict=True)
        ]
        self.run_id = self._manifest.begin(self._plan, self._prompts, count, described)
        lost = read_journal(self._journal_path) - found.all
        doomed = found.failed | found.unsure if self._plan.asks_again else found.failed
        drop_rows(self._results_path, self._journal_path, doomed)
        self._done = found.all - doomed
        self._unsure = set() if self._plan.asks_again else lost
        budget.spent_usd = self.progress.cost_usd = found.spent_usd.get(self.run_id, 0.0)
        self.progress.total = count.rows * len(self._specs) * self._plan.repeats
        if self._receipts is not None:
            with writing(self._receipts):
                self._receipts.mkdir(parents=True, exist_ok=True)

    # asking

    async def _ask_all(self, rows: DurableLines, journal: DurableLines, budget: Budget) -> None:
        """Each provider goes through the prompts at its own pace: a slow one holds up nobody."""
        by_provider: defaultdict[str, list[ColumnSpec]] = defaultdict(list)
        for spec in self._specs:
            by_provider[spec.model.provider].append(spec)
        try:
            async with asyncio.TaskGroup() as group:
                for provider, specs in by_provider.items():
                    tasks = self._tasks(specs)
                    for _ in range(self._plan.workers(self._engine.providers.endpoint(provider))):
                        group.create_task(self._work(tasks, rows, journal, budget))
        except* TrothError as errors:
            # One is enough: the others say the same, that the disk is full for instance.
            raise next(_leaves(errors)) from None

    def _tasks(self, specs: Sequence[ColumnSpec]) -> Iterator[Task]:
        for prompt in self._prompts.rows():
            if isinstance(prompt, Prompt):
                yield from tasks_of(
                    prompt,
                    specs,
                    repeats=self._plan.repeats,
                    seed=self._plan.seed,
                    system=self._plan.system,
                )

    async def _work(
        self, tasks: Iterator[Task], rows: DurableLines, journal: DurableLines, budget: Budget
    ) -> None:
        for task in tasks:
            if task.key in self._done:
                self.progress.kept += 1
                continue
            if task.key in self._unsure:
                await rows.append(encode_row(interrupted_row(self.run_id, task)))
                self.progress.interrupted += 1
                continue
            if self._stopping.is_set():
                return
            if str(task.spec.model) in self.progress.given_up:
                continue
            reserve = await budget.promise(task)
            if reserve is None:
                self.progress.reason = self.progress.reason or "max-cost"
                self.progress.too_dear = budget.reserve(task)
                self._stopping.set()
                return
            if self._stopping.is_set():  # while it waited for room
                budget.settle(reserve, None)
                return
            await journal.append(task.key.encode("ascii") + b"\n")
            await self._ask_one(task, rows, budget, reserve)

    async def _ask_one(
        self, task: Task, rows: DurableLines, budget: Budget, reserve: Reserve
    ) -> None:
        progress = self.progress
        progress.running += 1
        self._on_progress(progress)
        cost: float | None = None
        try:
            answer = await self._ask_patiently(task)
            cost = answer.message.cost_usd
            if answer.receipt is not None and self._receipts is not None:
                path = self._receipts / f"{task.key}.receipt.json"
                with writing(path):
                    await asyncio.to_thread(path.write_bytes, answer.receipt)
            row = row_of(self.run_id, task, answer.message, answer.exchange, answer.verdict)
            await rows.append(encode_row(row))
            self._note(task, answer.message)
        finally:
            budget.settle(reserve, cost)
            progress.running -= 1
            progress.cost_usd = budget.spent_usd
        self._on_progress(progress)

    async def _ask_patiently(self, task: Task) -> RowAnswer:
        """Ask; a refusal for too many requests costs nothing, and is waited out."""
        for tries_left in range(_MAX_WAITS - 1, -1, -1):
            answer = await ask(
                self._engine, task, self._replies, with_receipt=self._receipts is not None
            )
            failure = answer.message.failure
            is_refused = failure is not None and failure.kind == "rate-limited"
            if failure is None or not is_refused or answer.message.text or not tries_left:
                return answer
            wait_s = min(float(failure.facts.get("retry_after_s", "1")), _LONGEST_WAIT_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait_s)
            if self._stopping.is_set():
                return answer
        raise AssertionError("the last try returns")

    def _note(self, task: Task, message: Message) -> None:
        name = str(task.spec.model)
        if message.finish is not Finish.FAILED:
            self.progress.answered += 1
            self.progress.has_unknown_cost |= message.cost_usd is None
            self._hopeless[name] = 0
            return
        self.progress.failed += 1
        failure = message.failure
        is_hopeless = failure is not None and failure.kind in _HOPELESS
        self._hopeless[name] = self._hopeless[name] + 1 if is_hopeless else 0
        if failure is not None and self._hopeless[name] >= _HOPELESS_IN_A_ROW:
            self.progress.given_up[name] = failure
            self.progress.reason = self.progress.reason or "given-up"


def _leaves(errors: BaseExceptionGroup[TrothError]) -> Iterator[TrothError]:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
