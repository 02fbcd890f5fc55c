"""Surfaces of label masks in three dimensions, by scikit-image's marching cubes, drawn by matplotlib."""

import numpy as np
from matplotlib.colors import LightSource, to_rgba
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from scipy import ndimage
from skimage.measure import marching_cubes

# The module `figures`, which every script of a figure imports, sets matplotlib's back end.

GRID_MM = 4.0  # step of the surfaces' grid: fine enough in print, and fast for scans with small voxels
SMOOTHING = 0.7  # standard deviation in grid steps; smooths the steps between thick slices
LIGHT = LightSource(azdeg=300, altdeg=50)


def surface(mask: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Return the surface of a mask as triangles.

    Args:
        mask: bool (z, y, x).
        spacing: spacing of the voxels (z, y, x), mm.

    Returns:
        Array (n, 3, 3): triangle, corner, and coordinate (x, y, z) in mm from the first voxel of the mask's
        array. The array has no triangles if the mask is too small for the grid or empty.
    """
    # A border of background closes the surface of a lung that the edge of the scan cuts off.
    zoom = [step / GRID_MM for step in spacing]
    grid = ndimage.zoom(np.pad(mask, 1).astype(np.float32), zoom, order=1, grid_mode=True, mode="nearest")
    grid = ndimage.gaussian_filter(np.pad(grid, 1), SMOOTHING)
    if grid.max() <= 0.5:
        return np.empty((0, 3, 3))
    corners, triangles, *_ = marching_cubes(grid, 0.5)
    offset = np.array(spacing) + GRID_MM  # width of both borders
    return ((corners * GRID_MM - offset)[:, ::-1])[triangles]


def draw_surfaces(axis: Axes3D, surfaces: dict[str, tuple[np.ndarray, float]]) -> None:
    """Draw surfaces into a 3D axis, seen from the front, with the patient's left on the right.

    Args:
        axis: axis with projection "3d".
        surfaces: colour -> (triangles as returned by `surface`, opacity from 0 to 1).
    """
    triangles = np.concatenate([found for found, _ in surfaces.values()])
    colours = np.concatenate(
        [np.tile(to_rgba(colour, opacity), (len(found), 1)) for colour, (found, opacity) in surfaces.items()]
    )
    # Matplotlib sorts triangles by depth within one collection only. With all surfaces in one collection, a
    # lesion is seen through the lung around it.
    drawn = Poly3DCollection(
        triangles, facecolors=colours, shade=True, lightsource=LIGHT, linewidth=0, antialiased=True
    )
    drawn.set(rasterized=True, clip_on=False)
    axis.add_collection3d(drawn)
    low, high = triangles.min((0, 1)), triangles.max((0, 1))
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    axis.set_box_aspect(high - low, zoom=1.35)
    axis.view_init(elev=12, azim=-80)
    axis.set_axis_off()
