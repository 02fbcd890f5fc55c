"""How many jobs of each rule there are, counted by hand from the papers: the only place with such numbers.

Nothing here asks the configuration or the code; `papers.py` leaves additions to the papers out.
"""

FOLDS = 5

# --- The papers' configurations -----------------------------------------------------------------------------
# Pre-trained on MSD, StructSeg, NSCLC, the three together, and for zhang2021 on MSD and NSCLC together. All but the
# last are pre-trained once more, for continual learning, which needs a schedule that is not used up.
PRETRAININGS = 5 + 4
# From scratch; three strategies x four sources; Hybrid-encoder and Multi-encoder on the three together.
WANG = FOLDS * (1 + 3 * 4 + 2)
# Task 1 lungs, and lungs with infection (infection alone is wang2021's scratch); Task 2, two data sets with lungs
# once; Task 3, these two and the three data sets with lesions, with the COVID-19 cases.
MA = FOLDS * 2 + 2 + FOLDS * 5
# Task 2 with lesions: the models pre-trained on MSD, StructSeg and NSCLC are evaluated, and nothing is trained.
EVALUATED = 3
# zhang2021: the backbone; and with one relation and with both, for which cases of the source are trained on too.
BACKBONE = FOLDS
COLLABORATIVE = FOLDS * 2
# yang2021: four parts or fewer of its framework, VA-GAN, biomarker localisation, and a classifier.
WEAK_MODELS = 4 + 3
# The classifier gives two heat maps.
LOCALISERS = WEAK_MODELS - 1 + 2
# COVID-19-CT-Seg with infection, lungs, and both; MSD; StructSeg and NSCLC with lesions and with lungs; MosMed.
DATASETS = 3 + 1 + 2 + 2 + 1
# Scans and three kinds of masks of COVID-19-CT-Seg; MSD in one; StructSeg's tumours and organs at risk;
# effusions and thoracic cavities of NSCLC; MosMed's registry; the slices of yang2021's authors. NSCLC's CT is one
# a patient, MosMed's study and mask are two files.
ARCHIVES = 4 + 1 + 2 + 2 + 1 + 1
NSCLC_PATIENTS, MOSMED_STUDIES = 402, 50

ARTEFACTS = {
    "table": 2 * 3 + 2 + 7 + 1,  # wang2021 and wang2020, zhang2021, ma2021, the numbers of yang2021
    "violin": 4,  # all papers but yang2021
    "volumes": 4,
    "bland_altman": 4,
    "ranking": 5,  # all papers
    "visual": 2 * 2 + 1 + 2,  # two of both wang, Figure 3 of zhang2021, Figures 3 and 5 of ma2021
    "relations": 2,  # Figures 4 and 5 of zhang2021
    "count": 3,  # parameters of wang2021, wang2020 and zhang2021
    "examples": 1,  # Figure 1 of ma2021
    "describe": 1,  # its data sets
    "settings": 3,  # its Tables I to III
    "sizes": 1,  # Figure 1 of zhang2021
    "layers": 1,  # its Table I
    "architecture": 5,  # Figure 1 of both wang and yang2021, Figure 2 of zhang2021 and ma2021
    "strategies": 2,  # of both wang
    "localisation": 2,  # Figures 2 and 4 of yang2021
    "thresholds": 1,  # its Figure 3
    "claims": 5,  # all papers
}
PAPERS = 5
ONCE = (
    *("all", "licences", "errata", "collect", "collect_splits", "collect_trainings", "summarise"),
    *("site", "site_data", "site_case_index", "site_trainings", "site_docs"),
)


def papers(pretrainings: int, evaluated: int, trainings: int, datasets: int, archives: int) -> dict[str, int]:
    """Return jobs by rule; `trainings` are those of rule train: all but zhang2021's with relations."""
    scored = evaluated + trainings + COLLABORATIVE
    return {
        "download": archives,
        "ingest": datasets,
        "preprocess": datasets,
        "split": datasets,
        "pretrain": pretrainings,
        "train": trainings,
        "collaborative": COLLABORATIVE,
        "predict": scored,
        "score": scored,
        "slices": 1,  # of the authors' pictures
        "cut_slices": 1,  # of the volumes of COVID-19-CT-Seg
        "train_weak": WEAK_MODELS,
        "localise": 2 * LOCALISERS,  # on both
        "score_weak": LOCALISERS,
        **ARTEFACTS,
        "site_paper": PAPERS,
        "site_cases": datasets,  # some model is scored on every data set
        "site_slices": 2,
        **dict.fromkeys(ONCE, 1),
    }


PAPER = papers(
    PRETRAININGS, EVALUATED, WANG + BACKBONE + MA, DATASETS, ARCHIVES + NSCLC_PATIENTS + 2 * MOSMED_STUDIES
)
# Ten patients of NSCLC and six studies of MosMed.
PHANTOM = papers(PRETRAININGS, EVALUATED, WANG + BACKBONE + MA, DATASETS, ARCHIVES + 10 + 2 * 6)
# Without StructSeg, which is two data sets and two archives: one pre-training, whole and half-way, and one source of
# three strategies less; of Task 2 one training and one evaluation less; of Task 3 two data sets less.
PUBLIC = papers(
    PRETRAININGS - 2,
    EVALUATED - 1,
    WANG + BACKBONE + MA - FOLDS * 3 - (1 + FOLDS * 2),
    DATASETS - 2,
    PAPER["download"] - 2,
)
# Seconds per epoch of wang2021's Table 3 and wang2020's Table III, times the models with each.
SECONDS_PER_EPOCH = {
    # ma2021's are trained in the same way; zhang2021 does not time its backbone, which counts as the same.
    "scratch": (206, FOLDS + MA + BACKBONE),
    "continual": (199, FOLDS * 4),
    "body-finetune": (195, FOLDS * 4),
    "lesion-representations": (148, FOLDS * 4),
    "hybrid": (213, FOLDS),
    "multi-encoder": (206, FOLDS),
}

# --- The toy of toy_workflow.py -----------------------------------------------------------------------------
TOY_FOLDS = 2
# scratch, body-finetune-msd, task1-union, task3-msd.
TOY_TRAININGS = TOY_FOLDS * 4
# COVID-19-CT-Seg with infection and with both, MSD, MosMed.
TOY_DATASETS = 4
TOY = {
    # COVID-19-CT-Seg: the scans, infection, lungs (which show which way round a scan lies), both; MSD;
    # MosMed's registry, one study and its mask; yang2021's slices.
    "download": 4 + 1 + 3 + 1,
    "ingest": TOY_DATASETS,
    "preprocess": TOY_DATASETS,
    "split": TOY_DATASETS,
    "pretrain": 1,
    "train": TOY_TRAININGS,
    "predict": TOY_TRAININGS,
    "score": TOY_TRAININGS,
    "slices": 1,
    "cut_slices": 1,
    "train_weak": 2,  # weak-full and the classifier
    "localise": 2 * 2,  # by weak-full and by the classifier's activation, on two data sets
    "score_weak": 2,
    "table": 1 + 1 + 1,  # of wang2021, ma2021 and yang2021
    "violin": 1 + 1,  # of wang2021 and ma2021
    "volumes": 1,  # of ma2021
    "bland_altman": 1,
    "visual": 1 + 1,
    "count": 1,  # of wang2021
    "examples": 1,
    "describe": 1,
    "localisation": 1,
    "thresholds": 1,
    "claims": 1,  # of wang2021
    "site_paper": 3,  # wang2021, ma2021 and yang2021
    "site_cases": TOY_DATASETS,
    "site_slices": 2,
    **dict.fromkeys(ONCE, 1),
}
# From scores.csv alone.
TOY_FROM_SCORES = {"table": TOY["table"], "violin": TOY["violin"], "tables_and_violins": 1}
# With the data set of docs/data.md as another source of body-finetune: its archive and cases, one pre-training, and what
# is trained, predicted and scored from it; then whatever reads all scores.
TOY_WITH_A_DATA_SET = {
    **dict.fromkeys(("download", "ingest", "preprocess", "split", "pretrain"), 1),
    **dict.fromkeys(("train", "predict", "score"), TOY_FOLDS),
    **{
        rule: TOY[rule]
        for rule in ("table", "violin", "visual", "count", "volumes", "bland_altman", "claims")
    },
    **dict.fromkeys(("all", "licences", "collect", "collect_splits", "collect_trainings", "summarise"), 1),
}
