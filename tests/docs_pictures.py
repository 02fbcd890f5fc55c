"""Write the pictures of docs/ from the results of the demo: `make demo`, then `python tests/docs_pictures.py`.

Three are figures of the demo, the others are screenshots of its site. They need Chromium.
"""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
WIDTH = 1400  # pixels of a figure, enough for the width of a page
FIGURES = {
    "violin": "wang2021/violin.png",
    "figure3": "wang2021/figure3.png",
    "figure1": "ma2021/figure1.png",
}
PAGES = {
    "site": "index.html",
    "table": "papers/wang2021/index.html#table1",
    "viewer": "cases/covid20/coronacases_001.html",
    "trainings": "trainings/index.html",
}


def small_figure(path: Path) -> Image.Image:
    """Return a figure of the results at the width of a page."""
    image = Image.open(path).convert("RGB")
    return image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)


def write(image: Image.Image, name: str) -> None:
    """Write a picture with 128 colours. Maximum coverage keeps rare colours, such as those of a legend."""
    few = image.quantize(128, method=Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
    few.save(ROOT / "docs" / f"{name}.png", optimize=True)


def main() -> None:
    for name, path in FIGURES.items():
        write(small_figure(ROOT / "results/paper" / path), name)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        for name, path in PAGES.items():
            page.goto(f"file://{ROOT}/results/report/{path}")
            page.wait_for_timeout(2500)  # the viewer draws after it has loaded
            write(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), name)


if __name__ == "__main__":
    main()
