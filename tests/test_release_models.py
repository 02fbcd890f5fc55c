"""`covidseg segment --model`: a release as a folder, an archive or an address; and all that is refused."""

import hashlib
import json
import shutil
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from conftest import SMALL_NETWORK, refused_in_one_line
from covidseg.device import Compute
from covidseg.regions import LUNGS
from covidseg.segment import command, ensemble
from covidseg.segment.models import INFECTION, find_model, find_models, load_models
from covidseg.segment.release import identity, write_sums
from covidseg.training.description import ANEW, ModelDescription
from covidseg.volumes import read_volume, write_volume
from faulty_host import status
from small_release import LABELS, release_of, write_fold, write_models, write_results
from test_segment import Bright, chest

PLAN = {"spacing": [6.0, 10.0, 10.0], "patch": [16, 32, 32]}
CPU = Compute(torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def original(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    return release_of(write_results(folder / "results"), folder / "release", config)


@pytest.fixture
def release(original, tmp_path):
    """A copy that a test may break."""
    return shutil.copytree(original, tmp_path / "release")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/covidseg"


def packed(folder, path, root="release/"):
    """Pack a release: a zip, or a tar if the name says so."""
    files = {
        root + file.relative_to(folder).as_posix(): file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, file in files.items():
                archive.write(file, name)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, file in files.items():
                archive.add(file, name)
    return path


def checksums(weights):
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in weights]


def models_of(release, name="scratch", folds=range(5)):
    return checksums([release / name / f"fold{fold}/model.safetensors" for fold in folds])


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


# What is taken


def test_a_folder_gives_its_best_model_and_the_lung_model_beside_it(release):
    infection, lungs = find_models(str(release), None, Path("nowhere"))
    assert checksums(infection.weights) == models_of(release)
    assert checksums(lungs.weights) == models_of(release, "task1-lung")
    assert infection.name == f"scratch of release {identity(release)}"
    first, second = load_models([infection, lungs], CPU)
    assert len(first.networks) == 5
    assert set(second.channels) == set(LUNGS)


def test_one_model_or_one_fold_of_a_release_has_the_lungs_of_that_release(release, monkeypatch):
    monkeypatch.chdir(release.parent)
    for given, folds in (
        ("scratch", range(5)),
        ("scratch/fold2", [2]),
        ("scratch/fold2/model.safetensors", [2]),
    ):
        infection, lungs = find_models(f"release/{given}", None, Path("nowhere"))
        assert checksums(infection.weights) == models_of(release, folds=folds)
        assert checksums(lungs.weights) == models_of(release, "task1-lung")


def test_the_folder_of_the_experiments_may_be_a_release(release):
    infection, lungs = find_models("scratch", "task1-lung", release)
    assert (infection.release, lungs.release) == (release, release)


def test_the_lungs_of_a_release_are_not_taken_from_elsewhere(release, tmp_path):
    write_models(tmp_path / "models")
    shutil.rmtree(release / "task1-lung")
    write_sums(release)
    with refused_in_one_line(
        "release: no model of left_lung and right_lung; name one with --model or --lungs"
    ):
        find_models(str(release), None, tmp_path / "models")
    lungs = find_models(str(release), str(tmp_path / "models/task1-lung"), tmp_path / "models")[1]
    assert lungs.release is None


def test_of_several_models_in_a_release_the_best_by_its_own_scores_is_taken(release):
    write_fold(release / "worse/fold0", {"1": "infection"}, seed=9)
    with open(release / "scores.csv", "a") as table:
        table.write("worse,covid20,test,infection,DSC,0.4,0.3,0.5,3,3\n")
    write_sums(release)
    assert checksums(find_model(str(release), INFECTION).weights) == models_of(release)
    text = (
        (release / "scores.csv")
        .read_text()
        .replace("worse,covid20,test,infection,DSC,0.4", "worse,covid20,test,infection,DSC,0.6")
    )
    (release / "scores.csv").write_text(text)
    write_sums(release)
    assert find_model(str(release), INFECTION).name.startswith("worse of release ")


@pytest.mark.parametrize(("name", "root"), [("a.zip", "release/"), ("a.zip", ""), ("a.tar.gz", "x/y/")])
def test_an_archive_is_unpacked_once(release, tmp_path, cache, name, root):
    path = packed(release, tmp_path / name, root)
    infection, lungs = find_models(str(path), None, Path("nowhere"))
    assert checksums(infection.weights) == models_of(release)
    assert lungs.release == infection.release == cache / "releases" / sha256(path)
    written = infection.weights[0].stat().st_mtime_ns
    assert find_model(str(path), INFECTION).weights[0].stat().st_mtime_ns == written


def test_an_address_is_fetched_once_and_goes_on_where_it_was_cut(release, tmp_path, cache, host):
    path = packed(release, tmp_path / "a.zip")
    content = path.read_bytes()
    host.files["/a.zip"] = content
    host.faults["/a.zip"] = [lambda handler: host.serve(handler, keep=10_000), status(503)]
    address = f"{host.address}/a.zip#sha256={sha256(path).upper()}"
    assert checksums(find_model(address, INFECTION).weights) == models_of(release)
    assert host.asked == [("/a.zip", None), ("/a.zip", "bytes=10000-"), ("/a.zip", "bytes=10000-")]
    host.close()
    assert checksums(find_model(address, INFECTION).weights) == models_of(release), "no network is needed now"
    assert [file.name for file in (cache / "archives").iterdir()] == []


def test_a_release_that_was_changed_in_the_cache_is_unpacked_anew(release, tmp_path, caplog):
    path = packed(release, tmp_path / "a.zip")
    weights = find_model(str(path), INFECTION).weights
    weights[3].write_bytes(b"changed")
    assert checksums(find_model(str(path), INFECTION).weights) == models_of(release)
    assert "fold3/model.safetensors: changed" in caplog.text


@pytest.mark.slow
def test_the_command_segments_with_a_release_at_an_address(release, tmp_path, host, monkeypatch):
    """The networks find what is bright; the numbers name the models and their release."""

    def load(path):
        lungs = "task1-lung" in str(path)
        known = replace(ModelDescription.read(path.with_suffix(".json")), plan=PLAN)
        return Bright(0.5 if lungs else 2.2, classes=3 if lungs else 2), known

    monkeypatch.setattr(ensemble, "load_model", load)
    path = packed(release, tmp_path / "a.zip")
    host.files["/a.zip"] = path.read_bytes()
    write_volume(tmp_path / "scan.nii.gz", chest())
    words = [tmp_path / "scan.nii.gz", "--precision", "float32", "-o", tmp_path / "out"]
    words += ["--model", f"{host.address}/a.zip#sha256={sha256(path)}"]
    assert command.main(["segment", *map(str, words)]) == 0
    masks = [tmp_path / f"out/scan/{mask}.nii.gz" for mask in ("infection", "lungs")]
    assert all(read_volume(mask).array.any() for mask in masks)
    numbers = (tmp_path / "out/scan/quantification.json").read_text()
    assert all(f"{name} of release {identity(release)}" in numbers for name in LABELS)


def test_a_model_of_lungs_and_infection_is_loaded_once(tmp_path):
    labels = {"1": "left_lung", "2": "right_lung", "3": "infection"}
    write_fold(tmp_path / "models/joint/fold0", labels)
    first, second = load_models(find_models("joint", "joint", tmp_path / "models"), CPU)
    assert first is second


# What is refused


def refused(given, message):
    with refused_in_one_line(message):
        find_models(str(given), None, Path("nowhere"))


def test_a_tampered_file_is_refused(release):
    path = release / "scratch/fold3/model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    refused(
        release,
        r"scratch/fold3/model.safetensors: changed: its sha256 is \w+, SHA256SUMS has \w+; get the release",
    )


def test_a_tampered_description_is_refused_and_no_other_model_taken(release):
    path = release / "scratch/fold3/model.json"
    path.write_text("{}")
    refused(release, "scratch/fold3/model.json: changed")


def test_tampered_scores_are_refused(release):
    (release / "scores.csv").write_text("experiment,split,region,metric,value\n")
    refused(release, "scores.csv: changed")


def test_a_file_that_was_added_is_refused(release):
    shutil.copytree(release / "scratch/fold0", release / "scratch/fold9")
    refused(release, "scratch/fold9/model.json: not listed in SHA256SUMS")


def test_half_a_release_is_refused(release, tmp_path):
    shutil.rmtree(release / "scratch/fold4")
    message = "release: half a release: 2 of 30 files are missing, as scratch/fold4/model.json; copy the whole release"
    refused(release, message)
    refused(packed(release, tmp_path / "a.zip"), "a.zip: half a release: no release/scratch/fold4/model.json")
    (release / "SHA256SUMS").unlink()
    refused(
        packed(release, tmp_path / "b.zip"),
        "b.zip: 0 files SHA256SUMS, expected one: no whole release of covidseg",
    )


def test_a_release_of_another_version_says_so(release):
    """And not that there is no model of infection."""
    for path in release.glob("*/fold*/model.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2}))
    write_sums(release)
    refused(
        release, "no segmentation network of covidseg: .*model.json: format 2; expected 1; .* get it again"
    )


@pytest.mark.parametrize("line", ["nonsense\n", f"{'0' * 64}  ../outside\n", f"{'0' * 64}  /etc/passwd\n"])
def test_a_list_of_checksums_that_is_none_is_refused(release, line):
    with open(release / "SHA256SUMS", "a") as sums:
        sums.write(line)
    refused(release, "SHA256SUMS: (line 31: 'nonsense' is no checksum|entry .* points outside)")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("../evil.txt", "entry '../evil.txt' points outside the archive"),
        ("/evil.txt", "entry '/evil.txt' points outside the archive"),
        (
            "release/checkpoint_final.pth",
            "entry 'release/checkpoint_final.pth' is a pickle, which is never read",
        ),
        ("release/evil.py", "entry 'release/evil.py' is not listed in SHA256SUMS"),
    ],
)
def test_an_archive_with_anything_else_in_it_is_refused_and_nothing_unpacked(
    release, tmp_path, cache, entry, message
):
    path = packed(release, tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(entry, "x")
    refused(path, message)
    assert [file for file in cache.rglob("*") if file.is_file()] == []


def test_links_in_an_archive_are_refused(release, tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(release, "release")
        link = tarfile.TarInfo("release/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    refused(path, "entry 'release/link' is a link or a device")


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"nonsense")
    refused(tmp_path / "a.zip", "a.zip: truncated or not an archive")


@pytest.mark.parametrize("end", ["", "#sha256=", "#sha256=abc", "#md5=0123456789abcdef0123456789abcdef"])
def test_an_address_without_a_checksum_is_refused(host, end):
    refused(
        f"{host.address}/a.zip{end}",
        "no address with a checksum; write https://host/release.zip#sha256=CHECKSUM",
    )
    assert host.asked == []


def test_an_archive_with_another_checksum_is_refused_and_not_kept(release, tmp_path, cache, host):
    host.files["/a.zip"] = packed(release, tmp_path / "a.zip").read_bytes()
    refused(
        f"{host.address}/a.zip#sha256={'0' * 64}",
        f"sha256 of {host.address}/a.zip is .*, expected {'0' * 64}",
    )
    assert [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"] == []


def test_what_is_at_an_address_is_named_by_the_address(tmp_path, host):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dataset.json", "{}")
    host.files["/a.zip"] = path.read_bytes()
    message = f"{host.address}/a.zip: 0 files SHA256SUMS, expected one: no whole release of covidseg; it holds dataset.json"
    refused(f"{host.address}/a.zip#sha256={sha256(path)}", message)
    refused(
        f"{host.address}/none.zip#sha256={'0' * 64}", "none.zip: HTTP status 404 Not Found; open the address"
    )


def test_a_model_of_another_project_is_refused(tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    refused(folder, "theirs: no such model in nowhere, and no folder with model.safetensors; models: none")
    (folder / "checkpoint_final.pth").write_bytes(b"x")
    refused(
        folder,
        "theirs: no model of covidseg: it holds pickles, as checkpoint_final.pth, which are never read",
    )
    weights = write_fold(tmp_path / "own", {"1": "infection"})
    shutil.copy(weights, folder)
    refused(
        folder,
        "theirs: no segmentation network of covidseg: .*model.json: cannot be read: .*; train the model anew, or",
    )
    (folder / "model.json").write_text('{"architectures": ["UNet"]}')
    refused(
        folder,
        "theirs: no segmentation network of covidseg: .*model.json: lacks .*, plan, .*; train the model anew, or",
    )


def test_a_model_of_another_architecture_is_refused(tmp_path):
    weights = write_fold(tmp_path / "own", {"1": "infection"})
    described = weights.with_suffix(".json")
    content = json.loads(described.read_text())
    content["architecture"]["features"] = [4, 6]
    described.write_text(json.dumps(content))
    with refused_in_one_line(r"model.safetensors: another architecture: .* has shape \(.*\) in the file and"):
        load_models([find_model(str(weights), INFECTION)], CPU)
    content["architecture"] = SMALL_NETWORK | {"features": [400, 800]}
    described.write_text(json.dumps(content))
    with refused_in_one_line("model.json: architecture is not that of the weights") as raised:
        load_models([find_model(str(weights), INFECTION)], CPU)
    assert ANEW not in str(raised.value), "no training here makes this model"


def test_a_model_that_knows_no_infection_is_refused(release):
    with refused_in_one_line(
        r"task1-lung of release \w+: this model does not know infection; choose another one"
    ):
        load_models([find_model(str(release / "task1-lung"), INFECTION)], CPU)


def test_a_cache_that_cannot_be_written_to_is_refused(release, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    refused(
        packed(release, tmp_path / "a.zip"), "covidseg: Not a directory; set XDG_CACHE_HOME to another folder"
    )
