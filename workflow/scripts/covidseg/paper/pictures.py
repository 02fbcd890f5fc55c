"""Pictures of slices in rows and columns: their places, masks, scale bar and side mark."""

from collections.abc import Collection
from dataclasses import dataclass
from math import ceil

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from covidseg.paper.figures import DPI, MARGIN, SMALL, TEXT, Page, plt, text_height, typeset, wrapped
from covidseg.paper.palette import FOUND

SCALE_BAR_MM = 50
GAP = 0.05  # inches between two pictures
STRIPES = 0.03  # distance of the stripes of a hatched mask, in inches
OPACITY, FAINT = 0.8, 0.46  # of a mask; of what is found, so that the other masks catch the eye
BETWEEN = 0.25  # opacity between the stripes of a hatched mask
LEGEND = 0.22  # height of a legend, in inches
RIM = [withStroke(linewidth=1.6, foreground="black")]


@dataclass(frozen=True)
class Columns:
    """Columns of pictures that fill the width of a page.

    Attributes:
        width: width of a picture, in inches.
        titles: title of each column, broken into lines.
    """

    width: float
    titles: list[str]

    @classmethod
    def of(cls, titles: Collection[str], page: float) -> "Columns":
        """Divide the width of a page, in inches."""
        width = (page - 2 * MARGIN - GAP * (len(titles) - 1)) / len(titles)
        return cls(width, [wrapped(typeset(title), width, TEXT) for title in titles])

    @property
    def head(self) -> float:
        """Height of the titles, in inches."""
        return max(text_height(title, TEXT) for title in self.titles) + 0.04

    def left(self, number: int) -> float:
        """Return where a column begins, in inches."""
        return MARGIN + number * (self.width + GAP)

    def write_titles(self, page: Page) -> None:
        """Write the titles above the columns, so that their last lines stand side by side."""
        for number, title in enumerate(self.titles):
            middle = self.left(number) + self.width / 2
            page.write_name(middle, self.head - 0.03, title, upwards=True)

    def row(self, page: Page, top: float, height: float) -> list[plt.Axes]:
        """Add the axes of a row of pictures, one per column; places and height are in inches."""
        axes = [page.axes(self.left(number), top, self.width, height) for number, _ in enumerate(self.titles)]
        for axis in axes:
            axis.set(xticks=[], yticks=[], frame_on=False)
        return axes


def draw_slice(axis: plt.Axes, picture: np.ndarray, inches: float, *, high: float, wide: float) -> None:
    """Draw a slice in an axis in mm; pixels that are coarser than print stay sharp.

    Args:
        axis: the axis.
        picture: grey (y, x) or RGB (y, x, 3), from 0 to 255.
        inches: width of the axis.
        high, wide: size of the slice, mm.
    """
    sharp = picture.shape[1] < inches * DPI
    axis.imshow(
        picture, cmap="gray", vmin=0, vmax=255, extent=(0, wide, high, 0),
        interpolation="nearest" if sharp else "antialiased",
    )  # fmt: skip


def paint(
    masks: dict[str, np.ndarray],
    size: tuple[float, float],
    *,
    hatched: Collection[str] = (),
    outlined: Collection[str] = (),
) -> np.ndarray:
    """Return a half-transparent picture, RGBA (y, x, 4), of masks, fine enough for print.

    Args:
        masks: colour -> mask (y, x), at least one; where masks overlap, the last mask is seen.
        size: height and width of the picture in print, in inches.
        hatched: the colours of masks that are drawn as stripes.
        outlined: the colours of masks that have a white line at their edge.
    """
    (shape,) = {mask.shape for mask in masks.values()}
    factors = [ceil(inches * DPI / n) for inches, n in zip(size, shape, strict=True)]
    picture = np.zeros((shape[0] * factors[0], shape[1] * factors[1], 4))
    rows, columns = (np.linspace(0, inches, n) for inches, n in zip(size, picture.shape[:2], strict=True))
    stripes = (rows[:, None] + columns) / STRIPES % 1 < 0.5
    for colour, mask in masks.items():
        fine = mask.repeat(factors[0], 0).repeat(factors[1], 1)
        picture[fine, :3] = to_rgb(colour)
        picture[fine, 3] = FAINT if colour == FOUND else OPACITY
        if colour in hatched:
            picture[fine & ~stripes, 3] = BETWEEN
        if colour in outlined:
            picture[_edge(fine, factors)] = 1
    return picture


def _edge(mask: np.ndarray, factors: list[int]) -> np.ndarray:
    """Return the pixels around a mask, at most half as far away as a pixel of the coarse mask is wide."""
    around = mask.copy()
    for axis, factor in enumerate(factors):
        for step in range(1, max(1, min(factor // 2, 3)) + 1):
            around |= np.roll(mask, step, axis) | np.roll(mask, -step, axis)
    return around & ~mask


def legend(page: Page, top: float, width: float, patches: list[Patch]) -> None:
    """Add a legend of patches in a line of its own; `top` and `width` are in inches."""
    axis = page.axes(MARGIN, top, width - 2 * MARGIN, LEGEND)
    axis.set_axis_off()
    axis.legend(handles=patches, loc="center", ncols=len(patches), fontsize=SMALL, borderpad=0)


def mask_patch(colour: str, label: str, *, hatched: bool = False) -> Patch:
    """Return what a legend shows of a mask."""
    return Patch(
        facecolor="white" if hatched else colour, edgecolor=colour, hatch="//////" if hatched else "",
        linewidth=0.5, label=label,
    )  # fmt: skip


def mark_side(axis: plt.Axes) -> None:
    """Mark the left edge of a picture with R, the patient's right."""
    axis.text(
        0.03, 0.5, "R", transform=axis.transAxes, va="center", size=SMALL, color="white", path_effects=RIM
    )


def draw_scale_bar(axis: plt.Axes, width: float, height: float) -> None:
    """Draw a bar of SCALE_BAR_MM at the lower right of a picture of this width and height in mm."""
    end, y = width * 0.96, height * 0.95
    rim = [withStroke(linewidth=2.8, foreground="black")]
    axis.plot([end - SCALE_BAR_MM, end], [y, y], color="white", linewidth=1.4, path_effects=rim)
