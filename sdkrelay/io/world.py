"""The outer world as the ports the services know: reactor, clocks, entropy, threads.

The only module that may import the reactor, time, random or secrets; everything else is given what it needs.
"""

from __future__ import annotations

import gc
import os
import secrets
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredLock, gatherResults
from twisted.internet.interfaces import IReactorThreads, IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from ..ports import Event, Lock, Task

T = TypeVar("T")
log = Logger()

#: Seconds after which a thread that computes lets another have the interpreter's lock.
SWITCH_INTERVAL = 0.0005
#: Objects made until the youngest are looked through, and how many such rounds until older and all are.
COLLECTOR_THRESHOLDS = (5_000, 20, 1_000)


def running_reactor() -> Any:
    """The process's reactor; installs the default one on first use, so call it only when the service is made."""
    from twisted.internet import reactor  # noqa: PLC0415 (importing it installs it: tests and twistd choose first)

    return reactor


def tune_interpreter() -> None:
    """Set up the interpreter of a process that is a relay, once all is imported and before the reactor runs.

    Both were measured with ``bench/reactor.py``. A thread gives the interpreter's lock back after half a millisecond: with
    the usual five the reactor waits a few times that at every call of a socket while workers parse, and syncing takes a
    quarter longer. The garbage collector leaves alone what exists now and looks through the rest seldom, the youngest in
    small portions: a portion of 50,000 held the reactor for 50 ms, all that parsed blocks are made of for 150.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class SystemEntropy:
    """The operating system's random generator."""

    def bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)


class DeferredTask:
    """A coroutine that runs as a Deferred; its failure is logged, its end can be awaited."""

    def __init__(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._name = name
        self._waiting: list[Deferred[None]] = []
        self._running = Deferred.fromCoroutine(coroutine)
        # Most have ended by now, without a failure: nobody will be called back.
        self._ended = self._running.called and getattr(self._running, "result", self) is None
        if not self._ended:
            self._running.addErrback(self._failed).addBoth(self._finished)

    def _failed(self, failure: Any) -> None:
        if not failure.check(CancelledError):
            log.failure("{name} failed", failure, name=self._name)

    def _finished(self, _result: object) -> None:
        self._ended = True
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)

    def cancel(self) -> None:
        self._running.cancel()

    async def wait(self) -> None:
        if not self._ended:
            ended: Deferred[None] = Deferred()
            self._waiting.append(ended)
            await ended


class DeferredMutex:
    """Mutual exclusion in order of arrival."""

    def __init__(self) -> None:
        self._lock = DeferredLock()

    async def __aenter__(self) -> None:
        await self._lock.acquire()

    async def __aexit__(self, *exc: object) -> None:
        self._lock.release()


class DeferredEvent:
    """Set by many, awaited by one at a time; a wait clears it."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._is_set = False
        self._waiting: Deferred[None] | None = None

    def set(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            self._is_set = True
        else:
            waiting.callback(None)

    async def wait(self, timeout: float | None = None) -> bool:
        if self._is_set:
            self._is_set = False
            return True
        waiting: Deferred[None] = Deferred()
        self._waiting = waiting
        if timeout is None:
            await waiting
            return True
        return await self._until(waiting, timeout)

    async def _until(self, waiting: Deferred[None], timeout: float) -> bool:
        expired = False

        def expire() -> None:
            nonlocal expired
            expired, self._waiting = True, None
            waiting.callback(None)

        timer = self._reactor.callLater(timeout, expire)
        try:
            await waiting
        finally:
            if not expired:
                timer.cancel()
        return not expired


class ReactorTasks:
    """Coroutines on the reactor."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor

    def start(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> Task:
        return DeferredTask(name, coroutine)

    async def gather(self, *coroutines: Coroutine[Any, Any, T]) -> list[T]:
        started = [Deferred.fromCoroutine(coroutine) for coroutine in coroutines]
        gathered = gatherResults(started, consumeErrors=True)
        try:
            return await gathered
        except Exception as failure:
            for deferred in started:
                deferred.cancel()
            raise _first_cause(failure) from failure

    async def sleep(self, seconds: float) -> None:
        slept: Deferred[None] = Deferred(lambda _: timer.cancel())
        timer = self._reactor.callLater(seconds, slept.callback, None)
        await slept

    def lock(self) -> Lock:
        return DeferredMutex()

    def event(self) -> Event:
        return DeferredEvent(self._reactor)


def _first_cause(failure: Exception) -> BaseException:
    inner = getattr(failure, "subFailure", None)
    return failure if inner is None else inner.value


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class ThreadCompute(Service):
    """Heavy work on as many threads as there are processors; libsecp256k1 runs without the interpreter's lock.

    The threads give way to the reactor's (a nicer priority where the system has one a thread), so that a long scan
    does not make the sockets wait.
    """

    def __init__(self, reactor: IReactorThreads, workers: int | None = None) -> None:
        self._reactor = reactor
        self._workers = workers or processors()
        self._pool = ThreadPool(self._workers, self._workers, "compute")
        self._pool.threadFactory = YieldingThread

    @property
    def workers(self) -> int:
        return self._workers

    def startService(self) -> None:
        super().startService()
        self._pool.start()

    def stopService(self) -> None:
        super().stopService()
        self._pool.stop()

    def run(self, function: Callable[..., T], *arguments: Any) -> Awaitable[T]:
        return deferToThreadPool(self._reactor, self._pool, function, *arguments)


class YieldingThread(threading.Thread):
    """A thread that the scheduler prefers least, where threads have a priority of their own (Linux)."""

    def run(self) -> None:
        if sys.platform == "linux":
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
        super().run()
