# The pipeline in six parts; the last one, the site, is rule all. dvc.yaml calls the parts by these names.


rule fetched:
    """Fetch all archives."""
    input:
        expand("data/raw/{path}", path=in_use.archives(CONFIG)),
    message:
        REACHED


rule ingested:
    """Turn all archives into cases."""
    input:
        expand(
            "results/cases/{dataset}/{part}",
            dataset=in_use.datasets(CONFIG),
            part=["images", "labels", "cases.csv"],
        ),
    message:
        REACHED


rule preprocessed:
    """Prepare all cases, folds and slices for the trainings."""
    input:
        expand("results/preprocessed/{dataset}", dataset=in_use.datasets(CONFIG)),
        expand(
            "results/slices/{dataset}/images", dataset=in_use.sliced_datasets(CONFIG)
        ),
        "results/splits.json",
    message:
        REACHED


rule trained:
    """Train all models."""
    input:
        expand("results/models/{name}/model.safetensors", name=in_use.models(CONFIG)),
        "results/trainings.csv",
    message:
        REACHED


rule evaluated:
    """Score all models."""
    input:
        "results/scores.csv",
        "results/metrics",
    message:
        REACHED


rule printed:
    """Draw all tables and figures of the papers."""
    input:
        in_use.artefact_files(ARTEFACTS),
        "results/paper/licences.md",
        "results/paper/errata.html",
    message:
        REACHED
