"""Work on several cases at the same time, with the threads of one job."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

from covidseg.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> list[Result]:
    """Apply `function` to each item in `workers` threads; return the results in the order of the items.

    Threads start faster than processes, and are enough here: decompression, NumPy and torch release Python's
    global interpreter lock. The first error is raised, and calls that have not begun are cancelled.
    """
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def try_in_parallel(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> tuple[dict[Item, Result], dict[Item, str]]:
    """Apply `function` to each item as `in_parallel` does, but go on after an InputError.

    Returns:
        Item -> result, and item -> message of the InputError, both in the order of the items.
    """
    faults: dict[Item, str] = {}

    def attempt(item: Item) -> Result | None:
        try:
            return function(item)
        except InputError as error:
            faults[item] = str(error)  # the error itself would keep its traceback's arrays in memory
            return None

    outcomes = zip(items, in_parallel(attempt, items, workers), strict=True)
    results = {item: cast("Result", found) for item, found in outcomes if item not in faults}
    return results, {item: faults[item] for item in items if item in faults}


def in_background(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield `function` of each item, in the order of the items.

    A thread applies `function` to one item while the caller works with the result for the item before, or
    makes the item after. An error is raised in the caller, at its item.
    """
    with ThreadPoolExecutor(1) as thread:
        before: Future[Result] | None = None
        for item in items:
            running = thread.submit(function, item)
            if before:
                yield before.result()
            before = running
        if before:
            yield before.result()
