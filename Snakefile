"""Five papers on segmenting COVID-19 lung infection in CT with few annotations.

snakemake                                   phantom data, on this machine
snakemake --configfile config/paper.yaml    the papers' data and settings
snakemake --configfile config/public.yaml   the same without the data that need a registration
"""

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")

BASE = Path(workflow.basedir)
sys.path.insert(0, str(BASE / "workflow" / "scripts"))

from covidseg.runs import internals

internals.read_strictly()

# Only one configuration is read: two merged ones would be a third that nobody wrote.
if not internals.chosen_files(workflow):

    configfile: "config/config.yaml"


report: "workflow/report/front.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/by_wildcards.smk"
include: "workflow/rules/run.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/weak.smk"
include: "workflow/rules/paper.smk"
include: "workflow/rules/site.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/segment.smk"
include: "workflow/rules/workload.smk"
include: "workflow/rules/progress.smk"
include: "workflow/rules/rehearse.smk"
include: "workflow/rules/stages.smk"


localrules:
    all,
    collect,
    collect_splits,
    collect_trainings,
    download,
    errata,
    evaluated,
    export_nnunet,
    fetched,
    ingested,
    licences,
    preprocessed,
    printed,
    progress,
    split,
    summarise,
    tables_and_violins,
    trained,
    workload,


rule all:
    """Make every table and figure of the papers, and all that they need."""
    default_target: True
    input:
        in_use.artefact_files(ARTEFACTS),
        "results/paper/licences.md",
        "results/paper/errata.html",
        "results/splits.json",
        "results/scores.csv",
        "results/metrics",
        "results/trainings.csv",
        "results/report/index.html",
        report(
            provenance_page(),
            caption="workflow/report/provenance.rst",
            category="Provenance",
            labels={"Result": "Provenance of the last run"},
        ),
        report(
            site_folder(),
            caption="workflow/report/site.rst",
            category="Site",
            labels={"Result": "Site of the results"},
            htmlindex="index.html",
        ),
    message:
        REACHED


rule tables_and_violins:
    """Make the tables and the violins of the papers only."""
    input:
        in_use.artefact_files(ARTEFACTS, "table", "violin"),
    message:
        REACHED


onstart:
    print_jobs()
    if makes_results():
        begin()
    internals.lift_rate_limit(workflow)
    fork_jobs()


onsuccess:
    if makes_results():
        clean_up()
        write_provenance()
        say_again()
        print(where_results_are())


onerror:
    say_again()
