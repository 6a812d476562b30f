"""Reading ahead and writing behind, so that the network need not wait for files."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

S = TypeVar("S")
T = TypeVar("T")

_AHEAD = 2  # images that wait to be predicted: more would only take memory
_BEHIND = 1  # images that wait to be written, with all that was found in them


def read_ahead(
    items: Iterable[S], read: Callable[[S], T]
) -> Generator[tuple[S, Future[T]], None, None]:
    """Yield every item with what `read` makes of it, which a thread does for the next ones.

    Args:
        items: In their order.
        read: Called once for each, in order; what it raises is raised by the future's `result`.
    """
    waiting: deque[tuple[S, Future[T]]] = deque()
    with ThreadPoolExecutor(1) as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(read, item)))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:  # the caller may have stopped
            for _, future in waiting:
                future.cancel()


def iterate_ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """Yield what an iterator does, which a thread advances to the next ones meanwhile.

    Args:
        items: Advanced by one thread only; what it raises is raised in its place.
    """
    end = object()
    steps = read_ahead(itertools.repeat(None), lambda _: next(items, end))
    with closing(steps) as ahead:
        for _, future in ahead:
            item = future.result()
            if item is end:
                return
            yield cast("T", item)


class WriteBehind(Generic[T]):
    """Runs calls in a thread, one after the other, while the caller goes on."""

    def __init__(self, take: Callable[[T], None] = lambda _: None) -> None:
        """Start the thread.

        Args:
            take: Gets what each call returns, in order, in the caller's own thread.
        """
        self._pool = ThreadPoolExecutor(1)
        self._waiting: deque[Future[T]] = deque()
        self._take = take

    def submit(self, call: Callable[[], T]) -> None:
        """Run a call soon; waits while others do.

        Raises:
            Exception: What an earlier call raised.
        """
        while len(self._waiting) >= _BEHIND:
            self._take(self._waiting.popleft().result())
        self._waiting.append(self._pool.submit(call))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for all calls; what they raise is raised, unless something was already."""
        try:
            while self._waiting:
                self._take(self._waiting.popleft().result())
        except BaseException:
            if error is None:
                raise
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
