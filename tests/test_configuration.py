"""The configuration is refused as a whole or not at all, and says what would be right."""

import re

import pytest
import yaml

from conftest import ROOT, refused_in_one_line
from covidseg.cases.splits import first_cases
from covidseg.config.loading import load_configuration
from covidseg.config.remarks import find_remarks
from covidseg.errors import InputError

SHEETS = ("datasets", "experiments", "artefacts", "claims")
STACK = {"archive": "msd/Task06_Lung.tar", "member": "{case}/*.png", "format": "slices"}


def read(name, folder=ROOT / "config"):
    return yaml.safe_load((folder / f"{name}.yaml").read_text())


def load(sections):
    return load_configuration(sections, "config/config.yaml", ROOT / "config")


@pytest.mark.parametrize("name", ["config", "paper"])
def test_both_configurations_are_valid(name):
    config = load(read(name))
    assert config.sections["name"] == ("phantom" if name == "config" else "paper")


def test_both_configurations_have_the_same_keys():
    def keys(content, prefix=""):
        if not isinstance(content, dict):
            return {prefix}
        return {key for name, value in content.items() for key in keys(value, f"{prefix}.{name}")}

    default, paper = read("config"), read("paper")
    del default["phantom"], paper["phantom"]
    assert keys(default) == keys(paper)


def test_every_setting_of_the_paper_has_a_reason():
    """Each line with a value carries a comment, or stands below a line that does."""
    commented, previous = False, ""
    for line in (ROOT / "config" / "paper.yaml").read_text().splitlines():
        if not line.startswith("  "):
            commented = "#" in line
        if re.match(r"\s+\w+: \S", line):
            assert commented or "#" in line or previous.strip().startswith("#"), line
        previous = line


def set_key(path, value):
    def change(sections):
        *parents, last = path.split(".")
        for parent in parents:
            sections = sections[parent]
        sections[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_key("training.epochz", 3), r"training: unknown key 'epochz'; allowed: epochs, iterations"),
        (set_key("trainings", {}), r"top level: unknown key 'trainings'; allowed: name, seed"),
        (set_key("training.epochs", "many"), r"training\.epochs: 'many' is not of type integer"),
        (set_key("training.epochs", 0), r"training\.epochs: 0 is less than the minimum of 1"),
        (set_key("training.weight_decay", "1e-3"), r"training\.weight_decay: '1e-3' .*write 0\.001"),
        (set_key("training.precision", "fp16"), r"precision: 'fp16'; allowed: auto, float32, bfloat16"),
        (set_key("training.device", "gpu"), r"device: 'gpu'; allowed: auto, cpu, cuda"),
        (set_key("augmentation.blur.probability", 1.5), r"augmentation\.blur\.probability: 1\.5 is greater"),
        (
            set_key("plan.target", "covid19"),
            r"plan\.target: unknown data set 'covid19'; allowed: covid20, covid20-lung",
        ),
        (set_key("plan.patch", [8, 32, 33]), r"plan\.patch: 33 on axis x; .*multiple of 4"),
        (set_key("plan.spacing", [1, 2]), r"plan\.spacing: \[1, 2\]"),
        (set_key("plan.spacing", [1, 2, 0]), r"plan\.spacing"),
        (set_key("plan.window", [250, -1250]), r"plan\.window: \[250, -1250\] HU; the first must be below"),
        (set_key("network.features", [8, 16]), r"network: these differ in number of stages"),
        (set_key("phantom.cases.lidc", 3), r"phantom\.cases: unknown data set 'lidc'; allowed: covid20"),
        (
            set_key("evaluation.tolerance_mm", {"lesion": 3}),
            r"table1\.panels: unknown region 'infection'; allowed: lesion",
        ),
        (set_key("without", "structseg"), r"without: 'structseg' is not of type array"),
        (
            set_key("without", ["strutseg"]),
            r"without: unknown data set 'strutseg'; allowed: covid20, .*structseg",
        ),
        (set_key("without", ["covid20"]), r"without: covid20 is plan\.target"),
        (lambda sections: sections.pop("seed"), r"top level: 'seed' is a required property"),
        (
            set_key("weak.lungs", "scratch"),
            r"weak\.lungs: unknown segmentation of lungs 'scratch'; allowed: truth, task2-",
        ),
        (set_key("weak.variant", "mine"), r"weak\.variant: .*'mine'.*; allowed: paper, code"),
        (set_key("weak.size", 0), r"weak\.size: 0 is less than the minimum of"),
        (
            set_key("weak.classifier.features", [4, 8, 16, 32]),
            r"weak\.classifier\.features\.0: 4 is less than the minimum of 8",
        ),
        (
            set_key("weak.variants.paper.map", "sum"),
            r"weak\.variants\.paper\.map: 'sum'; allowed: decoder, rescaled, difference",
        ),
    ],
)
def test_a_wrong_setting_is_refused_with_file_key_and_remedy(sections, change, message):
    change(sections)
    with refused_in_one_line(message) as raised:
        load(sections)
    assert str(raised.value).startswith("config/config.yaml: ") or "artefacts.yaml" in str(raised.value)


@pytest.mark.parametrize(
    ("section", "old", "advice"),
    [
        ("weak", "setting", "is now 'variant'; rename it"),
        ("weak", "settings", "is now 'variants'; rename it"),
        (
            "augmentation.noise",
            "variance",
            "is now 'sigma', a standard deviation; nnU-Net's range is [0, 0.1]",
        ),
        (
            "training",
            "pretraining_schedule",
            "is no longer used; remove it (a strategy knows which pre-trained model it starts from)",
        ),
    ],
)
def test_a_former_key_is_refused_with_what_to_do(sections, section, old, advice):
    set_key(f"{section}.{old}", [0, 0.1])(sections)
    with pytest.raises(InputError) as raised:
        load(sections)
    assert str(raised.value) == f"config/config.yaml: {section}: '{old}' {advice}"


@pytest.mark.parametrize(
    ("sheet", "change", "message"),
    [
        ("datasets", set_key("msd.titel", "x"), r"datasets\.yaml: msd: unknown key 'titel'; allowed: title"),
        ("datasets", set_key("msd.split", "Task9"), r"msd\.split: unknown split 'Task9'; allowed: random, train, test, a \.json or \.csv file of folds, Task1"),
        ("datasets", set_key("msd.images.archive", "msd/x.tar"), r"msd\.images\.archive: unknown msd/x\.tar; allowed: msd/Task06"),
        ("datasets", set_key("msd.images.format", "png"), r"format: 'png'; allowed: nifti, dicom"),
        ("datasets", set_key("msd.images.spacing", [5, 1, 1]), r"msd\.images: unknown key 'spacing'; allowed: archive, member, format"),
        ("datasets", set_key("msd.labels.format", "slices"), r"msd\.labels\.format: 'slices'; allowed: nifti, rtstruct"),
        ("datasets", set_key("msd.images", STACK | {"spacing": [5, 1, 1]}), r"msd\.labels\.format: 'nifti'; allowed: slices"),
        ("datasets", set_key("msd.images", STACK), r"msd\.images: 'spacing' is a required property"),
        ("datasets", set_key("msd.images", STACK | {"spacing": [0, 1, 1]}), r"msd\.images\.spacing\.0: 0 is less than or equal to the minimum of 0"),
        ("datasets", set_key("msd.images", STACK | {"spacing": [1, 1]}), r"msd\.images\.spacing: \[1, 1\] is too short"),
        ("datasets", set_key("msd.images", STACK | {"spacing": [5, 1, 1], "member": "*/{case}.png"}), r"msd\.images\.member: '\*/\{case\}\.png'; expected"),
        ("datasets", set_key("msd.labels.map", {0: 0, 1: 2}), r"msd\.labels\.map gives ids \[2\], regions has \[1\]"),
        ("datasets", set_key("msd.regions", {1: "tumour"}), r"'tumour'; allowed: infection, lesion"),
        ("datasets", set_key("msd.archives", {}), r"msd\.images\.archive: unknown msd/Task06_Lung\.tar; allowed: covid20/COVID"),
        ("datasets", lambda sheet: sheet["covid20-lung"].pop("sides"), r"covid20-lung: 'sides' is a dependency of 'lungs'"),
        ("datasets", lambda sheet: [sheet["covid20-lung"].pop(key) for key in ("sides", "lungs")], r"covid20-lung: has left and right lung; lungs and sides are needed"),
        ("datasets", set_key("covid20.sides", {"*": "me"}), r"covid20\.sides\.\*: 'me'; allowed: header, labels, refuse"),
        ("experiments", set_key("experiments.scratch.strategy", "scrach"), r"experiments\.scratch\.strategy: unknown strategy 'scrach'; allowed: scratch, continual"),
        ("experiments", set_key("experiments.scratch.strategy", "pretrain"), r"experiments\.scratch\.strategy: unknown strategy 'pretrain'; allowed: scratch, continual"),
        ("experiments", set_key("experiments.scratch.train", ["covid"]), r"scratch\.train: unknown data set 'covid'; allowed: covid20"),
        ("experiments", set_key("experiments.scratch.sources", ["msd"]), r"strategy scratch starts from nothing and takes no sources; remove the key"),
        ("experiments", lambda sheet: sheet["experiments"]["body-finetune"].pop("sources"), r"strategy body-finetune needs sources; allowed: msd, structseg"),
        ("experiments", set_key("experiments.body-finetune.sources", ["lidc"]), r"body-finetune\.sources: unknown source 'lidc'; allowed: msd"),
        ("experiments", set_key("experiments.scratch.evaluate", {"covid20": "my test"}), r"scratch\.evaluate\.covid20: 'my test'; expected"),
        ("experiments", set_key("experiments.scratch.options", {"decoder": "new"}), r"scratch\.options: unknown option 'decoder'; expected: none"),
        ("experiments", set_key("experiments.hybrid.options", {"decoder": "new"}), r"hybrid\.options: missing option 'reduction'; expected: decoder, reduction"),
        ("experiments", set_key("experiments.hybrid.options.decoder", "old"), r"options\.decoder: unknown value 'old'; allowed: new, pretrained"),
        ("experiments", set_key("experiments.hybrid.options.reduction", 0), r"options\.reduction: 0; expected a positive int"),
        ("experiments", set_key("experiments.collaborative-rc-g.options.lambda_target", "1"), r"options\.lambda_target: '1'; expected a positive float"),
        ("experiments", set_key("experiments.collaborative-rc-g.options.weight", 1.0), r"unknown option 'weight'; expected: relations, general_encoder, lambda_general, "),
        ("experiments", set_key("sources.multi.lesions", "both"), r"multi\.lesions: 'both'; allowed: union, classes, heads"),
        ("experiments", set_key("sources.multi", {"paper": "wang2021", "title": "M", "datasets": ["msd", "nsclc"], "lesions": "classes", "evaluate": {"msd": "in_domain"}}), r"multi\.evaluate: .*; must be \{\} with lesions: classes"),
        ("experiments", set_key("sources.msd.lesions", "heads"), r"task2-msd\.evaluate: .*; must be \{\} with lesions: heads"),
        ("experiments", set_key("sources.multi", {"paper": "wang2021", "title": "M", "datasets": ["msd", "nsclc"], "lesions": "heads", "evaluate": {"msd": "in_domain"}}), r"multi\.evaluate: .*; must be \{\} with lesions: heads"),
        ("experiments", set_key("experiments.task3-msd.lesions", "heads"), r"task3-msd\.lesions: 'heads'; allowed: union, classes"),
        ("experiments", lambda sheet: sheet["experiments"]["task3-msd"].pop("lesions"), r"task3-msd\.lesions: needed where several data sets are trained on"),
        ("experiments", set_key("experiments.scratch.lesions", "union"), r"scratch\.lesions: needed where several data sets are trained on, and only there"),
        ("experiments", set_key("experiments.task3-msd.source", "lidc"), r"task3-msd\.source: unknown source 'lidc'; allowed: msd"),
        ("experiments", set_key("experiments.task2-msd.model", "msd"), r"task2-msd\.model: unknown pre-trained model 'msd'; allowed: pretrain-msd, pretrain-structseg"),
        ("experiments", set_key("experiments.task2-msd.model", "pretrain-msd-halfway"), r"task2-msd\.model: unknown pre-trained model 'pretrain-msd-halfway'"),
        ("experiments", set_key("experiments.task2-msd.train", ["nsclc"]), r"task2-msd\.train: beside model, whose training decides it; remove one of the keys"),
        ("experiments", set_key("experiments.task2-msd.source", "nsclc"), r"task2-msd\.source: beside model"),
        ("experiments", set_key("experiments.task2-msd.evaluate", {"covid20-lung": "test"}), r"task2-msd\.evaluate: the model knows no left_lung, right_lung, all that covid20-lung labels"),
        ("experiments", lambda sheet: sheet["experiments"]["task2-msd"].pop("model"), r"task2-msd: 'strategy' is a required property; or .*'model' is a required property"),
        ("experiments", set_key("experiments.continual.options", {"head": "old"}), r"continual\.options\.head: unknown value 'old'; allowed: auto, pretrained, new"),
        ("experiments", lambda sheet: sheet["experiments"]["continual"].pop("options"), r"continual\.options: missing option 'head'; expected: head"),
        ("experiments", set_key("experiments.body-finetune.source", "msd"), r"body-finetune\.source: 'msd' beside sources; remove one"),
        ("experiments", set_key("experiments.task1-lung.evaluate", {"covid20": "test"}), r"task1-lung\.evaluate: covid20 has the scans of covid20-lung, which it is trained on"),
        ("experiments", set_key("experiments.task1-lung.evaluate", {"mosmed": "mosmed"}), r"task1-lung\.evaluate: the model knows no infection, all that mosmed labels"),
        ("experiments", set_key("experiments.scratch.evaluate", {"covid20": "test", "mosmed": "test"}), r"scratch\.evaluate: covid20 and mosmed both have infection at split test; their scores would be pooled"),
        ("experiments", set_key("experiments.task3-msd.train", ["msd", "covid20-union"]), r"task3-msd: regions differ: msd lesion, covid20-union left_lung, lesion, right_lung; train on them apart"),
        ("experiments", set_key("experiments.scratch.folds", 0), r"folds: 0 is less than"),
        ("experiments", set_key("experiments.pretrain-msd", {"paper": "ma2021", "strategy": "scratch", "train": ["msd"], "folds": 1, "evaluate": {}}), r"a second experiment named pretrain-msd"),
        ("datasets", set_key("msd.regions", {1: "lesion", 2: "infection"}), r"labels\.map gives ids \[1\], regions has \[1, 2\]"),
        ("artefacts", set_key("wang2021.table1.rows", {"x": "scratchy"}), r"table1\.rows: unknown experiment 'scratchy'; allowed: .*body-finetune"),
        ("artefacts", set_key("wang2021.table1.metrics", ["Dice"]), r"'Dice'; allowed: DSC, NSD"),
        ("artefacts", set_key("wang2021.table1.colour", "red"), r"table1: unknown key 'colour'"),
        ("artefacts", set_key("wang2021.table2.folds", "mean"), r"table2\.folds: 'mean'; allowed: each, average"),
        ("artefacts", set_key("wang2021.violin.metrics", ["time"]), r"violin\.metrics.*'time'; allowed: DSC"),
        ("artefacts", set_key("wang2021.figure2.columns", {"x": "scratchy"}), r"figure2\.columns: unknown experiment 'scratchy'; allowed: .*body-finetune"),
        ("artefacts", set_key("wang2021.figure2.columns", {"x": "body-finetune"}), r"figure2\.columns: x stands for several sources; name one experiment"),
        ("artefacts", set_key("wang2021.figure2.columns", {"x": "task1-lung"}), r"figure2\.columns: task1-lung segments none of infection at split test"),
        ("artefacts", set_key("wang2021.figure2.fold", 5), r"figure2\.fold: unknown fold of scratch '5'; allowed: 0, 1, 2, 3, 4"),
        ("artefacts", set_key("wang2021.figure2.truth", "covid"), r"figure2\.truth: unknown data set 'covid'; allowed: covid20"),
        ("artefacts", set_key("wang2021.figure2.regions", ["left_lung"]), r"figure2\.regions: unknown region of covid20 'left_lung'; allowed: infection"),
        ("artefacts", set_key("wang2021.figure2.cases", 0), r"figure2\.cases: 0 is less than"),
        ("artefacts", set_key("zhang2021.figure4.left", "general"), r"figure4\.left: 'general'; allowed: general_non_covid"),
        ("artefacts", set_key("zhang2021.figure4.experiment", "scratchy"), r"figure4\.experiment: unknown experiment 'scratchy'"),
        ("artefacts", set_key("ma2021.table4.across", "folds"), r"table4\.across: folds, with 3 panels; set it to panels"),
        ("artefacts", set_key("ma2021.table5.rows", {"x": "scratch"}), r"table5\.rows: x is scored in none of the panels \[\('left_lung', 'in_domain'\)"),
        ("artefacts", set_key("ma2021.table4.rows", {"x": ["scratch", "task1-union"]}), r"table4\.rows: x names two experiments that are scored in one panel"),
        ("artefacts", set_key("ma2021.table4.panels", [{"region": "left_lung", "split": "tset"}]), r"table4: unknown split of the scores 'tset'; allowed: test, mosmed"),
        ("artefacts", set_key("ma2021.figure1.datasets", {"x": ["covid"]}), r"figure1\.datasets: unknown data set 'covid'; allowed: covid20"),
        ("experiments", set_key("weak.train", "covid20"), r"weak\.train: covid20 has no slices; name a data set of slices"),
        ("experiments", set_key("weak.train", "covid"), r"weak\.train: unknown data set 'covid'; allowed: covid20"),
        ("experiments", set_key("weak.evaluate", {"covid20": "test_covid19_image_data_collection"}), r"weak\.evaluate: covid20 labels infection; lungs and infection are needed"),
        ("experiments", set_key("weak.models.classifier.system", "resnet"), r"weak\.models\.classifier\.system: unknown system 'resnet'; allowed: decomposition, va-gan"),
        ("experiments", set_key("weak.models.weak-full.options", {"critic": True}), r"weak\.models\.weak-full\.options: missing option"),
        ("experiments", set_key("weak.models.weak-full.options.critic", "yes"), r"weak-full\.options\.critic: unknown value 'yes'; allowed: True, False"),
        ("experiments", set_key("weak.models.weak-full.classifier", "classifier"), r"weak-full: system decomposition takes no classifier"),
        ("experiments", lambda sheet: sheet["weak"]["models"]["biomarker-localisation"].pop("classifier"), r"biomarker-localisation: system biomarker-localisation needs classifier"),
        ("experiments", set_key("weak.models.biomarker-localisation.classifier", "va-gan"), r"classifier: unknown classifier 'va-gan'; allowed: classifier"),
        ("experiments", set_key("weak.localisers.cam.model", "resnet"), r"weak\.localisers\.cam\.model: unknown model 'resnet'; allowed: weak-full"),
        ("experiments", set_key("weak.localisers.cam.map", "map"), r"weak\.localisers\.cam\.map: unknown map 'map'; allowed: cam, grad-cam"),
        ("artefacts", set_key("yang2021.figure2.localisers", {"x": "scratch"}), r"figure2\.localisers: unknown localiser at test_covid19_image_data_collection 'scratch'; allowed: weak-full"),
        ("artefacts", set_key("yang2021.figure2.segmented", ["ours"]), r"figure2\.segmented: unknown printed name 'ours'; allowed: CAM, Grad-CAM"),
        ("artefacts", set_key("yang2021.figure3.colour", "red"), r"figure3: unknown key 'colour'"),
        ("artefacts", set_key("yang2021.numbers.panels", [{"region": "lesion", "split": "test"}]), r"numbers\.rows: Decomposition is scored in none of the panels"),
        ("artefacts", set_key("wang2022", {}), r"unknown key 'wang2022'; allowed: wang2021, wang2020"),
    ],
)  # fmt: skip
def test_a_wrong_sheet_is_refused_with_file_key_and_remedy(
    sections, papers_sheets, tmp_path, sheet, change, message
):
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "schemas").symlink_to(ROOT / "config" / "schemas")
    (folder / "splits.json").symlink_to(ROOT / "config" / "splits.json")
    for name in SHEETS:
        (folder / f"{name}.yaml").symlink_to(papers_sheets / f"{name}.yaml")
    content = read(sheet, papers_sheets)
    change(content)
    (folder / f"{sheet}.yaml").unlink()
    (folder / f"{sheet}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(InputError, match=message) as raised:
        load_configuration(sections, "config/config.yaml", folder)
    assert f"{sheet}.yaml: " in str(raised.value)


def test_archives_of_a_data_set(config):
    assert config.archives("covid20") == [
        "covid20/COVID-19-CT-Seg_20cases.zip",
        "covid20/Infection_Mask.zip",
        "covid20/Lung_Mask.zip",
    ]
    assert config.archives("covid20-union")[-2:] == [
        "covid20/Lung_Mask.zip",
        "covid20/Lung_and_Infection_Mask.zip",
    ]
    assert len(config.archives("nsclc")) == config.sections["phantom"]["cases"]["nsclc"] + 1


def test_sources_of_the_papers_archives():
    assert load(read("config")).is_phantom("msd")
    paper = load(read("paper"))
    assert not paper.is_phantom("msd")
    msd = paper.origin("msd", "Task06_Lung.tar")
    assert (msd.addresses[0][:8], msd.checksums["bytes"]) == ("https://", 9163696640)
    mask = "Infection_Mask.zip"
    assert paper.origin("covid20", mask).record == "https://zenodo.org/api/records/3757476"
    scan = paper.origin("nsclc", "LUNG1-001.zip")
    assert scan.addresses == ["idc:nsclc_series.csv#LUNG1-001", "tcia:nsclc_series.csv#LUNG1-001"]
    study, mask = (paper.origin("mosmed", f"study_0304{kind}.nii.gz") for kind in ("", "_mask"))
    assert study.addresses[0].endswith("/studies/CT-1/study_0304.nii.gz")
    assert mask.addresses[0].endswith("/masks/study_0304_mask.nii.gz")
    assert study.checksums == {"git_blob": "3e4a038dad0cf31b1012f5508ff7ce6ffe235af1"}
    assert mask.checksums["sha256"].startswith("e0cc1c1cf0f24c")
    lungs = paper.origin("structseg", "Thoracic_OAR.zip")
    assert lungs.addresses == []
    scans, labels = lungs.members.items()
    assert (scans[0], labels[0]) == ("Thoracic_OAR/{case}/data.nii.gz", "Thoracic_OAR/{case}/label.nii.gz")
    slices = paper.origin("cc-ccii", "ct_lesion_seg.zip")
    assert slices.members == {"*image/{case}.jpg": None, "*mask/{case}.png": None}
    assert sorted(scans[1], key=int) == [str(number) for number in range(1, 51)]


def test_fifty_studies_of_mosmed_are_fetched_and_no_more():
    archives = load(read("paper")).archives("mosmed")
    assert len(archives) == 50 + 50 + 1
    assert {"mosmed/dataset_registry.csv", "mosmed/study_0255.nii.gz", "mosmed/study_0304_mask.nii.gz"} <= {
        *archives
    }


def test_every_archive_of_the_papers_has_a_checksum_or_is_recorded(papers_sheets):
    """Recorded at the first download: a mirror's registry, archives packed on demand or got by hand."""
    recorded = {"mosmed/dataset_registry.csv", "capepoint/", "nsclc/LUNG1", "structseg/", "covid-19-20/"}
    paper = load_configuration(read("paper"), "config/paper.yaml", papers_sheets)
    for name in paper.datasets:
        for path in paper.archives(name):
            origin = paper.origin(*path.split("/"))
            known = {"sha256", "md5", "git_blob"} & origin.checksums.keys()
            assert known or path.startswith(tuple(recorded)), path


def test_first_cases_keep_the_published_roles():
    single = [{"train": ["a", "b", "c", "d", "e"], "val": ["y", "z"]}]
    assert first_cases(single, 5) == ["a", "b", "c", "d", "y"]
    folds = [{"train": ["a", "b"], "val": ["c", "d"]}, {"train": ["c", "d"], "val": ["a", "b"]}]
    assert first_cases(folds, 4) == ["a", "b", "c", "d"]


def test_a_phantom_archive_holds_the_cases_of_all_its_data_sets(config, sections):
    sections["phantom"]["cases"] |= {"covid20-lung": 18, "nsclc-lung": ["LUNG1-001", "LUNG1-004"]}
    fewer = load(sections)
    lungs = fewer.phantom_cases("covid20", "Lung_Mask.zip")
    assert len(lungs["cases"]) == len(lungs["cohort"]) == 20, (
        "the infection's data set verifies its sides by them"
    )
    cavities = fewer.phantom_cases("nsclc", "PleThora-Thoracic_Cavities-June-2020.zip")
    assert cavities["cases"] == ["LUNG1-001", "LUNG1-004"]
    assert len(cavities["cohort"]) == 11
    assert "LUNG1-004" in fewer.phantom_cases("nsclc", "LUNG1-004.zip")["cases"]


def test_tables_tell_of_the_patient_who_trains_and_tests(config, sections):
    """And not where the data set is another, or the split is by patient."""
    (remark,) = find_remarks(config, config.artefacts["ma2021"]["table9"])
    assert "patient radiopaedia_10_85902 is in training and test of folds 2 and 4" in remark
    assert find_remarks(config, config.artefacts["wang2021"]["table1"]) == [remark]
    assert find_remarks(config, config.artefacts["ma2021"]["table6"]) == []
    sections["splits"] = "patient"
    assert find_remarks(load(sections), config.artefacts["ma2021"]["table9"]) == []
