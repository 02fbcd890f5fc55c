"""The chosen configuration (config.yaml, paper.yaml, public.yaml): completed and checked."""

from pathlib import Path
from typing import Any

from snakemake.utils import update_config

from covidseg.archives.dataset import Datasets
from covidseg.config.checks import check_known
from covidseg.config.experiments import Experiment
from covidseg.config.number_checks import check_numbers
from covidseg.config.sheets import Sections
from covidseg.config.strict_yaml import read_yaml
from covidseg.config.without import missing_datasets
from covidseg.errors import InputError, told_together


def extend(sections: dict[str, Any], path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the sections, completed by the configuration that their key `extends` names.

    Args:
        sections: content of a configuration, command-line overrides included.
        path: path of the configuration; the extended configuration lies in the same folder.
        seen: paths of the configurations that extend this one, directly or through others.

    Raises:
        InputError: there is no such file, the file is no configuration, or the configurations
            extend each other in a circle.
    """
    if "extends" not in sections:
        return sections
    base, seen = path.parent / str(sections["extends"]), (*seen, path.resolve())
    if not base.is_file():
        raise InputError(f"{path}: extends: there is no {base}; name a configuration beside {path.name}")
    if base.resolve() in seen:
        raise InputError(f"{path}: extends: {base} leads back here; remove the key from one of them")
    extended = extend(read_yaml(base), base, seen)
    update_config(extended, {key: value for key, value in sections.items() if key != "extends"})
    return extended


def check_sections(sections: Sections, name: str, datasets: Datasets) -> None:
    """Raise InputErrors for what a JSON schema cannot find; each message starts with `name`."""
    target = sections["plan"]["target"]
    volumes = [key for key, entry in datasets.items() if "slices" not in entry]
    with told_together() as faults:
        with faults.gathered():
            check_known([target], volumes, f"{name}: plan.target", "data set")
        with faults.gathered():
            check_known(sections["without"], datasets, f"{name}: without", "data set")
        if target in missing_datasets(sections["without"], datasets):
            faults.found.append(
                f"{name}: without: {target} is plan.target, the data set that all experiments are about; "
                "keep the data set"
            )
        if sections["phantom"] is not None:
            with faults.gathered():
                check_known(sections["phantom"]["cases"], datasets, f"{name}: phantom.cases", "data set")
        with faults.gathered():
            check_numbers(sections, name)


def check_lungs(
    chosen: str,
    experiments: dict[str, Experiment],
    all_experiments: dict[str, Experiment],
    datasets: Datasets,
    name: str,
) -> None:
    """Raise InputError unless weak.lungs names lungs that slices can be cut out with.

    Allowed are "truth", the labels of the volumes, and each experiment that has a single model and segments
    the lungs of the volumes at split "test".
    """
    able = [
        experiment.name
        for experiment in experiments.values()
        if experiment.folds == 1 and ("left_lung", "test") in experiment.places(datasets)
    ]
    where, allowed = f"{name}: weak.lungs", dict.fromkeys(["truth", *able])
    if chosen in all_experiments.keys() - experiments.keys():
        raise InputError(
            f"{where}: {chosen} learns from a data set in without; allowed: {', '.join(allowed)}"
        )
    check_known([chosen], allowed, where, "segmentation of lungs")
