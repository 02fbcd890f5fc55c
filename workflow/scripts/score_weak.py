"""Score the heat maps of one localiser on every data set that the localiser is evaluated on."""

from pathlib import Path

import pandas as pd

from covidseg.evaluation.counts import patient_of_slice, write_counts
from covidseg.evaluation.score_table import COLUMNS, ScoreRow
from covidseg.files import write_csv
from covidseg.job import job
from covidseg.reading import read_array, read_table
from covidseg.weak.evaluation import count_pixels, threshold_curve, weak_scores

if __name__ == "__main__":
    with job(snakemake.log[0]):
        localiser, params, inputs = snakemake.params.localiser, snakemake.params, snakemake.input
        identity = {key: localiser[key] for key in ("paper", "strategy", "source")}
        identity |= {"experiment": localiser["name"], "fold": 0, "region": "lesion"}
        rows, curves, pixels = [], [], {}
        for (dataset, split), heat, images, masks in zip(
            localiser["evaluate"].items(), inputs.heatmaps, inputs.images, inputs.masks, strict=True
        ):
            counts = count_pixels(
                read_array(Path(heat, "heat.npy")), read_array(Path(masks, "test_lesion.npy")).astype(bool)
            )
            names = read_table(Path(images, "test_lesion.csv"), ["slice"], dtype=str)["slice"]
            limits = tuple(params.threshold_range)
            scores = weak_scores(counts, names, threshold=params.threshold, limits=limits)
            data = identity | {"dataset": dataset, "split": split}
            patients = {name: patient_of_slice(params.patients[dataset], name) for name in names}
            rows += [
                ScoreRow(**data, case=case, patient=patients.get(case, ""), metric=metric, value=value)
                for case, metric, value in scores
            ]
            curves.append(threshold_curve(counts).assign(split=split))
            pixels[split] = (counts, list(patients.values()))
        write_csv(snakemake.output.scores, [row.to_csv() for row in rows], columns=COLUMNS)
        write_csv(snakemake.output.curves, pd.concat(curves), digits=9)
        write_counts(Path(snakemake.output.pixels), pixels)
