# Image-level labels (yang2021): results/slices -> results/models -> results/heatmaps -> results/scores.


rule slices:
    input:
        archives=archive_files,
    output:
        images=directory("results/slices/{dataset}/images"),
        masks=directory("results/slices/{dataset}/masks"),
    log:
        "logs/slices/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(name for name in DATASETS if "slices" in DATASETS[name]),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(4000),
        runtime=rising(60),
    params:
        code=code("slices"),
        dataset=lambda wildcards: DATASETS[wildcards.dataset],
        size=config["weak"]["size"],
    message:
        "Read slices into {output.images}"
    script:
        "../scripts/slices.py"


rule cut_slices:
    input:
        cases="results/cases/{dataset}/cases.csv",
        images="results/cases/{dataset}/images",
        labels="results/cases/{dataset}/labels",
        lungs=lung_predictions,
    output:
        images=directory("results/slices/{dataset}/images"),
        masks=directory("results/slices/{dataset}/masks"),
    log:
        "logs/cut_slices/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(name for name in DATASETS if "slices" not in DATASETS[name]),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(8000),
        runtime=rising(60),
    params:
        code=code("cut_slices"),
        dataset=lambda wildcards: DATASETS[wildcards.dataset],
        lungs=lung_folder,
        slices=config["weak"]["volume_slices"],
        window=config["plan"]["window"],
        size=config["weak"]["size"],
        seed=config["seed"],
    message:
        "Cut slices into {output.images}"
    script:
        "../scripts/cut_slices.py"


rule train_weak:
    input:
        # No folder of masks: the labels are whole slices'.
        slices=lambda wildcards: f"results/slices/{WEAK_MODELS[wildcards.model].train}/images",
        classifier=of_classifier("model.safetensors"),
        classifier_description=of_classifier("model.json"),
    output:
        model="results/models/{model}/fold0/model.safetensors",
        description="results/models/{model}/fold0/model.json",
        log="results/models/{model}/fold0/log.csv",
    log:
        "logs/train_weak/{model}.log",
    wildcard_constraints:
        model=one_of(WEAK_MODELS),
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=rising(16000),
        runtime=DAY,
    params:
        code=lambda wildcards: code("train_weak", system_module(wildcards.model)),
        model=lambda wildcards: WEAK_MODELS[wildcards.model].to_json(),
        weak=config["weak"],
        seed=config["seed"],
        timed=config["timed"],
        # Not an output: a failed job's outputs are deleted, and this is what it goes on from.
        state="results/state/{model}/fold0",
    message:
        "Train {output.model}; epochs in {log}"
    script:
        "../scripts/train_weak.py"


rule localise:
    input:
        model=lambda wildcards: f"results/models/{LOCALISERS[wildcards.localiser].model}/fold0/model.safetensors",
        description=lambda wildcards: f"results/models/{LOCALISERS[wildcards.localiser].model}/fold0/model.json",
        slices="results/slices/{dataset}/images",
    output:
        directory("results/heatmaps/{localiser}/{dataset}"),
    log:
        "logs/localise/{localiser}/{dataset}.log",
    wildcard_constraints:
        localiser=one_of(LOCALISERS),
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=rising(8000),
        runtime=rising(60),
    params:
        code=lambda wildcards: code(
            "localise", system_module(LOCALISERS[wildcards.localiser].model)
        ),
        map=lambda wildcards: LOCALISERS[wildcards.localiser].map,
        device=config["weak"]["device"],
    message:
        "Localise lesions: {output}"
    script:
        "../scripts/localise.py"


rule score_weak:
    input:
        heatmaps=of_localiser("results/heatmaps/{localiser}/{dataset}"),
        images=of_localiser("results/slices/{dataset}/images"),
        masks=of_localiser("results/slices/{dataset}/masks"),
    output:
        scores="results/scores/{localiser}/fold0.csv",
        curves="results/curves/{localiser}.csv",
    log:
        "logs/score_weak/{localiser}.log",
    wildcard_constraints:
        localiser=one_of(LOCALISERS),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(4000),
        runtime=rising(30),
    params:
        code=code("score_weak"),
        localiser=lambda wildcards: LOCALISERS[wildcards.localiser].to_json(),
        threshold=config["weak"]["threshold"],
        threshold_range=config["weak"]["threshold_range"],
    message:
        "Score: {output.scores}"
    script:
        "../scripts/score_weak.py"


ruleorder: train_weak > train
ruleorder: score_weak > score
