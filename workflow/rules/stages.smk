# The pipeline in six parts; the last one, the site, is rule all. dvc.yaml calls the parts by these names.


rule fetched:
    input:
        expand("data/raw/{path}", path=in_use.archives(CONFIG)),


rule ingested:
    input:
        expand(
            "results/cases/{dataset}/{part}",
            dataset=in_use.datasets(CONFIG),
            part=["images", "labels", "cases.csv"],
        ),


rule preprocessed:
    input:
        expand("results/preprocessed/{dataset}", dataset=in_use.datasets(CONFIG)),
        expand(
            "results/slices/{dataset}/images", dataset=in_use.sliced_datasets(CONFIG)
        ),
        "results/splits.json",


rule trained:
    input:
        expand("results/models/{name}/model.safetensors", name=in_use.models(CONFIG)),


rule evaluated:
    input:
        "results/scores.csv",
        "results/metrics.json",


rule printed:
    input:
        in_use.artefact_files(ARTEFACTS),
        "results/paper/licences.md",
        "results/paper/errata.html",
