"""Write a trained model for other programs: nnU-Net v2, ONNX and MONAI."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from covidseg.cases.ct_normalisation import CTNormalisation, normalisation_of_scans
from covidseg.cases.intensity import Window
from covidseg.errors import InputError
from covidseg.files import atomic_directory, write_text
from covidseg.training.description import ModelDescription
from covidseg.training.exchange.monai_bundle import write_monai_bundle
from covidseg.training.exchange.nnunet_zip import Target, why_not_nnunet, write_nnunet_zip
from covidseg.training.exchange.onnx_file import write_onnx
from covidseg.training.weights import read_description

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exported:
    """A trained model, and what other programs have to know of it.

    Attributes:
        name: name of the experiment.
        folds: number of the fold -> model.safetensors.
        dataset: name of the data set for nnU-Net, Dataset<number>_<name>.
        scans: path of each training scan, and whether its voxels are grey levels 0 to 255 instead of HU.
        window: HU of these grey levels.
        step: distance from one tile to the next, as a share of the patch.
        mirror_axes: axes along which tiles are mirrored, to average the predictions.
    """

    name: str
    folds: dict[int, Path]
    dataset: str
    scans: Sequence[tuple[Path, bool]]
    window: Window
    step: float
    mirror_axes: Sequence[int]


def export_model(model: Exported, output: Path) -> None:
    """Write a folder with README.md, and the model in every format that has such networks.

    Raises:
        InputError: a model is damaged, or the data have no relation to HU.
    """
    description = read_description(next(iter(model.folds.values())), ModelDescription)
    left_out = why_not_nnunet(description)
    with atomic_directory(output) as folder:
        for fold, weights in model.folds.items():
            write_onnx(weights, folder / "onnx" / f"{model.name}_fold{fold}.onnx")
        if left_out:
            log.warning("%s: not written for nnU-Net and MONAI: %s", model.name, left_out)
        else:
            target = Target(model.dataset, model.name, _normalisation(model, description), model.mirror_axes)
            write_nnunet_zip(model.folds, target, folder / f"{model.name}_nnunet.zip")
            write_monai_bundle(model.folds, folder / "monai", step=model.step)
        write_text(folder / "README.md", _readme(model, description, left_out))


def _normalisation(model: Exported, description: ModelDescription) -> CTNormalisation:
    """Return the normalisation that the model has learned with, or the one that comes nearest to it."""
    try:
        found = CTNormalisation.of(description.normalisation)
    except ValueError as error:
        raise InputError(f"{model.name}: {error}") from error
    if found is None and not model.scans:
        raise InputError(f"{model.name}: no scan that it learned from has HU; nnU-Net needs HU")
    return found or normalisation_of_scans(model.scans, model.window)


def _readme(model: Exported, description: ModelDescription, left_out: str) -> str:
    regions = ", ".join(f"{number} {name}" for number, name in description.labels.items())
    spacing = " x ".join(f"{one:g}" for one in description.plan["spacing"])
    lines = [
        f"# {model.name}",
        "",
        f"Trained by covidseg. Labels: {regions}. Spacing (z, y, x): {spacing} mm. Not for clinical use.",
        "",
    ]
    if left_out:
        return "\n".join([*lines, f"There is no zip for nnU-Net and no bundle for MONAI: {left_out}.", ""])
    folds, mirror = " ".join(map(str, model.folds)), "" if model.mirror_axes else " --disable_tta"
    return "\n".join(
        [
            *lines,
            "```sh",
            f"nnUNetv2_install_pretrained_model_from_zip {model.name}_nnunet.zip",
            f"nnUNetv2_predict -d {model.dataset} -p {model.name} -c 3d_fullres -f {folds} "
            f"-step_size {model.step:g}{mirror} -i SCANS -o MASKS",
            "```",
            "",
        ]
    )
