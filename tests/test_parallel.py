"""Cases side by side: results in order, bad input collected, other errors raised."""

import threading
import weakref

import pytest

from covidseg.errors import InputError
from covidseg.parallel import try_in_parallel


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
