"""Two and three trainings on one card at the same time, against one after the other."""

import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier

from on_gpu.clock import Enough, synchronise, time_training
from on_gpu.plan import Plan, synthetic_cases, synthetic_run
from on_gpu.results import Results


def share(plan: Plan, work: Path, results: Results, strategies: tuple[str, ...]) -> None:
    """Write the iterations per second, in sum, of one, two and three trainings from scratch."""
    synthetic_cases(plan, work)
    sums: list[float] = []
    for number in (1, 2, 3):
        with results.row(f"{number} from scratch at the same time", "covidseg") as row:
            rates = _rates(plan, work, number)
            sums.append(sum(rates))
            row.set("iterations per s in sum", sums[-1:])
            row.note = f"{sums[-1] / sums[0]:.2f} times one after the other"


def _rates(plan: Plan, work: Path, number: int) -> list[float]:
    """Return the iterations per second of each of several trainings that run at the same time."""
    context = get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(number, mp_context=context) as pool:
        barrier = manager.Barrier(number)
        jobs = [pool.submit(_rate, plan, work, barrier) for _ in range(number)]
        return [job.result() for job in jobs]


def _rate(plan: Plan, work: Path, barrier: Barrier) -> float:
    """Train; return the iterations per second from the moment when all trainings are past their warm-up."""
    count, begun = -plan.warm_up, 0.0

    def tick() -> None:
        nonlocal count, begun
        count += 1
        if count == 0:
            synchronise()
            barrier.wait()
            begun = time.perf_counter()
        if count > 0 and time.perf_counter() - begun > plan.shared_seconds:
            synchronise()
            raise Enough

    with tempfile.TemporaryDirectory(dir=work) as folder:
        time_training(synthetic_run(plan, "scratch", work, compile=False), plan, Path(folder), tick)
    return count / (time.perf_counter() - begun)
