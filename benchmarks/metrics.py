"""Time of the NSD of a 512x512x134 pair of lungs: our function and Google's surface-distance, in turn.

    .venv/bin/python benchmarks/metrics.py

The ground truth is two ellipsoids of the size of the lungs of LUNG1-001. The prediction is the same two
ellipsoids, dilated, shifted by one voxel, and roughened.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np
import surface_distance
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from covidseg.evaluation.masks import Masks
from covidseg.evaluation.metrics import surface_dice
from covidseg.evaluation.sections import Lesions

# surface-distance 0.1 uses names that NumPy 2 and SciPy have removed.
setattr(np, "Inf", np.inf)  # noqa: B010
ndimage.filters = ndimage.morphology = ndimage

SHAPE, SPACING = (134, 512, 512), (3.0, 0.977, 0.977)


def lungs() -> np.ndarray:
    """Return two ellipsoids as a bool array of shape (z, y, x)."""
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    sides = [((z - 67) / 50) ** 2 + ((y - 256) / 105) ** 2 + ((x - c) / 75) ** 2 < 1 for c in (165, 345)]
    return sides[0] | sides[1]


def ours(truth: np.ndarray, prediction: np.ndarray, tolerance: float) -> float:
    """Return the NSD as computed by our function; `tolerance` in mm."""
    lesions = Lesions(minimum_ml=0, overlap=0)  # not used: the NSD counts no lesions
    return surface_dice(Masks(truth, prediction, SPACING, tolerance, lesions))


def google(truth: np.ndarray, prediction: np.ndarray, tolerance: float) -> float:
    """Return the NSD as computed by surface-distance; `tolerance` in mm."""
    distances = surface_distance.compute_surface_distances(truth, prediction, SPACING)
    return surface_distance.compute_surface_dice_at_tolerance(distances, tolerance)


def main() -> None:
    """Time both functions in turn, five times each, at the two tolerances of the papers."""
    truth = lungs()
    rough = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32), 3)
    prediction = np.roll(ndimage.binary_dilation(truth), 1, 2) & (rough > -0.05)
    for tolerance in (1.0, 3.0):
        seconds: dict[str, list[float]] = {"ours": [], "google": []}
        values = {}
        for _ in range(5):
            for name, call in (
                ("ours", lambda: ours(truth, prediction, tolerance)),  # noqa: B023
                ("google", lambda: google(truth, prediction, tolerance)),  # noqa: B023
            ):
                begun = time.perf_counter()
                values[name] = call()
                seconds[name].append(time.perf_counter() - begun)
        median = {name: statistics.median(times) for name, times in seconds.items()}
        ratio = median["google"] / median["ours"]
        print(
            f"tolerance {tolerance:g} mm: ours {median['ours']:.3f} s, google {median['google']:.2f} s, "
            f"{ratio:.1f} times faster, difference {abs(values['ours'] - values['google']):.1e}"
        )


if __name__ == "__main__":
    main()
