"""Run in nnU-Net's environment: segment scans by fold 0 of a model, as nnUNetv2_predict does, but in one process.

Usage: nnunet_prediction.py <folder of the model> <folder of scans> <folder of masks>. Tiles lie side by side.
"""

import sys
from pathlib import Path

import torch
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

if __name__ == "__main__":
    model, scans, masks = map(Path, sys.argv[1:])
    masks.mkdir()
    predictor = nnUNetPredictor(
        tile_step_size=1, use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False
    )
    predictor.initialize_from_trained_model_folder(str(model), use_folds=(0,))
    for scan in sorted(scans.iterdir()):
        image, properties = SimpleITKIO().read_images([str(scan)])
        mask = masks / scan.name.replace("_0000.nii.gz", "")
        predictor.predict_single_npy_array(image, properties, output_file_truncated=str(mask))
