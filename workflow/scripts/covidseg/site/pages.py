"""Writes the pages of the site, by the templates in templates/."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from covidseg.files import write_text
from covidseg.paper import palette
from covidseg.site.file_names import safe_name

# A browser loads only the site's own files: nothing from a network, and no script from a name in the data.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
# load.js unpacks Plotly into a script at an address blob:, which only a script of the site can make. Plotly
# sets styles in the page. A style cannot load anything from the network either.
PLOTLY_POLICY = POLICY.replace("script-src 'self'", "script-src 'self' blob:").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)
# Source -> path of its marker, around the point 0, 0; "other" for a source that the palette lacks.
SHAPES = {
    "none": "M-5-1h10v2h-10z",
    "msd": "M0-4.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9z",
    "structseg": "M0-5 5 4H-5z",
    "nsclc": "M-4-4h8v8h-8z",
    "multi": "M0-5.7 5.7 0 0 5.7-5.7 0z",
    "multi2": "M-1.8-5.2h3.6v3.4h3.4v3.6h-3.4v3.4h-3.6v-3.4h-3.4v-3.6h3.4z",
    "other": "M0-5.7 1.4-1.8 5.4-1.8 2.2.7 3.4 4.6 0 2.2-3.4 4.6-2.2.7-5.4-1.8-1.4-1.8z",
}
# File in the site -> name in the navigation; a page may stand below one of these.
NAVIGATION = {
    "index.html": "Claims",
    "papers/index.html": "Papers",
    "data/index.html": "Data",
    "cases/index.html": "Cases",
    "trainings/index.html": "Trainings",
    "docs/index.html": "Guide",
    "choices.html": "What is ours",
    "errata.html": "Errata",
    "provenance.html": "Provenance",
}


@dataclass(frozen=True)
class Site:
    """What all pages of a site share.

    Attributes:
        folder: of the site, results/report.
        configuration: name of the configuration.
        phantom: whether any data are phantoms.
    """

    folder: Path
    configuration: str
    phantom: bool

    def write(self, page: str, template: str, *, title: str, plotly: bool = False, **values: object) -> None:
        """Write one page.

        Args:
            page: path of the page below the site's folder, such as papers/wang2021.html.
            template: name of the file in templates/.
            title: of the page.
            plotly: whether the page draws with Plotly.
            values: for the template.
        """
        root = "../" * page.count("/")
        text = ENVIRONMENT.get_template(template).render(
            site=self,
            page=page,
            root=root,
            title=title,
            policy=PLOTLY_POLICY if plotly else POLICY,
            plotly=plotly,
            navigation=NAVIGATION,
            **values,
        )
        write_text(self.folder / page, text)


def signed(value: float, digits: int = 1) -> str:
    """Return a number with its sign (a true minus), and with more digits where rounding would give 0."""
    while digits < 3 and value and not float(f"{value:.{digits}f}"):
        digits += 1
    return f"{value:+.{digits}f}".replace("-", "−")


def number(value: float, digits: int = 3) -> str:
    """Return a number with a true minus sign."""
    return f"{value:.{digits}f}".replace("-", "−")


def is_known(value: float | None) -> bool:
    """Return whether there is a number: neither None nor NaN."""
    return value is not None and value == value


def place(value: float) -> float:
    """Return a position in a plot to 0.1, without the digit after the point where it is 0."""
    rounded = round(value, 1)
    return int(rounded) if rounded == int(rounded) else rounded


def polyline(points: list[tuple[float, float]]) -> str:
    """Return a line as the attribute d of a path, to 0.1: each step starts at the rounded point before."""
    tenths = [(round(10 * x), round(10 * y)) for x, y in points]
    steps = [(x - before_x, y - before_y) for (before_x, before_y), (x, y) in pairwise(tenths)]
    texts = [" ".join(f"{value / 10:g}" for value in step) for step in [*tenths[:1], *steps]]
    line = " ".join(texts[1:]).replace(" -", "-")
    return (f"M{texts[0]}" if texts else "") + (f"l{line}" if line else "")


def typeset(text: str) -> Markup:
    """Return a text with its losses, such as L_rc^G, as formulas."""
    formula = Markup(r"<i>L</i><sub>\1</sub><sup>\2</sup>")
    return Markup(re.sub(r"\bL_(\w+)\^(\w+)", formula, str(escape(text))))


def rounded(value: float) -> str:
    """Return a number to three significant digits, whole from 100 on: 0.0123, 4.33, 771, 12,300."""
    return (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}").replace("-", "−")


def palette_rules() -> Markup:
    """Return the palette as CSS: the class strategy-hybrid sets the variable --colour, light and dark."""
    kinds: dict[str, Mapping[str, palette.Colour]] = {
        "strategy": palette.STRATEGY_COLOURS,
        "source": palette.SOURCE_COLOURS,
        "system": palette.SYSTEM_COLOURS,
        "verdict": {name.replace(" ", "-"): c for name, c in palette.VERDICT_COLOURS.items()},
    }
    rules = [
        f".{kind}-{name} {{ --colour: light-dark({colour.light}, {colour.dark}); }}"
        for kind, colours in kinds.items()
        for name, colour in colours.items()
    ]
    return Markup("\n".join(rules))


ENVIRONMENT = Environment(
    loader=PackageLoader("covidseg.site"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.globals |= {"shapes": SHAPES}
ENVIRONMENT.filters |= {"typeset": typeset, "file_name": safe_name, "place": place, "polyline": polyline}
ENVIRONMENT.tests |= {"known": is_known}
ENVIRONMENT.filters |= {"signed": signed, "number": number, "rounded": rounded, "median": median}
