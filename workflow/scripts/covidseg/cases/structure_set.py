"""The regions of interest in an RTSTRUCT, and their contours as they are stored."""

from pydicom import Dataset

from covidseg.cases.dicom_files import one_line
from covidseg.errors import InputError
from covidseg.volumes import Volume


def refuse_other_kinds(found: Dataset, name: str) -> None:
    """Raise InputError unless a DICOM file is an RTSTRUCT."""
    for keyword in ("StructureSetROISequence", "ROIContourSequence"):
        if keyword not in found:
            kind = one_line(found.SOPClassUID.name) if "SOPClassUID" in found else "a file of no kind"
            raise InputError(f"{name}: no {keyword}; this is {kind}, expected an RTSTRUCT")


def _stored_contours(found: Dataset) -> dict[str, list[Dataset]]:
    """Return number of a region -> its contours as the RTSTRUCT stores them."""
    stored: dict[str, list[Dataset]] = {}
    for group in found.ROIContourSequence:
        stored.setdefault(str(group.ReferencedROINumber), []).extend(group.get("ContourSequence") or [])
    return stored


def drawn_regions(found: Dataset) -> list[str]:
    """Return the names of the regions that have contours."""
    stored = _stored_contours(found)
    return [one_line(one.ROIName) for one in found.StructureSetROISequence if stored.get(str(one.ROINumber))]


def find_contours(found: Dataset, roi: str, image: Volume, name: str) -> list[Dataset]:
    """Return the contours of the region as the RTSTRUCT stores them."""
    stored = _stored_contours(found)
    regions = [(one_line(item.ROIName), item) for item in found.StructureSetROISequence]
    named = [item for label, item in regions if label == roi]
    if not named:
        raise InputError(f"{name}: no region {roi!r}; there are {sorted(label for label, _ in regions)}")
    drawn = [item for item in named if stored.get(str(item.ROINumber))]
    if len(drawn) != 1:
        others = sorted({label for label, item in regions if stored.get(str(item.ROINumber))})
        how_many = f"{len(drawn)} regions are named {roi!r}" if drawn else f"region {roi!r} has no contours"
        raise InputError(f"{name}: {how_many}; regions with contours: {', '.join(others) or 'none'}")
    frame = one_line(drawn[0].get("ReferencedFrameOfReferenceUID") or "")
    if frame and image.frame_of_reference and frame != image.frame_of_reference:
        raise InputError(
            f"{name}: {roi} is drawn in frame of reference {frame}, but the scan's frame of reference is "
            f"{image.frame_of_reference}"
        )
    return stored[str(drawn[0].ROINumber)]
