"""Make DICOM files for tests: a phantom's series, with elements changed, removed or encoded otherwise."""

import io

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage, JPEG2000Lossless, RLELossless

from conftest import make_volume
from covidseg.archives.phantom.dicom import series_files

SPACING = (5.0, 0.8, 0.7)


def random_scan(shape=(7, 6, 5)):
    values = np.random.default_rng(0).integers(-1024, 1500, shape, dtype=np.int16)
    return make_volume(values, spacing=SPACING)


def series(volume):
    """File name -> content of the slices, from head to foot: 1-001.dcm is the highest."""
    return dict(series_files(volume, patient="P1"))


def parse(content):
    return pydicom.dcmread(io.BytesIO(content))


def to_bytes(content):
    buffer = io.BytesIO()
    content.save_as(buffer)
    return buffer.getvalue()


def edit(files, *names, **changes):
    """Change elements of some files, by default of all; None removes an element."""
    for name in names or files:
        content = parse(files[name])
        for keyword, value in changes.items():
            if value is None:
                delattr(content, keyword)
            else:
                setattr(content, keyword, value)
        files[name] = to_bytes(content)


def move(files, name, by):
    position = np.array(parse(files[name]).ImagePositionPatient, float) + by
    edit(files, name, ImagePositionPatient=position.round(6).tolist())


def store(files, values, **changes):
    """Put the same stored values into all files, with changed elements."""
    rows, columns = values.shape
    edit(files, PixelData=values.tobytes(), Rows=rows, Columns=columns, **changes)


def compress(content, syntax, folder):
    """Encode a slice's pixels: RLE by pydicom, the others by ITK, which writes a file of its own."""
    content = parse(content)
    if syntax == RLELossless:
        content.compress(syntax, generate_instance_uid=False)
    else:
        writer = sitk.ImageFileWriter()
        writer.SetImageIO("GDCMImageIO")
        writer.SetFileName(str(folder / "encoded.dcm"))
        writer.UseCompressionOn()
        writer.SetCompressor("JPEG2000" if syntax == JPEG2000Lossless else "JPEG")
        writer.Execute(sitk.GetImageFromArray(content.pixel_array))
        encoded = pydicom.dcmread(folder / "encoded.dcm")
        content.file_meta.TransferSyntaxUID = encoded.file_meta.TransferSyntaxUID
        content.PixelData = encoded.PixelData
        content["PixelData"].is_undefined_length = True
    return to_bytes(content)


def group(keyword, **elements):
    """A functional group: a sequence of one item."""
    outer, item = Dataset(), Dataset()
    for name, value in elements.items():
        setattr(item, name, value)
    setattr(outer, keyword, [item])
    return outer


def enhanced(files, order):
    """One file of enhanced CT: orientation and spacing shared, position and intercept per frame."""
    slices = [parse(files[name]) for name in order]
    content, shared = parse(files[order[0]]), Dataset()
    shared.update(group("PixelMeasuresSequence", PixelSpacing=content.PixelSpacing))
    shared.update(group("PlaneOrientationSequence", ImageOrientationPatient=content.ImageOrientationPatient))
    content.SharedFunctionalGroupsSequence = [shared]
    content.PerFrameFunctionalGroupsSequence = []
    for one in slices:
        frame = group("PlanePositionSequence", ImagePositionPatient=one.ImagePositionPatient)
        rescale = {"RescaleSlope": one.RescaleSlope, "RescaleIntercept": one.RescaleIntercept}
        frame.update(group("PixelValueTransformationSequence", RescaleType="HU", **rescale))
        content.PerFrameFunctionalGroupsSequence.append(frame)
    content.NumberOfFrames = len(slices)
    content.PixelData = b"".join(one.PixelData for one in slices)
    content.SOPClassUID = content.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    for keyword in ("PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient"):
        delattr(content, keyword)
    del content.RescaleSlope, content.RescaleIntercept, content.RescaleType
    return content
