# Results -> results/report: the site. One rule per part, so that a change draws only its own pages anew.

from covidseg.config import front_needs, site_needs

PARTS = [
    f"results/report/{part}"
    for part in (
        *(f"papers/{paper}" for paper in ARTEFACTS),
        *(f"cases/{name}" for name in site_needs.predicted_datasets(CONFIG)),
        *(f"slices/{name}" for name in in_use.sliced_datasets(CONFIG)),
        "data",
        "trainings",
    )
]


rule site_paper:
    """Draw the site's page of one paper."""
    input:
        unpack(lambda wildcards: site_needs.paper_inputs(CONFIG, wildcards.paper)),
        artefacts=lambda wildcards: artefacts_of(wildcards.paper),
        scores="results/scores.csv",
        citation=in_checkout("CITATION.cff"),
    output:
        directory("results/report/papers/{paper}"),
    log:
        "logs/site_paper/{paper}.log",
    conda:
        environment("site_part", "covidseg/site/paper_part")
    resources:
        **asks(memory_mb=2000, minutes=30),
    params:
        **site_part("paper_part", "papers/{paper}", site_needs.paper_parameters),
    message:
        MESSAGE
    script:
        "../scripts/site_part.py"


rule site_cases:
    """Draw the site's viewer of the cases of a data set."""
    input:
        predictions=lambda wildcards: site_needs.predictions(CONFIG, wildcards.dataset),
        images="results/cases/{dataset}/images",
        labels="results/cases/{dataset}/labels",
        cases="results/cases/{dataset}/cases.csv",
        scores="results/scores.csv",
    output:
        directory("results/report/cases/{dataset}"),
    log:
        "logs/site_cases/{dataset}.log",
    conda:
        environment("site_part", "covidseg/site/cases_part")
    resources:
        **asks(memory_mb=4000, minutes=120),
    params:
        **site_part("cases_part", "cases/{dataset}", site_needs.case_parameters),
    message:
        MESSAGE
    script:
        "../scripts/site_part.py"


rule site_case_index:
    """Draw the site's index of all predicted cases."""
    input:
        cases=expand(
            "results/cases/{dataset}/cases.csv",
            dataset=site_needs.predicted_datasets(CONFIG),
        ),
        scores="results/scores.csv",
    output:
        "results/report/cases/index.html",
        "results/report/cases/scores.js",
        "results/report/cases/search.json",
    log:
        "logs/site_case_index.log",
    conda:
        environment("site_part", "covidseg/site/case_index_part")
    resources:
        **asks(memory_mb=2000, minutes=10),
    params:
        **site_part("case_index_part", "cases", site_needs.case_index_parameters),
    message:
        MESSAGE
    script:
        "../scripts/site_part.py"


rule site_slices:
    """Draw the site's viewer of the slices of a data set."""
    input:
        slices="results/slices/{dataset}/images",
        masks="results/slices/{dataset}/masks",
        heatmaps=expand(
            "results/heatmaps/{localiser}/{{dataset}}", localiser=CONFIG.localisers
        ),
        scores="results/scores.csv",
    output:
        directory("results/report/slices/{dataset}"),
    log:
        "logs/site_slices/{dataset}.log",
    conda:
        environment("site_part", "covidseg/site/slices_part")
    resources:
        **asks(memory_mb=2000, minutes=30),
    params:
        **site_part("slices_part", "slices/{dataset}", site_needs.slice_parameters),
    message:
        MESSAGE
    script:
        "../scripts/site_part.py"


rule site_data:
    """Draw the site's page of data sets."""
    input:
        cases=expand(
            "results/cases/{dataset}/cases.csv", dataset=in_use.datasets(CONFIG)
        ),
        splits=expand("results/splits/{dataset}.json", dataset=in_use.datasets(CONFIG)),
        slices=expand(
            "results/slices/{dataset}/images", dataset=in_use.sliced_datasets(CONFIG)
        ),
    output:
        directory("results/report/data"),
    log:
        "logs/site_data.log",
    conda:
        environment("site_part", "covidseg/site/data_part")
    resources:
        **asks(memory_mb=1000, minutes=10),
    params:
        **site_part("data_part", "data", site_needs.data_parameters),
    message:
        MESSAGE
    script:
        "../scripts/site_part.py"


rule site_trainings:
    """Draw the site's page of trainings."""
    input:
        logs=expand("results/models/{name}/log.csv", name=in_use.models(CONFIG)),
        descriptions=expand(
            "results/models/{name}/model.json", name=in_use.models(CONFIG)
        ),
    output:
        directory("results/report/trainings"),
    log:
        "logs/site_trainings.log",
    conda:
        environment("site_part", "covidseg/site/trainings_part")
    resources:
        **asks(memory_mb=1000, minutes=10),
    params:
        **site_part("trainings_part", "trainings", site_needs.training_parameters),
    message:
        MESSAGE
    script:
        "../scripts/site_part.py"


rule site_docs:
    """Draw the site's guide from docs/."""
    input:
        pages=documents("*.md"),
        pictures=documents("*.png") + documents("*.svg"),
    output:
        directory("results/report/docs"),
    log:
        "logs/site_docs.log",
    conda:
        environment("site_part", "covidseg/site/docs_part")
    resources:
        **asks(memory_mb=1000, minutes=10),
    params:
        **site_part("docs_part", "docs", lambda config: {}),
    message:
        MESSAGE
    script:
        "../scripts/site_part.py"


rule site:
    """Draw the site's start and its other pages."""
    input:
        **front_needs.front_inputs(CONFIG),
        parts=PARTS,
        # It has a search index of its own, so that an edit of a page draws the guide alone.
        docs=ancient("results/report/docs"),
        case_index="results/report/cases/index.html",
        claims=in_use.artefact_files(ARTEFACTS, "claims"),
        misprints=local(str(FOLDER / "published_errata.md")),
    output:
        "results/report/index.html",
        "results/report/papers/index.html",
        "results/report/choices.html",
        "results/report/errata.html",
        directory("results/report/assets"),
        directory("results/report/front"),
    log:
        "logs/site.log",
    conda:
        environment("site_part", "covidseg/site/front")
    resources:
        **asks(memory_mb=1000, minutes=10),
    params:
        **site_part("front", "front", front_needs.front_parameters),
    message:
        MESSAGE
    script:
        "../scripts/site_part.py"
