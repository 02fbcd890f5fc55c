# The pipeline in five parts, by the names that dvc.yaml calls them by.


rule fetched:
    input:
        archives_in_use(),


rule ingested:
    input:
        expand(
            "results/cases/{dataset}/{part}",
            dataset=datasets_in_use(),
            part=["images", "labels", "cases.csv"],
        ),


rule preprocessed:
    input:
        expand("results/preprocessed/{dataset}", dataset=datasets_in_use()),
        "results/splits.json",
        slices_in_use(),


rule trained:
    input:
        model_files(),


rule evaluated:
    input:
        "results/scores.csv",
        "results/metrics.json",
