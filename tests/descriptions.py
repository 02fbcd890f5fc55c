"""What model.json says of made-up networks, as far as tables and drawings read it, and the networks themselves."""

import yaml

from conftest import ROOT
from covidseg.paper.layers import build_model


def configuration(name):
    return yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())


def counts(*, loaded=0, new=0, frozen=0):
    return {"trained": loaded + new - frozen, "frozen": frozen, "loaded": loaded, "new": new}


def described(architecture, patch, *, parameters=None, relations=None, sources=()):
    """What model.json says of a network, as far as tables and drawings read it."""
    return {
        "architecture": architecture,
        "plan": {"patch": list(patch)},
        "labels": {"1": "infection"},
        "lineage": {
            "options": {"relations": relations} if relations else {},
            "training_cases": ["covid20/a", "covid20/b"],
            "source_cases": list(sources),
        },
        "parameters": parameters or {},
        "device": "CPU",
        "versions": {},
        "weights_sha256": "",
    }


def of(name, design="concatenation", **further):
    sections = configuration(name)
    return build_model(
        described(
            {**sections["network"], "design": design, "reduction": 16}, sections["plan"]["patch"], **further
        )
    )
