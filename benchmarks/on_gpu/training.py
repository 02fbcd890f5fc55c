"""Our own training, by strategy: the whole step, through the pipeline's own loop."""

import gc
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from covidseg.training.run import Run
from on_gpu.clock import Clock, Enough, synchronise, time_training
from on_gpu.plan import Plan, pretrained_model, synthetic_cases, synthetic_run
from on_gpu.results import Results, card_slug

STRATEGIES = (
    "scratch",
    "lesion-representations",
    "body-finetune",
    "continual",
    "hybrid",
    "multi-encoder",
    "collaborative-backbone",
    "collaborative",
)
# Body fine-tuning and continual learning have the network of scratch, the backbone that of multi-encoder.
COMPILED_ONCE = ("scratch", "lesion-representations", "hybrid", "multi-encoder", "collaborative")


def recorded(plan: Plan, work: Path, results: Results, strategies: tuple[str, ...]) -> None:
    """Time the training of every strategy without torch's compiler."""
    for strategy in strategies:
        _time(plan, work, results, strategy, compiled=False)


def compiled(plan: Plan, work: Path, results: Results, strategies: tuple[str, ...]) -> None:
    """Time the training of every strategy with a compiled network, on a GPU only."""
    for strategy in strategies if torch.cuda.is_available() else ():
        _time(plan, work, results, strategy, compiled=True)


def _time(plan: Plan, work: Path, results: Results, strategy: str, *, compiled: bool) -> None:
    forget_compiled()
    with results.row(strategy, _contender(compiled)) as row, tempfile.TemporaryDirectory(dir=work) as folder:
        run = synthetic_run(plan, strategy, work, compile=compiled)
        clock = Clock(plan.warm_up, plan.timed)
        time_training(run, plan, Path(folder), clock.tick)
        clock.fill(row)


def forget_compiled() -> None:
    """Forget compiled networks: torch compiles the same code only a few times per process."""
    torch.compiler.reset()
    torch.compiler.set_stance("default")
    gc.collect()


def _contender(compiled: bool) -> str:
    return "covidseg, compiled" if compiled else "covidseg"


def compile_ahead(plan: Plan, work: Path, results: Results, strategies: tuple[str, ...]) -> None:
    """Compile the networks of all strategies at once, each in a process of its own.

    This fills torch's cache, and takes about as long as one network. The rows have the seconds of each. On a
    CPU, where a compilation takes minutes, there is none.
    """
    if not torch.cuda.is_available():
        return
    synthetic_cases(plan, work)
    pretrained_model(plan, work)
    chosen = [name for name in strategies if name in COMPILED_ONCE]
    with ProcessPoolExecutor(len(chosen), mp_context=get_context("spawn")) as pool:
        jobs = {name: pool.submit(_first_iterations, plan, work, name) for name in chosen}
        for name, job in jobs.items():
            with results.row(name, "covidseg, compiled") as row:
                row.set("s from start to third iteration", [job.result()])
                row.note = f"{len(jobs)} processes at once"


def _first_iterations(plan: Plan, work: Path, strategy: str) -> float:
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "4"  # several compilers at once
    clock = Clock(2, 0)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        time_training(synthetic_run(plan, strategy, work, compile=True), plan, Path(folder), clock.tick)
    return clock.start_seconds


def profile(plan: Plan, work: Path, results: Results, strategies: tuple[str, ...]) -> None:
    """Write the kernels of one iteration, eager and compiled, to a text file beside the table."""
    path = results.path.with_name(f"gpu-{card_slug()}-kernels.txt")
    path.unlink(missing_ok=True)
    for strategy in strategies:
        for compiled in (False, True) if torch.cuda.is_available() else (False,):
            with results.row(strategy, _contender(compiled)) as row:
                forget_compiled()
                kernels = _kernels(synthetic_run(plan, strategy, work, compile=compiled), plan, work)
                row.note = f"see {path.name}"
            with open(path, "a") as file:
                file.write(f"{strategy}, {row.contender}\n\n{kernels}\n\n")


def _kernels(run: Run, plan: Plan, work: Path) -> str:
    """Return torch's table of the kernels of the iteration after the warm-up."""
    count, profiler = 0, torch.profiler.profile()

    def tick() -> None:
        nonlocal count
        count += 1
        if count == plan.warm_up:
            synchronise()
            profiler.start()
        if count == plan.warm_up + 1:
            synchronise()
            profiler.stop()
            raise Enough

    with tempfile.TemporaryDirectory(dir=work) as folder:
        time_training(run, plan, Path(folder), tick)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    averages = profiler.key_averages()
    return averages.table(sort_by=f"self_{device}_time_total", row_limit=40, max_name_column_width=110)
