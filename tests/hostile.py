"""Names and tables that break a page which does not escape, or does not fit: the test data of every format."""

import pandas as pd

from covidseg.paper.cells import Cell

SCRIPT = "<img src=x onerror=alert(1)>"
SIGNS = r"""\ { } $ & # ^ _ % ~ < > | " ' ` [ ] * -- '' ,, ?` !` ± − – — × ≤ ≥ † ä ß Å ø ł é 中 Ω ¼ \input{x} %s"""
NAMES = [
    "Lesion & <b>body</b>",
    SCRIPT,
    SIGNS,
    "L_rc^G+L_rc^T",
    "| a | *b* | `c` |",
    "[link](javascript:alert(1))",
]
CELLS = [
    Cell("0.123 ± 0.456", "0.789 ± 0.012", "best"),
    Cell("0.1", "–", "second"),
    Cell("not run", "1800+"),
    Cell("−1660.6 ± 1388.1", "-1315.1 to 1968.1"),
    Cell("14.8 (0.0118 to 58.9)", "0.01 to 59"),
    Cell("–", "0.5†"),
]


def tables():
    """Return heading -> table: names, more columns than fit on a page, panels, long sentences, many rows."""
    wide = {f"Column {number} of many": CELLS for number in range(14)}
    panels = {("Left lung (test)", "DSC"): CELLS, ("Left lung (test)", "NSD"): CELLS, ("&_<i>", "DSC"): CELLS}
    sentence = "A model of several lesions & 100 % of <i>data</i> segments_worse. " * 5
    return {
        f"Wide {SCRIPT}": pd.DataFrame({"Method": NAMES, "Source": ["none"] * 6, **wide, "n": [19] * 6}),
        "Panels & more_": pd.DataFrame({("", "Method"): NAMES, **panels}),
        "Sentences": pd.DataFrame(
            {
                "Verdict": ["cannot be told (phantom)"] * 6,
                "Claim": [sentence] * 6,
                "Homepage": [f"https://www.example.org/{'a_long/path-of.words/' * 3}"] * 6,
                "Interval": ["-19.2 to -10.8"] * 6,
            }
        ),
        "Many rows": pd.DataFrame({"Case": [f"{SCRIPT} {number}" for number in range(120)], "n": range(120)}),
    }
