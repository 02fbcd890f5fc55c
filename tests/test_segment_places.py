"""Where scans lie and where their results go: names, links, copies, and folders that are not to be lost."""

import ast
import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from conftest import ROOT, refused_in_one_line
from covidseg.paper.figures import plt
from covidseg.segment import command
from covidseg.segment.folders import check_place, write_table
from covidseg.segment.page import save_page
from covidseg.segment.scans import list_scans, list_series, read_scan
from covidseg.volumes import nifti_bytes
from dicom_edits import edit, random_scan, series
from test_segment import threshold_models

assert threshold_models, "a fixture of this module, too"


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


# Names


def test_scans_of_one_name_are_told_apart_by_their_folders_or_formats(tmp_path):
    touch(tmp_path, "p1/ct.nii.gz", "p2/ct.nii.gz", "p2/old.nii", "p3/a.nii", "p3/a.nrrd")
    found = list_scans([tmp_path])
    assert found == {
        "p1_ct": tmp_path / "p1/ct.nii.gz",
        "p2_ct": tmp_path / "p2/ct.nii.gz",
        "old": tmp_path / "p2/old.nii",
        "a.nii": tmp_path / "p3/a.nii",
        "a.nrrd": tmp_path / "p3/a.nrrd",
    }


def test_a_name_with_a_folder_is_not_that_of_another_file(tmp_path):
    touch(tmp_path, "p1/ct.nii", "p2/ct.nii", "p1_ct.nii")
    assert list(list_scans([tmp_path])) == ["p1_ct", f"{tmp_path.name}_p1_ct", "p2_ct"]


def test_a_scan_that_is_given_twice_is_taken_once(tmp_path, monkeypatch):
    touch(tmp_path, "a.nii", "p/b.nii")
    monkeypatch.chdir(tmp_path)
    given = [tmp_path / "a.nii", Path("a.nii"), Path("p/../a.nii"), Path("p/")]
    assert list(list_scans(given)) == ["a", "b"]


def test_a_link_has_its_own_name_and_one_that_leads_nowhere_is_no_lost_scan(tmp_path):
    """As datalad and DVC store files: links, to names that are checksums."""
    touch(tmp_path, "store/8a", "store/9b")
    scans = tmp_path / "scans"
    scans.mkdir()
    for name, target in (("a", "8a"), ("b", "9b"), ("lost", "7f")):
        (scans / f"{name}.nii.gz").symlink_to(tmp_path / "store" / target)
    (scans / "loop").symlink_to(scans)
    found = list_scans([scans])
    assert list(found) == ["a", "b", "lost"]
    with refused_in_one_line("lost.nii.gz: no such file"):
        read_scan(found["lost"])


def test_earlier_results_are_no_scans(tmp_path):
    touch(tmp_path, "a.nii", "old/a/lungs.nii.gz")
    write_numbers(tmp_path / "old/a", tmp_path / "a.nii")
    assert list(list_scans([tmp_path])) == ["a", "old"]
    assert list_scans([tmp_path])["old"] == tmp_path / "old", "which is told to have no scan"


# Series


def test_other_files_beside_a_series_do_not_hide_it(tmp_path):
    """Programs that convert a series write the NIfTI file into the series' folder."""
    folder = tmp_path / "ct"
    folder.mkdir()
    for name, content in series(random_scan()).items():
        (folder / name).write_bytes(content)
    (folder / "converted.nii.gz").write_bytes(nifti_bytes(random_scan()))
    assert list_scans([folder]) == {"ct": folder}
    assert read_scan(folder).warnings == ("left out: 1 of 8 files (no CT image)",)


def test_a_series_without_the_uid_of_a_study_is_one(tmp_path):
    files = series(random_scan())
    edit(files, StudyInstanceUID=None)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert list_scans([tmp_path]) == {tmp_path.name: tmp_path}


def test_what_lies_in_a_folder_without_a_ct_is_named(tmp_path):
    files = series(random_scan((2, 5, 4)))
    edit(files, *list(files)[:1], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    edit(files, *list(files)[1:], SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with refused_in_one_line("no CT image; files: 1 Secondary Capture Image Storage, 1 localiser$"):
        list_series(tmp_path)
    touch(tmp_path, "a.nrrd")
    with refused_in_one_line("1 localiser, 1 no DICOM; such as a.nrrd: give this file itself, unpacked"):
        list_series(tmp_path)


# NRRD and MetaImage


def write_itk(path, direction, spacing=(2.0, 3.0, 6.0)):
    image = sitk.GetImageFromArray(np.zeros((4, 5, 6), np.int16))
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))
    text = path.read_bytes()
    assert direction[0] in text
    path.write_bytes(text.replace(*direction))
    return path


def test_sheared_axes_and_impossible_spacings_are_refused_as_in_nifti(tmp_path):
    """The lengths of sheared axes are not the volume of a voxel."""
    sheared = write_itk(tmp_path / "a.nrrd", (b"(0,0,6)", b"(0,3,6)"))
    with refused_in_one_line(r"a.nrrd: the header has axes j and k at 63.43 degrees, expected 90"):
        read_scan(sheared)
    small = write_itk(tmp_path / "b.mha", (b"ElementSpacing = 2 3 6", b"ElementSpacing = 2 3 .006"))
    with refused_in_one_line("b.mha: the header gives a spacing of 2 x 3 x 0.006 mm, expected 0.1 to 20"):
        read_scan(small)


@pytest.mark.parametrize(
    ("name", "line"),
    [("a.nrrd", b"space: left-posterior-superior\n"), ("a.mha", b"TransformMatrix = 1 0 0 0 1 0 0 0 1\n")],
)
def test_directions_that_a_header_lacks_are_warned_of(tmp_path, name, line):
    known = write_itk(tmp_path / name, (line, line))
    assert read_scan(known).warnings == ()
    replaced = b"space dimension: 3\n" if name == "a.nrrd" else b""
    unknown = write_itk(tmp_path / name, (line, replaced))
    assert read_scan(unknown).warnings == ("the directions of the axes are absent, and assumed (LPS)",)


def test_messages_of_itk_are_the_same_in_each_run(tmp_path):
    (tmp_path / "a.mha").write_bytes(b"ObjectType = Image\nNDims = 3\n")
    with refused_in_one_line("a.mha: damaged") as found:
        read_scan(tmp_path / "a.mha")
    assert "0x" not in str(found.value)


# Results


def write_numbers(folder, scan, **changes):
    """The numbers of a result of ours."""
    folder.mkdir(parents=True, exist_ok=True)
    lung = {"volume_ml": 1.5}
    content = {
        "note": "Not for clinical use",
        "scan": str(scan),
        "models": ["a", "b"],
        "networks": 5,
        "lungs": {"left_lung": lung},
        "infection_outside_lungs_ml": 0.0,
        "lesions": 2,
        "lesion_volumes_ml": [3.0, 1.0],
        "disagreement_percent": 4.5,
        "warnings": ["one", "two"],
    }
    (folder / "quantification.json").write_text(json.dumps(content | changes))


def test_only_an_earlier_result_of_the_same_scan_is_written_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_place(tmp_path / "new", Path("a.nii"))
    write_numbers(tmp_path / "a", tmp_path / "a.nii")
    check_place(tmp_path / "a", Path("x/../a.nii"))
    with refused_in_one_line("/a: has the result of another scan, .*/a.nii; choose another --output, or"):
        check_place(tmp_path / "a", Path("other/a.nii"))
    for name in ("theirs/note.txt", "empty/quantification.json"):
        touch(tmp_path, name)
        folder = tmp_path / Path(name).parent
        with refused_in_one_line(f"{folder.name}: is there already, and is no result of covidseg"):
            check_place(folder, Path("a.nii"))


def test_the_table_has_all_results_of_the_folder(tmp_path):
    for name, lesions in (("b", 1), ("a", 2), (".c.partial", 3)):
        write_numbers(tmp_path / name, tmp_path / "x.nii", lesions=lesions)
    touch(tmp_path, "theirs/note.txt")
    write_table(tmp_path)
    table = pd.read_csv(tmp_path / "quantification.csv")
    assert list(table["scan"]) == ["a", "b"]
    assert list(table["lesions"]) == [2, 1]
    assert table["lesion_volumes_ml"][0] == "3.0; 1.0"
    assert table["left_lung_volume_ml"][0] == 1.5


def test_a_user_s_own_folder_is_never_deleted(tmp_path, threshold_models, monkeypatch, capsys):
    """As with `-o .`: beside the scans lie the user's folders, and the result of another scan."""
    monkeypatch.chdir(tmp_path)
    common = ["--models", str(threshold_models), "--precision", "float32", "--threads", "1", "-o", "."]
    write_numbers(tmp_path / "ct", tmp_path / "p1/ct.nii.gz")
    touch(tmp_path, "p2/ct.nii.gz", "p3/report.txt", "p3.nii.gz")
    assert command.main(["segment", "p2/ct.nii.gz", "p3.nii.gz", *common]) == 1
    printed = capsys.readouterr().err
    assert "ERROR not segmented: ct: ct: has the result of another scan" in printed
    assert "ERROR not segmented: p3: p3: is there already, and is no result of covidseg" in printed
    assert Path("p3/report.txt").exists()
    assert json.loads(Path("ct/quantification.json").read_text())["scan"] == str(tmp_path / "p1/ct.nii.gz")


# The command


def test_a_disk_that_is_full_is_one_line_per_scan(tmp_path, threshold_models, monkeypatch, capsys):
    touch(tmp_path, "a.nii.gz")

    def full(*_):
        raise OSError(28, "No space left on device", "a.png")

    monkeypatch.setattr("covidseg.segment.run.segment_one", full)
    words = ["segment", str(tmp_path / "a.nii.gz"), "--models", str(threshold_models), "--threads", "1"]
    assert command.main([*words, "--precision", "float32", "-o", str(tmp_path / "out")]) == 1
    printed = capsys.readouterr().err
    assert "ERROR not segmented: a: a.png: No space left on device\n" in printed
    assert "Traceback" not in printed


def test_a_folder_that_cannot_be_made_and_ctrl_c_are_one_line(
    tmp_path, threshold_models, monkeypatch, capsys
):
    touch(tmp_path, "a.nii", "file")
    words = ["segment", str(tmp_path / "a.nii"), "--models", str(threshold_models), "--threads", "1"]
    words += ["--precision", "float32", "-o"]
    assert command.main([*words, str(tmp_path / "file" / "out")]) == 2
    assert capsys.readouterr().err.endswith("Not a directory; choose another folder with --output\n")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "segment_all", stop)
    assert command.main([*words, str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err.endswith(
        f"ERROR stopped; the scans that were finished are in {tmp_path}/out\n"
    )


def test_each_option_of_the_command_is_a_setting_of_snakemake_segment():
    text = (ROOT / "workflow/rules/common.smk").read_text()
    settings = ast.literal_eval(re.search(r"for key in (\(.*?\n    \))", text, re.DOTALL)[1])
    options = vars(command._parser().parse_args(["segment", "a.nii"]))
    renamed = {"scans": "scan", "output": "out"}
    assert {renamed.get(name, name) for name in options} == {*settings, "threads"}


def test_a_user_s_precision_goes_before_that_of_the_configuration(monkeypatch):
    own = {"scan": "a.nii", "out": "o", "precision": "bfloat16", "mirror": True, "dicom_seg": False}
    params = SimpleNamespace(own=own, device="cpu", precision="float32")
    snakemake = SimpleNamespace(params=params, threads=2, log=["segment.log"])
    called = Mock(return_value=0)
    monkeypatch.setattr(command, "main", called)
    with pytest.raises(SystemExit):
        runpy.run_path(str(ROOT / "workflow/scripts/segment.py"), {"snakemake": snakemake}, "__main__")
    options = command._parser().parse_args(called.call_args[0][0])
    assert (options.precision, options.device, options.threads) == ("bfloat16", "cpu", 2)
    assert (options.mirror, options.dicom_seg, str(options.output)) == (True, False, "o")


def test_a_page_has_the_same_bytes_whenever_it_is_drawn(tmp_path):
    for name in ("a", "b"):
        save_page(plt.figure(figsize=(1, 1)), tmp_path / name)
    assert b"CreationDate" not in (tmp_path / "a.pdf").read_bytes()
    for suffix in (".pdf", ".png"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("words", ["--step 0", "--step 1.5", "--step nan", "--step x", "--threads 0"])
def test_numbers_that_cannot_be_are_refused(words, capsys):
    """Tiles that are farther apart than they are long would leave gaps without a mask."""
    with pytest.raises(SystemExit) as ended:
        command.main(["segment", "a.nii", *words.split()])
    assert ended.value.code == 2
    assert f"argument {words.split()[0]}: " in capsys.readouterr().err
