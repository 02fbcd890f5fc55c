"""Write a CT volume as DICOM slices, as TCIA serves them."""

import io
from collections.abc import Iterator

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from covidseg.volumes import Volume

INTERCEPT = -1024


def series_files(image: Volume, *, patient: str) -> Iterator[tuple[str, bytes]]:
    """Yield file name and content of each slice of a CT series.

    The files are numbered from head to foot, which is against the z axis. They store HU + 1024 as unsigned
    numbers. A reader must therefore sort the slices by position, and apply the rescale intercept.

    Args:
        image: int16 (z, y, x) in HU, with axes along x, y and z (identity direction).
        patient: id of the patient, from which the unique identifiers (UIDs) are derived.
    """
    for number, index in enumerate(reversed(range(image.array.shape[0])), start=1):
        position = image.geometry.affine @ [0, 0, index, 1]
        slice_ = _slice(patient, number, position[:3], image.geometry.spacing)
        slice_.Rows, slice_.Columns = image.array.shape[1:]
        slice_.PixelData = (image.array[index].astype(np.int32) - INTERCEPT).astype("<u2").tobytes()
        buffer = io.BytesIO()
        slice_.save_as(buffer, enforce_file_format=True)
        yield f"1-{number:03d}.dcm", buffer.getvalue()


def _slice(
    patient: str, number: int, position: np.ndarray, spacing: tuple[float, float, float]
) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["covidseg", patient, str(number)])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    content = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    content.SOPClassUID = CTImageStorage
    content.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    content.StudyInstanceUID = generate_uid(entropy_srcs=["covidseg study", patient])
    content.SeriesInstanceUID = generate_uid(entropy_srcs=["covidseg series", patient])
    content.FrameOfReferenceUID = generate_uid(entropy_srcs=["covidseg frame", patient])
    content.PatientID = content.PatientName = patient
    content.Modality = "CT"
    content.InstanceNumber = number
    content.ImagePositionPatient = [pydicom.valuerep.format_number_as_ds(float(p)) for p in position]
    content.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    content.PixelSpacing = [pydicom.valuerep.format_number_as_ds(float(s)) for s in spacing[1:]]
    content.SliceThickness = pydicom.valuerep.format_number_as_ds(float(spacing[0]))
    content.RescaleSlope, content.RescaleIntercept, content.RescaleType = 1, INTERCEPT, "HU"
    content.SamplesPerPixel, content.PhotometricInterpretation = 1, "MONOCHROME2"
    content.BitsAllocated, content.BitsStored, content.HighBit, content.PixelRepresentation = 16, 16, 15, 0
    return content
