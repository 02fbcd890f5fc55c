# Image-level labels (yang2021): results/slices -> results/models -> results/heatmaps -> results/scores.

SLICES = [name for name, entry in CONFIG.datasets.items() if "slices" in entry]
VOLUMES = [name for name in CONFIG.datasets if name not in SLICES]
LUNGS = [
    f"results/predictions/{name}/fold0"
    for name in [config["weak"]["lungs"]]
    if name != "truth"
]


rule slices:
    """Take the slices of a data set that has slices only."""
    input:
        archives=archive_files,
    output:
        images=directory("results/slices/{dataset}/images"),
        masks=directory("results/slices/{dataset}/masks"),
    log:
        "logs/slices/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(SLICES),
    conda:
        environment("slices")
    resources:
        **asks(memory_mb=4000, minutes=60),
    params:
        code=code("slices"),
        dataset=keys("slices"),
        size=config["weak"]["size"],
        mask_level=CONFIG.weak_variant["mask_level"],
        counts=config["weak"]["slices"],
        seed=config["seed"],
    message:
        MESSAGE
    script:
        "../scripts/slices.py"


rule cut_slices:
    """Cut slices out of the volumes of a data set."""
    input:
        cases="results/cases/{dataset}/cases.csv",
        images="results/cases/{dataset}/images",
        labels="results/cases/{dataset}/labels",
        lungs=LUNGS,
    output:
        images=directory("results/slices/{dataset}/images"),
        masks=directory("results/slices/{dataset}/masks"),
    log:
        "logs/cut_slices/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(VOLUMES),
    conda:
        environment("cut_slices")
    resources:
        **asks(memory_mb=8000, minutes=60),
    params:
        code=code("cut_slices"),
        dataset=keys("regions", "intensity"),
        lungs=in_use.lung_folder(CONFIG),
        slices=config["weak"]["volume_slices"],
        window=config["plan"]["window"],
        size=config["weak"]["size"],
        seed=config["seed"],
    message:
        MESSAGE
    script:
        "../scripts/cut_slices.py"


rule train_weak:
    """Train one system that learns from image-level labels."""
    input:
        # No folder of masks: a label belongs to a whole slice.
        slices=expand("results/slices/{dataset}/images", dataset=slices_of),
        classifier=expand(ONE_MODEL, name=classifier_of),
    output:
        **trained("results/models/{model}/fold0"),
    log:
        "logs/train_weak/{model}.log",
    priority: LONG
    conda:
        environment("train_weak")
    threads: 1
    resources:
        **trains(memory_mb=system_memory),
    params:
        code=lambda wildcards: system_code("train_weak", wildcards.model),
        model=lambda wildcards: CONFIG.weak_models[wildcards.model].to_json(),
        weak=lambda wildcards: in_use.weak_parameters(CONFIG, wildcards.model),
        seed=config["seed"],
        timed=config["timed"],
        # Not an output: Snakemake deletes a failed job's outputs, and a training goes on from this folder.
        state="results/state/{model}/fold0",
    message:
        MESSAGE
    script:
        "../scripts/train_weak.py"


rule localise:
    """Draw the heat maps of a localiser for the slices of a data set."""
    input:
        model=expand(ONE_MODEL, name=model_of),
        slices="results/slices/{dataset}/images",
    output:
        directory("results/heatmaps/{localiser}/{dataset}"),
    log:
        "logs/localise/{localiser}/{dataset}.log",
    conda:
        environment("localise")
    threads: 1
    resources:
        **asks(memory_mb=MEMORY.host_mb("localise", ALL), minutes=60),
        gpu=1,
    params:
        code=lambda wildcards: system_code("localise", model_of(wildcards)),
        map=lambda wildcards: CONFIG.localisers[wildcards.localiser].map,
        device=config["weak"]["device"],
    message:
        MESSAGE
    script:
        "../scripts/localise.py"


rule score_weak:
    """Score the heat maps of a localiser."""
    input:
        heatmaps=expand(
            "results/heatmaps/{localiser}/{dataset}",
            dataset=localised_on,
            allow_missing=True,
        ),
        images=expand("results/slices/{dataset}/images", dataset=localised_on),
        masks=expand("results/slices/{dataset}/masks", dataset=localised_on),
    output:
        scores="results/scores/{localiser}/fold0.csv",
        curves="results/curves/{localiser}.csv",
        pixels="results/curves/{localiser}.npz",
    log:
        "logs/score_weak/{localiser}.log",
    conda:
        environment("score_weak")
    resources:
        **asks(memory_mb=4000, minutes=30),
    params:
        code=code("score_weak"),
        localiser=scored_localiser,
        patients=sliced_patients,
        threshold=CONFIG.weak_variant["threshold"],
        threshold_range=config["weak"]["threshold_range"],
    message:
        MESSAGE
    script:
        "../scripts/score_weak.py"


ruleorder: train_weak > train
ruleorder: score_weak > score
