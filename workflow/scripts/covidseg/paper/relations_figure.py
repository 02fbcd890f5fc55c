"""A figure of two feature-relation matrices of zhang2021, and of the difference between them, per epoch."""

from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from covidseg.config.entries import ArtefactEntry
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import COLUMN, HAIRLINE, SCRIPTS, TEXT, Page, plt, save_figure
from covidseg.paper.palette import STRATEGY_COLOURS
from covidseg.reading import read_table

SYMBOLS = {"general_non_covid": "R_G(X_n)", "general_covid": "R_G(X_c)", "target_covid": "R_T(X_c)"}
LEFT, SIDE, GAP = 0.24, 0.98, 0.08  # place, side and distance of the matrices, in inches
HEAD, BAR = 0.2, 0.4  # height of the titles, and of the colour bars with their numbers, in inches
CURVE, BELOW = 0.9, 0.32  # height of the curve, and of what is below it, in inches


def make(artefact: Artefact) -> None:
    """Write the figure, <base>.svg, .pdf and .png, and its curve, <base>.csv."""
    log = read_table(artefact.input("log"), ["epoch"])
    curve = artefact.entry["curve"]
    write_csv(f"{artefact.base}.csv", pd.DataFrame({"epoch": log["epoch"] + 1, curve: log[curve]}), digits=9)
    figure = draw_relations(
        read_matrices(artefact.input("relations")),
        log,
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
    rows = HEAD + len(matrices) * (SIDE + GAP)
    bottom = f"Configuration: {config_name}. {artefact['experiment']}, fold {artefact['fold']}."
    body = rows + BAR + 0.1 + CURVE + BELOW
    page = Page.of(COLUMN, body, title=artefact["title"], lines=[bottom, *remarks])
    _draw_matrices(page, matrices, artefact["left"], artefact["right"])
    axis = page.axes(LEFT + 0.4, rows + BAR + 0.1, 3 * SIDE + 2 * GAP - 0.4, CURVE)
    _draw_curve(axis, log, artefact["curve"], list(matrices))
    return page.figure


def _draw_matrices(page: Page, matrices: dict[int, dict[str, np.ndarray]], left: str, right: str) -> None:
    pairs = np.stack([(found[left], found[right]) for found in matrices.values()])
    differences = np.abs(pairs[:, 0] - pairs[:, 1])
    both = {"cmap": "viridis", "vmin": pairs.min(), "vmax": pairs.max()}
    reds = {"cmap": "Reds", "vmin": 0, "vmax": differences.max()}
    columns = [
        (f"${SYMBOLS[left]}$", pairs[:, 0], both),
        (f"${SYMBOLS[right]}$", pairs[:, 1], both),
        (f"$|{SYMBOLS[left]} - {SYMBOLS[right]}|$", differences, reds),
    ]
    for number, (title, shown, colours) in enumerate(columns):
        x = LEFT + number * (SIDE + GAP)
        for row, (epoch, matrix) in enumerate(zip(matrices, shown, strict=True)):
            axis = page.axes(x, HEAD + row * (SIDE + GAP), SIDE, SIDE)
            image = axis.imshow(matrix, interpolation="nearest", **colours)
            axis.set(xticks=[], yticks=[], title=title if row == 0 else "")
            axis.title.set_fontsize(SCRIPTS)
            axis.spines[:].set_visible(True)
            if number == 0:
                axis.set_ylabel(f"epoch {epoch}", size=TEXT)
        bar = page.axes(x + 0.06, HEAD + len(matrices) * (SIDE + GAP), SIDE - 0.12, 0.08)
        page.figure.colorbar(image, cax=bar, orientation="horizontal", ticks=plt.MaxNLocator(3))


def _draw_curve(axis: plt.Axes, log: pd.DataFrame, curve: str, epochs: list[int]) -> None:
    for epoch in epochs:
        axis.axvline(epoch, color=HAIRLINE, linewidth=0.8)
    axis.plot(log["epoch"] + 1, log[curve], color=STRATEGY_COLOURS["collaborative"].light)
    axis.set(
        xlabel="epoch (grey: shown above)", ylabel="mean absolute\ndifference", xlim=(0, None), ylim=(0, None)
    )
