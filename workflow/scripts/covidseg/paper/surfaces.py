"""Surfaces of label masks in three dimensions, by scikit-image's marching cubes, drawn by matplotlib."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LightSource, to_rgba
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from scipy import ndimage
from skimage.measure import marching_cubes

GRID_MM = 4.0  # step of the surfaces' grid: fine enough in print, and fast for scans with small voxels
SMOOTHING = 0.7  # standard deviation in grid steps; smooths the steps between thick slices
LIGHT = LightSource(azdeg=300, altdeg=50)
ELEVATION, AZIMUTH = 12, -80  # degrees, from where surfaces are seen
# Glass: a face that is seen straight on is nearly clear, and one that is seen from its side is not, so that a
# lung shows its outline and what is within it.
CLEAR, RIM, SHARPNESS = 0.02, 0.5, 3
Solid = tuple[np.ndarray, bool]  # triangles as returned by `surface`, and whether they are of glass


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


def render(surfaces: dict[str, Solid], pixels: int) -> np.ndarray:
    """Return a picture, RGBA (pixels, pixels, 4), of surfaces; without any surface it is empty.

    Args:
        surfaces: colour -> surface.
        pixels: width and height of the picture.
    """
    figure = Figure(
        figsize=(1, 1), dpi=2 * pixels
    )  # twice as fine, then the mean: smooth edges without seams
    canvas = FigureCanvasAgg(figure)
    figure.patch.set_alpha(0)
    if sum(len(found) for found, _ in surfaces.values()):
        draw_surfaces(figure.add_axes((0, 0, 1, 1), projection="3d"), surfaces)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba()) / 255
    return picture.reshape(pixels, 2, pixels, 2, 4).mean((1, 3))


def draw_surfaces(axis: Axes3D, surfaces: dict[str, Solid]) -> None:
    """Draw surfaces into a 3D axis, seen from the front, with the patient's left on the right."""
    triangles = np.concatenate([found for found, _ in surfaces.values()])
    colours = np.concatenate([_colours(colour, *solid) for colour, solid in surfaces.items()])
    # Matplotlib sorts triangles by depth within one collection only. With all surfaces in one collection, a
    # lesion is seen through the lung around it.
    drawn = Poly3DCollection(triangles, facecolors=colours, linewidth=0, antialiased=False)
    drawn.set(clip_on=False)
    axis.add_collection3d(drawn)
    low, high = triangles.min((0, 1)), triangles.max((0, 1))
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    axis.set_box_aspect(high - low, zoom=1.15)
    axis.view_init(elev=ELEVATION, azim=AZIMUTH)
    axis.set_axis_off()


def _colours(colour: str, triangles: np.ndarray, glass: bool) -> np.ndarray:
    """Return one colour, RGBA, per triangle: shaded, and for glass as clear as it is seen straight on."""
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    colours = np.tile(to_rgba(colour), (len(triangles), 1))
    if glass:
        elevation, azimuth = np.deg2rad((ELEVATION, AZIMUTH))
        view = np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)
        colours[:, 3] = CLEAR + RIM * (1 - np.abs(normals @ view)) ** SHARPNESS
    else:
        bright = LIGHT.shade_normals(normals[None])[0] if len(normals) else np.empty(0)
        colours[:, :3] *= (0.55 + 0.45 * bright)[:, None]
    return colours
