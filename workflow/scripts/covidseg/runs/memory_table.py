"""The table of the memory that the jobs of a configuration take."""

import math

import pandas as pd

from covidseg.config import in_use
from covidseg.config.configuration import Configuration
from covidseg.runs.memory import ALL, Memory


def memory_table(config: Configuration) -> pd.DataFrame:
    """Return one row per rule and strategy of a configuration: the memory of one job."""
    memory = Memory.of(config)
    trained = {config.experiments[name].strategy for name in in_use.trained(config)}
    systems = {model.system for model in config.weak_models.values()}
    kinds = {"train": trained, "predict": {ALL}, "train_weak": systems, "localise": {ALL}}
    return pd.DataFrame([_row(memory, rule, name) for rule, names in kinds.items() for name in sorted(names)])


def _row(memory: Memory, rule: str, strategy: str) -> dict[str, object]:
    need, device = memory.need(rule, strategy), memory.device_gib(rule, strategy)
    return {
        "Rule": rule,
        "Strategy": strategy,
        "Patch": need.patch,
        "GB of the host that are asked for": memory.host_mb(rule, strategy) // 1000,
        "GiB of the GPU": "–" if math.isnan(device) else f"{device:.1f}",
        "of these for cases": memory.cases_gib if rule == "train" else 0,
        "From": need.basis,
    }
