"""A thread that owns one connection and does one thing after the other.

The vault has one for writing and others for reading, so that a search never delays an append.
This is the vault's only concurrency.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Concatenate, ParamSpec, TypeVar, cast

import apsw

from troth.domain.error import TrothError, VaultLocked
from troth.vault.errors import typed_errors
from troth.vault.store import Store

P = ParamSpec("P")
ResultT = TypeVar("ResultT")

IDLE_S = 2.0
"""After this much quiet deleted words are wiped and a written log is moved into the database."""
PAUSE_S = 0.05
"""Between two such chores: whoever has work for the thread comes first."""


class _Job:
    """One piece of work and where its outcome goes."""

    def __init__(self, work: Callable[[Store], object]) -> None:
        self.work = work
        self.future: Future[object] = Future()


class Lane:
    """Runs work in its thread. `open_store` is called there, at the first job."""

    def __init__(
        self,
        name: str,
        open_store: Callable[[], Store],
        on_idle: Callable[[Store], None] | None = None,
        on_close: Callable[[Store], None] = Store.close,
        only_reads: bool = False,
    ) -> None:
        """`only_reads` gives each job one state to look at, whatever is written meanwhile."""
        self._open_store = open_store
        self._on_idle = on_idle
        self._on_close = on_close
        self._only_reads = only_reads
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._store: Store | None = None
        self._current: _Job | None = None
        self._guard = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name=f"vault-{name}", daemon=True)

    async def run(
        self, work: Callable[Concatenate[Store, P], ResultT], *args: P.args, **kwargs: P.kwargs
    ) -> ResultT:
        """Do `work` and return what it returns.

        Once handed over it is carried out even if the caller is cancelled: a reply that is being
        sealed is not lost to an impatient screen.
        """
        job = self._put(lambda store: work(store, *args, **kwargs))
        return cast("ResultT", await asyncio.shield(asyncio.wrap_future(job.future)))

    async def run_cancellable(
        self, work: Callable[Concatenate[Store, P], ResultT], *args: P.args, **kwargs: P.kwargs
    ) -> ResultT:
        """Do `work`, which only reads; when the caller is cancelled, the query is interrupted."""
        job = self._put(lambda store: work(store, *args, **kwargs))
        try:
            return cast("ResultT", await asyncio.wrap_future(job.future))
        except asyncio.CancelledError:
            self._interrupt(job)
            raise

    async def close(self) -> None:
        """Finish what was handed over, close the connection and end the thread."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._thread.ident is None:
            return
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _put(self, work: Callable[[Store], object]) -> _Job:
        if self._is_closed:
            raise VaultLocked(detail="the vault is closed")
        if self._thread.ident is None:
            self._thread.start()
        job = _Job(work)
        self._jobs.put(job)
        return job

    def _interrupt(self, job: _Job) -> None:
        with self._guard:
            if self._current is job and self._store is not None:
                self._store.connection.interrupt()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            if not job.future.set_running_or_notify_cancel():
                continue
            with self._guard:
                self._current = job
            try:
                result = self._carry_out(job)
            except BaseException as error:  # noqa: BLE001  # every outcome goes to who asked
                self._finish(job)
                job.future.set_exception(error)
            else:
                self._finish(job)
                job.future.set_result(result)
        if self._store is not None:
            self._let_go(self._store)
            self._store = None

    def _let_go(self, store: Store) -> None:
        try:
            with typed_errors(store.path):
                self._on_close(store)
        except TrothError:
            # What was acknowledged is in the log on disk; the next open meets the fault and tells.
            return

    def _carry_out(self, job: _Job) -> object:
        if self._store is None:
            self._store = self._open_store()
        with typed_errors(self._store.path):
            if not self._only_reads:
                return job.work(self._store)
            with self._store.view():
                return job.work(self._store)

    def _finish(self, job: _Job) -> None:
        with self._guard:
            self._current = None

    def _next(self) -> _Job | None:
        wait_s = IDLE_S
        while True:
            store = self._store
            is_waiting = self._on_idle is not None and store is not None and store.has_chores
            try:
                return self._jobs.get(timeout=wait_s if is_waiting else None)
            except queue.Empty:
                self._rest()
                wait_s = PAUSE_S

    def _rest(self) -> None:
        if self._store is None or self._on_idle is None:
            return
        try:
            with typed_errors(self._store.path):
                self._on_idle(self._store)
        except (TrothError, apsw.InterruptError):
            # The next write meets the same fault and tells it to somebody who can act.
            self._store.is_dirty = self._store.has_words_to_wipe = False
