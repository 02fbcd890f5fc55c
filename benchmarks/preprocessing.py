"""Time and peak memory of preprocessing a 512x512x300 scan.

.venv/bin/python benchmarks/preprocessing.py           our `preprocess` of one case
.venv/bin/python benchmarks/preprocessing.py --peer    resize of scikit-image, which nnU-Net calls
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.preprocessing import preprocess
from covidseg.volumes import Geometry, Volume, write_volume

SHAPE, SPACING, TARGET = (300, 512, 512), (1.0, 0.78, 0.78), (1.25, 0.9, 0.9)


def make_case(folder: Path) -> None:
    """Write a scan of noise and a label of one block, stored in the same way as an ingested case."""
    geometry = Geometry(SHAPE, np.diag([*reversed(SPACING), 1.0]))
    image = np.random.default_rng(0).integers(-1024, 1500, SHAPE, dtype=np.int16)
    label = np.zeros(SHAPE, np.uint8)
    label[100:200, 100:300, 100:300] = 1
    write_volume(folder / "images" / "scan.nii.gz", Volume(image, geometry))
    write_volume(folder / "labels" / "scan.nii.gz", Volume(label, geometry))


def ours(cases: Path, output: Path) -> None:
    """Preprocess the case in the same way as the pipeline, with one worker."""
    preprocess(
        {"intensity": {"*": "hounsfield"}, "regions": {1: "lesion"}},
        cases=CaseFolder(cases),
        target_spacing=TARGET,
        window=(-1250, 250),
        output=output,
        workers=1,
    )


def peer(cases: Path, output: Path) -> None:
    """Preprocess the case with scikit-image, as nnU-Net does: float64 splines in three dimensions."""
    from skimage.transform import resize

    from covidseg.volumes import read_volume

    image, label = (read_volume(cases / kind / "scan.nii.gz").array for kind in ("images", "labels"))
    windowed = (np.clip(image.astype(np.float32), -1250, 250) + 1250) * (255 / 1500)
    shape = [round(n * s / t) for n, s, t in zip(SHAPE, SPACING, TARGET, strict=True)]
    resized = resize(windowed, shape, order=3, mode="edge", anti_aliasing=False)
    np.save(output.with_suffix(".image.npy"), (resized - resized.mean()) / resized.std())
    share = resize((label == 1).astype(float), shape, order=1, mode="edge", anti_aliasing=False)
    np.save(output.with_suffix(".label.npy"), share >= 0.5)


def main() -> None:
    """Run one of the two functions in this process; print its time and the peak memory of the process."""
    contender = peer if "--peer" in sys.argv else ours
    with tempfile.TemporaryDirectory() as folder:
        cases = Path(folder, "cases")
        # A separate process makes the case, so that its memory does not count.
        program = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import preprocessing; "
        program += f"from pathlib import Path; preprocessing.make_case(Path({str(cases)!r}))"
        subprocess.run([sys.executable, "-c", program], check=True)
        begun = time.perf_counter()
        contender(cases, Path(folder, "out"))
        seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{contender.__name__}: {seconds:.1f} s, peak {peak:.2f} GiB")


if __name__ == "__main__":
    main()
