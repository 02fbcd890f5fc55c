"""A figure of two feature-relation matrices of zhang2021, and of the difference between them, per epoch."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import SubFigure
from safetensors.numpy import load_file

from covidseg.config.entries import ArtefactEntry
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import caption, plt, save_figure
from covidseg.reading import read_table

SYMBOLS = {"general_non_covid": "R_G(X_n)", "general_covid": "R_G(X_c)", "target_covid": "R_T(X_c)"}
PANEL_INCHES = 1.9


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg and <base>.png."""
    figure = draw_relations(
        read_matrices(artefact.input("relations")),
        read_table(artefact.input("log"), ["epoch"]),
        artefact.entry,
        config_name=artefact.config_name,
        remarks=artefact.remarks,
    )
    save_figure(figure, artefact.base)


def read_matrices(path: Path) -> dict[int, dict[str, np.ndarray]]:
    """Return number of finished epochs -> name -> relation matrix (channel, channel), in order of epochs."""
    matrices: dict[int, dict[str, np.ndarray]] = {}
    for key, matrix in sorted(load_file(path).items()):
        epoch, name = key.removeprefix("epoch").split(".")
        matrices.setdefault(int(epoch), {})[name] = matrix
    return matrices


def draw_relations(
    matrices: dict[int, dict[str, np.ndarray]],
    log: pd.DataFrame,
    artefact: ArtefactEntry,
    *,
    config_name: str,
    remarks: list[str],
) -> plt.Figure:
    """Draw one row per epoch with two matrices and their absolute difference; below, a curve over all epochs.

    Args:
        matrices: number of finished epochs -> name -> matrix, as returned by `read_matrices`.
        log: log.csv of the training; the curve is one column of this table.
        artefact: entry of artefacts.yaml.
        config_name: name of the configuration.
        remarks: sentences to print below the figure.
    """
    figure = plt.figure(
        figsize=(PANEL_INCHES * 3 + 1, PANEL_INCHES * len(matrices) + 3.6), layout="constrained"
    )
    (above,), (below,) = figure.subfigures(
        2, 1, squeeze=False, height_ratios=[PANEL_INCHES * len(matrices) + 0.6, 2.2]
    )
    _draw_matrices(above, matrices, artefact["left"], artefact["right"])
    _draw_curve(below.subplots(), log, artefact["curve"], list(matrices))
    bottom = f"Configuration: {config_name}. {artefact['experiment']}, fold {artefact['fold']}."
    caption(figure, artefact["title"], bottom, remarks)
    return figure


def _draw_matrices(
    figure: SubFigure, matrices: dict[int, dict[str, np.ndarray]], left: str, right: str
) -> None:
    pairs = np.stack([(found[left], found[right]) for found in matrices.values()])
    differences = np.abs(pairs[:, 0] - pairs[:, 1])
    both = {"cmap": "viridis", "vmin": pairs.min(), "vmax": pairs.max()}
    reds = {"cmap": "Reds", "vmin": 0, "vmax": differences.max()}
    columns = [
        (f"${SYMBOLS[left]}$", pairs[:, 0], both),
        (f"${SYMBOLS[right]}$", pairs[:, 1], both),
        (f"$|{SYMBOLS[left]} - {SYMBOLS[right]}|$", differences, reds),
    ]
    axes = figure.subplots(len(matrices), len(columns), squeeze=False)
    for column, (title, shown, colours) in zip(axes.T, columns, strict=True):
        for axis, matrix in zip(column, shown, strict=True):
            image = axis.imshow(matrix, interpolation="nearest", **colours)
            axis.set(xticks=[], yticks=[])
        column[0].set_title(title, fontsize=10)
        bar = figure.colorbar(image, ax=column.tolist(), location="bottom", aspect=18, shrink=0.9, pad=0.02)
        bar.ax.tick_params(labelsize=8)
    for axis, epoch in zip(axes[:, 0], matrices, strict=True):
        axis.set_ylabel(f"epoch {epoch}", fontsize=9)


def _draw_curve(axis: plt.Axes, log: pd.DataFrame, curve: str, epochs: list[int]) -> None:
    for epoch in epochs:
        axis.axvline(epoch, color="0.8", linewidth=0.8)
    axis.plot(log["epoch"] + 1, log[curve], color="#c22b2b", linewidth=1.6)
    axis.set(xlabel="epoch (grey: shown above)", ylabel="mean absolute\ndifference", xlim=(0, None))
    axis.spines[["top", "right"]].set_visible(False)
