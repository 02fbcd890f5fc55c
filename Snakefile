"""Five papers on segmenting COVID-19 lung infection in CT with few annotations.

snakemake                                   phantom data, on this machine
snakemake --configfile config/paper.yaml    the papers' data and settings
snakemake --configfile config/public.yaml   the same without the data that need a registration
"""

from snakemake.utils import min_version

min_version("9.0")

# Only one configuration: two merged into each other would be a third that nobody wrote.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/shown.smk"
include: "workflow/rules/run.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/weak.smk"
include: "workflow/rules/paper.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/workload.smk"
include: "workflow/rules/stages.smk"


localrules:
    all,
    collect,
    collect_splits,
    download,
    errata,
    evaluated,
    export_nnunet,
    fetched,
    ingested,
    licences,
    preprocessed,
    split,
    summarise,
    tables_and_violins,
    trained,
    workload,


rule all:
    default_target: True
    input:
        artefact_files(),
        "results/paper/licences.md",
        "results/paper/errata.html",
        "results/splits.json",
        "results/scores.csv",
        "results/metrics.json",
        report(
            provenance_page(),
            caption="workflow/report/provenance.rst",
            category="Provenance",
        ),


rule tables_and_violins:
    input:
        artefact_files("table", "violin"),


onstart:
    if not only_workload():
        claim_results()
        tell_licences()
        settle_leftovers()
    lift_rate_limit()


onsuccess:
    if not only_workload():
        forget_finished_trainings()
        write_provenance()
        print(where_results_are())
