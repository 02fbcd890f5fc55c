"""The peculiarities of the real archives, and the phantom's cases that have them.

A phantom that is cleaner than reality would hide what stops a run with the papers' data. Each line below is
something that users of a real data set have met, or that nobody can rule out without the data. Most cases
stay clean. The peculiarities are in three tables, from the patient to the archive.
"""

from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import partial

import nibabel as nib

from covidseg.archives.phantom import odd_archives, odd_files, odd_patients, odd_series
from covidseg.archives.phantom.cohort import Case
from covidseg.archives.phantom.odd_archives import Member

# data set/case: what is unusual about the patient, the scan's grid or the annotation
PATIENTS: dict[str, Callable[[Case], Case]] = {
    "covid20/radiopaedia_14_85914_0": odd_patients.odd_matrix,
    "nsclc/LUNG1-016": odd_patients.slim,
    "nsclc/LUNG1-018": odd_patients.badly_aerated,
    "nsclc/LUNG1-026": odd_patients.one_lung,
    "mosmed/study_0259": odd_patients.one_voxel_lesion,
}

# archive/file: what is unusual about a NIfTI file. The changes of several fitting lines follow each other.
FILES: list[tuple[str, Callable[[nib.Nifti1Image], nib.Nifti1Image]]] = [
    ("COVID-19-CT-Seg_20cases.zip/radiopaedia_*", odd_files.header_says_front_to_back),
    ("COVID-19-CT-Seg_20cases.zip/radiopaedia_7_85703_0.nii.gz", odd_files.header_says_upside_down),
    ("COVID-19-CT-Seg_20cases.zip/radiopaedia_27_86410_0.nii.gz", odd_files.beyond_the_window),
    ("COVID-19-CT-Seg_20cases.zip/radiopaedia_40_86625_0.nii.gz", odd_files.as_float64),
    ("Infection_Mask.zip/coronacases_005.nii.gz", odd_files.origin_within_tolerance),
    ("Lung_Mask.zip/coronacases_003.nii.gz", odd_files.origin_lost),
    ("Task06_Lung.tar/Task06_Lung/labelsTr/lung_022.nii.gz", odd_files.origin_within_tolerance),
    ("Lung_GTV.zip/Lung_GTV/15/data.nii.gz", odd_files.as_int64),
    ("Lung_GTV.zip/Lung_GTV/16/label.nii.gz", odd_files.four_dimensions),
    ("Thoracic_OAR.zip/Thoracic_OAR/17/label.nii.gz", odd_files.origin_lost),
    ("PleThora-*/LUNG1-002/*", odd_files.origin_lost),
    ("PleThora-*/LUNG1-013/*", partial(odd_files.without_slices, lost=[14])),
    ("PleThora-Effusions-*/LUNG1-028/*", odd_files.not_whole_numbers),
    ("study_0258_mask.nii.gz/*", odd_files.stored_as_las),
    ("study_0260_mask.nii.gz/*", odd_files.origin_within_tolerance),
]

# archive: what is unusual about the files in it. The changes of several fitting lines follow each other.
ARCHIVES: list[tuple[str, Callable[[Iterator[Member]], Iterator[Member]]]] = [
    ("Task06_Lung.tar", odd_archives.unlabelled_scan),
    ("Task06_Lung.tar", odd_archives.hidden_twins),
    ("Task06_Lung.tar", odd_archives.dot_before_paths),
    ("Lung_GTV.zip", partial(odd_archives.uncompressed, folder="Lung_GTV/13")),
    ("Lung_GTV.zip", odd_archives.hidden_twins),
    ("Thoracic_OAR.zip", partial(odd_archives.one_folder_more, folder="Task3_Thoracic_OAR")),
    ("LUNG1-008.zip", odd_series.uneven_positions),
    ("LUNG1-013.zip", partial(odd_series.without_slices, lost=[14])),  # the masks lack the slice too
    ("LUNG1-024.zip", partial(odd_series.without_slices, lost=[9, 18, 19])),  # the masks have all slices
    ("LUNG1-028.zip", odd_series.doubled_slice),
    ("PleThora-*", odd_archives.further_reviewer),
    ("study_0258_mask.nii.gz", odd_archives.scale_not_a_number),
    ("WeaklyLesionLocalisation-*", odd_archives.masks_without_lesion),
    ("WeaklyLesionLocalisation-*", odd_archives.unrelated_pictures),
]


def examined(dataset: str, name: str, case: Case) -> Case:
    """Return a drawn case of a data set with what is unusual about the patient of this name."""
    change = PATIENTS.get(f"{dataset}/{name}")
    return change(case) if change else case


def packed(archive: str, members: Iterator[Member]) -> Iterator[Member]:
    """Return the files (name, content) of an archive with what is unusual about the files and the archive."""
    members = _changed(archive, members)
    for pattern, change in ARCHIVES:
        if fnmatch(archive, pattern):
            members = change(members)
    return members


def _changed(archive: str, members: Iterator[Member]) -> Iterator[Member]:
    for name, content in members:
        changes = [change for pattern, change in FILES if fnmatch(f"{archive}/{name}", pattern)]
        yield name, odd_files.rewritten(content, changes) if changes else content
