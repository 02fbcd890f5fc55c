"""Cases side by side: results in order, bad input collected, other errors raised."""

import threading
import weakref

import pytest

from covidseg.errors import InputError
from covidseg.parallel import in_background, try_in_parallel


def divide(number):
    if number % 3 == 0:
        raise InputError(f"{number} is not allowed")
    return 12 / number


@pytest.mark.parametrize("workers", [1, 4])
def test_bad_input_is_collected_and_everything_else_is_done(workers):
    results, faults = try_in_parallel(divide, [4, 3, 2, 0, 1], workers)
    assert list(results.items()) == [(4, 3.0), (2, 6.0), (1, 12.0)]
    assert list(faults.items()) == [(3, "3 is not allowed"), (0, "0 is not allowed")]


def test_a_fault_of_the_program_is_raised_and_what_has_not_begun_is_not_done():
    begun = []

    def stumble(number):
        begun.append(number)
        return number / (number - 1)

    with pytest.raises(ZeroDivisionError):
        try_in_parallel(stumble, range(1, 1000), 1)
    assert len(begun) < 1000


def test_the_arrays_of_a_faulty_case_are_not_kept():
    class Scan:
        pass

    kept = []

    def read(number):
        scan = Scan()
        kept.append(weakref.ref(scan))
        raise InputError(f"{number} with {threading.current_thread().name}")

    _, faults = try_in_parallel(read, [1, 2, 3], 2)
    assert len(faults) == 3
    assert [scan() for scan in kept] == [None] * 3


def test_a_thread_is_one_item_ahead_of_the_caller():
    """The caller gets 0, 1, 2 in turn; the item after the caller's is read meanwhile, but none further on."""
    begun = [threading.Event() for _ in range(5)]

    def read(number):
        begun[number].set()
        return number

    for number in in_background(read, range(5)):
        assert begun[min(number + 1, 4)].wait(timeout=10)
        assert not any(event.is_set() for event in begun[number + 2 :])


def test_items_are_made_while_the_thread_works():
    """Work on item 0 ends when the caller makes item 1."""
    made = threading.Event()

    def items():
        yield 0
        made.set()
        yield 1

    def write(number):
        assert made.wait(timeout=10)
        return number

    assert list(in_background(write, items())) == [0, 1]


def test_an_error_of_the_thread_reaches_the_caller_at_its_item():
    found = in_background(lambda number: 1 // number, [1, 0, 1])
    assert next(found) == 1
    with pytest.raises(ZeroDivisionError):
        next(found)
