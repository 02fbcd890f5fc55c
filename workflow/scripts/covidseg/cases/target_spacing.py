"""The voxel spacing to which every scan is resampled."""

from pathlib import Path

import numpy as np

from covidseg.cases.case_folder import read_case_rows

ANISOTROPY = 3.0  # nnU-Net's threshold, for spacings and for sizes


def target_spacing(cases: Path) -> tuple[float, float, float]:
    """Return nnU-Net's target spacing (z, y, x) in mm for the cases of a cases.csv.

    Each axis gets the median of the cases' spacings. An axis that is far coarser than the others and has far
    fewer voxels gets the 10th percentile instead, so that the finer scans keep their detail
    (nnU-Net v1, ExperimentPlanner3D_v21; the papers plan on covid20, ma2021 III).
    """
    rows = read_case_rows(cases)
    spacings, sizes = np.array([row.spacing_mm for row in rows]), np.array([row.shape for row in rows])
    target, size = np.median(spacings, axis=0), np.median(sizes, axis=0)
    worst = int(target.argmax())
    others = np.delete(target, worst)
    if target[worst] > ANISOTROPY * others.max() and size[worst] * ANISOTROPY < np.delete(size, worst).min():
        finer = np.percentile(spacings[:, worst], 10)
        target[worst] = max(finer, others.max() + 1e-5)
    z, y, x = (float(mm) for mm in target)
    return z, y, x
