"""Processes that answer for files side by side, each with its own isolated decoder; a file is never lost.

A thread of this process stands behind each of them, hands it a few files at a time and sees it die: what it has not
answered goes to a new process, one by one, and a file that ends two processes in a row gets the reason INTERNAL_ERROR.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Final, Self

from classically_punk.app.answering import Input, refused
from classically_punk.app.answers import LINE_ALONE, Told, Wanted
from classically_punk.errors import DecodeTimeoutError, UnforeseenError
from classically_punk.modelling.published import PublishedModel
from classically_punk.settings import Limits

WORKER: Final = (sys.executable, "-P", "-m", "classically_punk.app.worker")
AHEAD: Final = 4096
"""Files that may be under way or answered while the first of them is still waited for."""
TOGETHER: Final = 16
"""Most files that a process is handed at a time; fewer towards the end, so that all end at once."""
LONGEST_ANSWER: Final = 1 << 26
STARTING_S: Final = 60.0
"""Longest that a process may take to its first answer beyond the file's own time."""
ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
"""One process a core is enough: threads of libraries on top of that only wait for each other."""


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _WorkerDiedError(Exception):
    """The process at the other end is no more; says how it ended."""


class Pool:
    """`workers` processes with these limits; `answer_s` is the longest that one answer may take (None = no end).

    They start at once and become ready while their owner goes on. `close()` ends them, whatever they are doing.
    """

    def __init__(
        self,
        limits: Limits,
        whole_clip_s: float,
        workers: int,
        answer_s: float | None = None,
        command: Sequence[str] = WORKER,
    ) -> None:
        self._rules = json.dumps({"limits": limits.model_dump(), "whole_clip_s": whole_clip_s}).encode()
        self._answer_s, self._command = answer_s, tuple(command)
        self._closed = False
        self._workers = [self._start() for _ in range(workers)]
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="pool")

    @property
    def process_ids(self) -> list[int]:
        """Of the workers, for whoever wants to see one die."""
        return [worker.process.pid for worker in self._workers]

    def submit(self, file: Input, model: PublishedModel, wanted: Wanted = LINE_ALONE) -> Future[Told]:
        """The answer to come; cancelled by `close()` if it has not begun."""
        return self._threads.submit(self._answer_one, file, model, wanted)

    def answers(
        self, files: Sequence[Input], model: PublishedModel, wanted: Wanted = LINE_ALONE
    ) -> Generator[Told, None, None]:
        """One answer a file, in order, each as soon as it and all before it are known."""
        known = {at: refused(file.shown, file.reason, file.detail) for at, file in enumerate(files) if file.reason}
        to_open = [at for at in range(len(files)) if at not in known]
        arrived: queue.SimpleQueue[tuple[list[int], list[Told]] | BaseException] = queue.SimpleQueue()
        begun = told = 0
        while told < len(files):
            while begun < len(to_open) and to_open[begun] - told < AHEAD:
                share = (len(to_open) - begun) // (4 * len(self._workers))
                places = to_open[begun : begun + min(TOGETHER, max(1, share))]
                begun += len(places)
                self._begin(places, [files[at] for at in places], model, wanted, arrived)
            while told in known:
                yield known.pop(told)
                told += 1
            if told < len(files):
                some = arrived.get()
                if isinstance(some, BaseException):
                    raise some
                known |= zip(*some, strict=True)

    def close(self) -> None:
        """Ends the processes; nothing that has not been answered will be."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.end()
        self._threads.shutdown(wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> _Worker:
        return _Worker(self._command, self._rules)

    def _begin(
        self,
        places: list[int],
        files: Sequence[Input],
        model: PublishedModel,
        wanted: Wanted,
        arrived: queue.SimpleQueue[tuple[list[int], list[Told]] | BaseException],
    ) -> None:
        """Hands out some files; their answers arrive with their places, or the error that kept them away."""
        left = list(places)

        def take(some: list[Told]) -> None:
            arrived.put((left[: len(some)], some))
            del left[: len(some)]

        def ended(future: Future[None]) -> None:
            if future.cancelled():
                arrived.put(CancelledError())
            elif (error := future.exception()) is not None:
                arrived.put(error)

        self._threads.submit(self._answer, files, model, wanted, take).add_done_callback(ended)

    def _answer_one(self, file: Input, model: PublishedModel, wanted: Wanted) -> Told:
        answers: list[Told] = []
        self._answer([file], model, wanted, answers.extend)
        return answers[0]

    def _answer(
        self, files: Sequence[Input], model: PublishedModel, wanted: Wanted, take: Callable[[list[Told]], None]
    ) -> None:
        """Gives every file's answer to `take`, some at a time, in order; whoever dies of them."""
        worker = self._idle.get()  # there are as many as threads
        left, together, deaths = list(files), len(files), 0
        try:
            while left:
                try:
                    for some in worker.ask(left[:together], model, wanted, self._answer_s):
                        del left[: len(some)]
                        deaths = 0
                        take(some)
                except TimeoutError:
                    worker = self._replaced(worker)
                    reason, detail = DecodeTimeoutError.code, f"no answer within {self._answer_s:g} s"
                    take([refused(left.pop(0).shown, reason, detail)])
                except _WorkerDiedError as error:
                    worker = self._replaced(worker)
                    # a healthy file must not be lost to a process that somebody, or a system short of memory, has ended
                    deaths += together == 1
                    together = 1
                    if deaths == 2:
                        take([refused(left.pop(0).shown, UnforeseenError.code, str(error))])
                        deaths = 0
        finally:
            self._idle.put(worker)

    def _replaced(self, worker: _Worker) -> _Worker:
        worker.end()
        if self._closed:
            return worker
        new = self._start()
        self._workers[self._workers.index(worker)] = new
        if self._closed:  # meanwhile
            new.end()
        return new


class _Worker:
    """One process and this end of its socket."""

    def __init__(self, command: Sequence[str], rules: bytes) -> None:
        ours, theirs = socket.socketpair()
        path = os.pathsep.join(filter(None, sys.path))
        with theirs:
            self.process = subprocess.Popen(
                [*command, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
                pass_fds=(theirs.fileno(),),
            )
        self._channel = Connection(ours.detach())
        self._model: PublishedModel | None = None
        self._answered = False
        with suppress(OSError):  # one that died at once is seen by the first file
            self._channel.send_bytes(rules)

    def ask(
        self, files: Sequence[Input], model: PublishedModel, wanted: Wanted, seconds: float | None
    ) -> Iterator[list[Told]]:
        """The answers for some files, a few at a time, each within so many seconds.

        Raises _WorkerDiedError, TimeoutError.
        """
        asked = [
            {
                "shown": file.shown,
                "path": None if file.path is None else file.path.hex(),
                "has_content": file.content is not None,
            }
            for file in files
        ]
        count = 0
        try:
            if self._model is not model:
                self._channel.send_bytes(json.dumps({"model": model.to_json()}).encode())
                self._model = model
            self._channel.send_bytes(json.dumps({"wanted": vars(wanted), "files": asked}).encode())
            for file in files:
                if file.content is not None:
                    self._channel.send_bytes(file.content)
            while count < len(files):
                if seconds is not None and not self._channel.poll(seconds + (0.0 if self._answered else STARTING_S)):
                    raise TimeoutError
                raw = json.loads(self._channel.recv_bytes(LONGEST_ANSWER))
                self._answered = True
                count += len(raw)
                yield [Told.from_raw(one) for one in raw]
        except TimeoutError:
            raise
        except (EOFError, OSError) as error:
            raise _WorkerDiedError(self._death(error)) from None

    def end(self) -> None:
        """Kills the process; its decoder ends with it."""
        self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)

    def _death(self, error: Exception) -> str:
        with suppress(subprocess.TimeoutExpired):
            status = self.process.wait(timeout=5)
            how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
            return f"the process that described it {how}"
        return f"the process that described it broke off: {type(error).__name__}"
