"""Write the model cards of a release (data, licences, scores, plan, limits, use) and its first page."""

import pandas as pd
from jinja2 import Environment

from covidseg.config.configuration import Configuration
from covidseg.config.strict_yaml import read_yaml
from covidseg.paper.cells import true_minus
from covidseg.paper.markdown import escape
from covidseg.runs.card_text import CARD, FRONT
from covidseg.runs.licence_terms import summarise_terms, terms_of
from covidseg.runs.released import UNKNOWN, Released, Run, licences_of
from covidseg.segment.ensemble import KNOWN_SCHEME
from covidseg.site.citations import Citation

PAGES = Environment(trim_blocks=True, lstrip_blocks=True)
METRICS = {  # metric -> heading
    **{metric: metric for metric in ("DSC", "NSD", "Sensitivity", "Precision")},
    "volume_error_absolute_mL": "Absolute error of the volume, mL",
}
FEW = 10  # patients


def write_card(released: Released, run: Run) -> str:
    """Return the text of a model card, as Markdown."""
    config, method = run.config, released.method
    sections, commit = config.sections, run.provenance["commit"]
    data = [config.datasets[name] for name in released.datasets]
    cited = dict.fromkeys(entry["citation"] for entry in data if "citation" in entry)
    count = len(released.folds)
    return PAGES.from_string(CARD).render(
        name=released.name,
        phantom=_phantom(released, config),
        regions=escape(_regions(released)),
        strategy=escape(method["strategy_title"]),
        source="" if method["source"] == "none" else f", source {escape(method['source_title'])}",
        folds=f"{count} networks, one per fold" if count > 1 else "one network",
        several=count > 1,
        scored=not released.scores.empty,
        configuration=sections["name"],
        real=list(map(escape, summarise_terms(licences_of(released, config, phantom=False)))),
        imagined=list(map(escape, summarise_terms(licences_of(released, config, phantom=True)))),
        data=_data(released, config),
        tested=_tested(released, config),
        scores=_scores(released),
        confidence=f"{sections['evaluation']['confidence']:.0%}",
        plan=_plan(released),
        limits=_limits(released),
        citations=[escape(_cite(run.papers[method["paper"]])), *map(escape, cited)],
        version=read_yaml(run.project)["version"],
        commit=f"commit {commit['id'][:12]}" if commit["id"] else escape(commit["remark"]),
    )


def write_front(run: Run) -> str:
    """Return the text of the first page of a release, as Markdown."""
    return PAGES.from_string(FRONT).render(
        phantom=any(_phantom(one, run.config) for one in run.models),
        models=[{"name": one.name, "regions": escape(_regions(one))} for one in run.models],
        terms=list(map(escape, run.terms)),
    )


def _cite(citation: Citation) -> str:
    return f"{', '.join(citation.authors)}: {citation.title}, {citation.year}. {citation.url}"


def _phantom(released: Released, config: Configuration) -> str:
    """Return what is said of a model that has learned from phantoms; "" for a model of real data alone."""
    real = [config.datasets[name]["title"] for name in released.datasets if not config.is_phantom(name)]
    if len(real) == len(released.datasets):
        return ""
    others = f" and on {'; '.join(map(escape, real))}" if real else ""
    return f"a small network, trained on synthetic CT{others}."


def _regions(released: Released) -> str:
    names = [name.replace("_", " ") for name in released.folds[0].labels.values()]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _data(released: Released, config: Configuration) -> str:
    rows = []
    for (name, role), cases in released.uses.items():
        entry = config.datasets[name]
        rows.append(
            {
                "Data set": escape(entry["title"]),
                "Used for": role,
                "Cases": str(cases),
                "Data": "phantoms, generated" if config.is_phantom(name) else "real",
                "Licence": escape(entry["licence"]),
                "Terms": ", ".join(terms_of(entry["licence"])) or "none",
                "Home": entry["homepage"],
            }
        )
    unknown = dict.fromkeys(rows[0], "unknown") | {
        "Used for": "pre-training",
        "Licence": UNKNOWN,
        "Terms": "ask",
    }
    rows += [unknown | {"Data set": f"the data of {name}"} for name in released.elsewhere]
    return _table(rows)


def _tested(released: Released, config: Configuration) -> str:
    names = dict.fromkeys(released.scores["dataset"])
    if not names:
        return "The model was tested on no data."
    return f"Tested on: {'; '.join(escape(config.datasets[name]['title']) for name in names)}."


def _scores(released: Released) -> str:
    rows = released.scores[released.scores["metric"].isin(METRICS)]
    if rows.empty:
        return "None: no experiment scores this model."
    return _table(
        [
            {
                "Data set": row["dataset"],
                "Split": escape(row["split"]),
                "Region": row["region"].replace("_", " "),
                "Metric": METRICS[row["metric"]],
                "Mean": _number(row["value"]),
                "Interval": f"{_number(row['low'])} to {_number(row['high'])}",
                "Patients": str(row["patients"]),
            }
            for row in rows.to_dict("records")
        ]
    )


def _number(value: float) -> str:
    return "–" if pd.isna(value) else true_minus(f"{value:.3f}")


def _plan(released: Released) -> str:
    first = released.folds[0]
    z, y, x = first.plan["spacing"]
    low, high = first.normalisation["window_hu"]
    options = ", ".join(f"{key} {value}" for key, value in first.lineage["options"].items())
    size = sum(counts["trained"] + counts["frozen"] for counts in first.parameters.values())
    rows = {
        "Spacing (z, y, x)": f"{z:g} × {y:g} × {x:g} mm",
        "Patch (z, y, x)": f"{' × '.join(map(str, first.plan['patch']))} voxels",
        "Window": true_minus(f"{low:g} to {high:g} HU"),
        "Normalisation": escape(first.normalisation["scheme"]),
        "Network": f"{first.architecture['design']}, features {first.architecture['features']}",
        "Parameters": f"{size:,}" if size else "not counted",
        "Strategy": f"{first.lineage['strategy']}{f' ({escape(options)})' if options else ''}",
        "Epochs": str(first.schedule["epochs"]),
        "Starts from": first.lineage["pretrained"]["experiment"] if first.lineage["pretrained"] else "random",
        "Output channels": ", ".join(f"{number} {name}" for number, name in first.labels.items()),
        "Trained on": first.device,
    }
    return _table([{"What": key, "Value": value} for key, value in rows.items()])


def _limits(released: Released) -> list[str]:
    cases = sum(number for (_, role), number in released.uses.items() if role == "training")
    found = [
        f"It has learned from {cases} cases of the data sets above. Nothing is known of other scanners, "
        "protocols, patients and diseases; children and contrast agent may be among these.",
        "It marks what looks like the marked voxels of its training data, whatever the cause.",
        "Scans with a spacing far from the plan's are resampled, and are segmented worse.",
    ]
    scheme = released.folds[0].normalisation["scheme"]
    if not scheme.startswith(KNOWN_SCHEME):
        found.append(f"`covidseg segment` does not take this model: its normalisation is {escape(scheme)}.")
    if not released.scores.empty and released.scores["patients"].max() < FEW:
        found.append(f"Fewer than {FEW} patients were tested: the intervals are rough.")
    return found


def _table(rows: list[dict[str, str]]) -> str:
    # Without disable_numparse the text 0.10 would be printed as the number 0.1.
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
