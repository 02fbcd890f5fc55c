"""nnU-Net's own trainer and predictor, with the network and the patch of the plan."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from covidseg.cases.arrays import open_case
from on_gpu.clock import Clock, Enough
from on_gpu.plan import Plan, synthetic_cases
from on_gpu.prediction import scan, seconds_of, what
from on_gpu.results import Results

NAME, CONFIGURATION = "Dataset501_Synthetic", "3d_fullres"
CONTENDER = "nnU-Net 2.8.1"
DATASET_JSON = {
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "lesion": 1},
    "numTraining": 4,
    "file_ending": ".nii.gz",
}


def import_nnunet(work: Path, loaders: int) -> None:
    """Set nnU-Net's folders and loader, and let it be imported.

    nnU-Net imports SimpleITK to read files, which the benchmark does not do. Where SimpleITK is missing, an
    empty module takes its place.
    """
    for folder in ("raw", "preprocessed", "results"):
        os.environ[f"nnUNet_{folder}"] = str(work / "nnunet" / folder)
    os.environ |= {"nnUNet_n_proc_DA": str(loaders)}
    if importlib.util.find_spec("SimpleITK") is None:
        sys.modules["SimpleITK"] = ModuleType("SimpleITK")


def plans(plan: Plan) -> dict[str, Any]:
    """Return nnU-Net's plans for the network and the patch of the plan.

    The arguments of the network are written out here, and not taken from `nnunet_zip`: an edit of what
    covidseg exports must not change what covidseg is compared with.
    """
    network = plan.sections["network"]
    configuration = {
        "data_identifier": f"nnUNetPlans_{CONFIGURATION}",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": plan.sections["training"]["batch"],
        "patch_size": list(plan.patch),
        "spacing": list(plan.target_spacing),
        "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False],
        "batch_dice": plan.sections["training"]["batch_dice"],
        "architecture": {
            "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
            "arch_kwargs": {
                "n_stages": len(network["features"]),
                "features_per_stage": network["features"],
                "conv_op": "torch.nn.modules.conv.Conv3d",
                "kernel_sizes": network["kernels"],
                "strides": network["strides"],
                "n_conv_per_stage": network["convolutions"]["encoder"],
                "n_conv_per_stage_decoder": network["convolutions"]["decoder"],
                "conv_bias": True,
                "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
                "norm_op_kwargs": {"eps": 1e-05, "affine": True},
                "dropout_op": None,
                "dropout_op_kwargs": None,
                "nonlin": "torch.nn.LeakyReLU",
                "nonlin_kwargs": {"inplace": True},
            },
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
    }
    return {
        "dataset_name": NAME,
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {CONFIGURATION: configuration},
        "continue_training": False,
    }


def make_trainer(plan: Plan, work: Path) -> Any:
    """Return nnU-Net's trainer, initialised, over the synthetic cases in nnU-Net's own files."""
    import_nnunet(work, plan.loaders)
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    _write_cases(plan, work)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    trainer = nnUNetTrainer(plans(plan), CONFIGURATION, "all", DATASET_JSON, device)
    trainer.initialize()
    return trainer


def _write_cases(plan: Plan, work: Path) -> None:
    """Write the synthetic cases as nnU-Net's preprocessing does, unless they are there."""
    from nnunetv2.training.dataloading.nnunet_dataset import comp_blosc2_params, nnUNetDatasetBlosc2

    folder = work / "nnunet" / "preprocessed" / NAME / f"nnUNetPlans_{CONFIGURATION}"
    if folder.exists():
        return
    folder.mkdir(parents=True)

    def write(path: Path) -> None:
        case = open_case(path)
        image, label = case.image[None].astype(np.float32), case.label[None].astype(np.int8)
        properties = {"class_locations": {1: np.insert(case.foreground[:, 1:], 0, 0, axis=1)}}
        blocks, chunks = comp_blosc2_params(image.shape, plan.patch)
        name = str(folder / path.name)
        nnUNetDatasetBlosc2.save_case(image, label, properties, name, chunks=chunks, blocks=blocks)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, synthetic_cases(plan, work)))


def compile_ahead(plan: Plan, work: Path, results: Results, strategies: tuple[str, ...]) -> None:
    """Compile nnU-Net's network and loss by one training step: this fills torch's cache."""
    trainer = make_trainer(plan, work)
    with results.row("training step", CONTENDER) as row:
        row.set("s of the first", seconds_of(lambda: trainer.train_step(_random_batch(plan, trainer)), 1))


def train(plan: Plan, work: Path, results: Results, strategies: tuple[str, ...]) -> None:
    """Time nnU-Net's training step: with one random batch on the device, with its loader; and the loader."""
    torch.backends.cudnn.benchmark = True  # as nnU-Net's command does
    trainer = make_trainer(plan, work)
    batch = _random_batch(plan, trainer)
    with results.row("training step, random batch on the device", CONTENDER) as row:
        _time(plan, lambda: trainer.train_step(batch)).fill(row)
        row.note = "compiled, float16" if trainer._do_i_compile() else ""
    with _loader(trainer) as loader:
        with results.row(f"training step, loader of {plan.loaders} processes", CONTENDER) as row:
            _time(plan, lambda: trainer.train_step(next(loader))).fill(row)
        with results.row(f"loader of {plan.loaders} processes alone", CONTENDER) as row:
            _time(plan, lambda: next(loader)).fill(row)
            row.note = "some of these batches were ready before"


def _random_batch(plan: Plan, trainer: Any) -> dict[str, Any]:
    size, device = plan.sections["training"]["batch"], trainer.device
    shapes = [[round(n * s) for n, s in zip(plan.patch, scale, strict=True)]
              for scale in trainer._get_deep_supervision_scales()]  # fmt: skip
    targets = [torch.randint(0, 2, (size, 1, *shape), device=device, dtype=torch.int16) for shape in shapes]
    return {"data": torch.randn(size, 1, *plan.patch, device=device), "target": targets}


def _time(plan: Plan, step: Any) -> Clock:
    clock = Clock(plan.warm_up, plan.timed)
    try:
        while True:
            step()
            clock.tick()
    except Enough:
        return clock


@contextmanager
def _loader(trainer: Any) -> Iterator[Any]:
    """Yield nnU-Net's loader of training batches, and end its processes afterwards."""
    loaders = trainer.get_dataloaders()
    try:
        yield loaders[0]
    finally:
        for loader in loaders:
            if hasattr(loader, "_finish"):
                loader._finish()


def predict(plan: Plan, work: Path, results: Results, strategies: tuple[str, ...]) -> None:
    """Time nnU-Net's sliding window over the scan that ours predicts."""
    predictor, image = _make_predictor(plan, work), scan(plan)[None]
    with results.row(what(plan), CONTENDER) as row:
        tile = tuple(slice(0, size) for size in plan.patch)
        predictor.predict_sliding_window_return_logits(image[(slice(None), *tile)])
        row.set("s per scan", seconds_of(lambda: predictor.predict_sliding_window_return_logits(image), 1))
        row.set_memory()
        row.note = "its tiles alone: logits, before softmax and resampling"


def _make_predictor(plan: Plan, work: Path) -> Any:
    trainer = make_trainer(plan, work)
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    inference = plan.sections["inference"]
    predictor = nnUNetPredictor(tile_step_size=inference["step"], device=trainer.device, allow_tqdm=False)
    trainer.set_deep_supervision_enabled(False)
    network = getattr(trainer.network, "_orig_mod", trainer.network)  # nnU-Net predicts without compilation
    predictor.manual_initialization(
        network,
        trainer.plans_manager,
        trainer.configuration_manager,
        None,
        DATASET_JSON,
        "nnUNetTrainer",
        tuple(inference["mirror_axes"]) or None,
    )
    return predictor
