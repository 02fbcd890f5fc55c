"""Which output channel of a network stands for which region, and which label for which channel."""

from collections.abc import Iterable, Mapping

from covidseg.archives.dataset import Datasets
from covidseg.regions import LESIONS

Labels = dict[str, dict[int, int]]  # data set -> its label id -> output channel
BACKGROUND = "background"


def joint_classes(
    train: Iterable[str], others: Iterable[str], datasets: Datasets, *, lesions: str
) -> tuple[dict[int, str], Labels]:
    """Number the regions of several data sets from 1, each region once for all data sets.

    A lesion or infection without a channel of its own takes the channel of the other of the two.

    Args:
        train: the training data sets.
        others: further data sets that the labels are needed of.
        datasets: content of datasets.yaml.
        lesions: "union", lesion and infection are one class; or "classes", they are two classes.

    Returns:
        Output channel -> region, and the labels of all data sets. Label ids of regions that the training
        data sets do not have are left out.
    """
    train = list(train)
    regions = {region: None for name in train for _, region in sorted(datasets[name]["regions"].items())}
    if lesions == "union" and regions.keys() >= set(LESIONS):
        del regions["infection"]
    classes = dict(enumerate(regions, start=1))
    return classes, _labels(classes, (*train, *others), datasets)


def _labels(classes: dict[int, str], names: Iterable[str], datasets: Datasets) -> Labels:
    """Return the labels of data sets; a lesion or infection without a channel takes that of the other."""
    channels = {region: channel for channel, region in classes.items()}
    for region, other in (LESIONS, LESIONS[::-1]):
        if other in channels:
            channels.setdefault(region, channels[other])
    return {
        name: {
            label: channels[region]
            for label, region in datasets[name]["regions"].items()
            if region in channels
        }
        for name in names
    }


def external_classes(
    regions: Mapping[int, str], tested: Iterable[str], datasets: Datasets
) -> tuple[dict[int, str], Labels]:
    """Number the regions of predictions that were made elsewhere from 1, in the order of their label ids.

    Args:
        regions: label id in the predictions -> region, or BACKGROUND.
        tested: the data sets that were predicted.
        datasets: content of datasets.yaml.

    Returns:
        Class -> region, and the labels of the data sets.
    """
    found = dict.fromkeys(region for _, region in sorted(regions.items()) if region != BACKGROUND)
    classes = dict(enumerate(found, start=1))
    return classes, _labels(classes, tested, datasets)


def separate_classes(train: Iterable[str], datasets: Datasets) -> tuple[dict[int, str], Labels]:
    """Number the regions of several data sets from 1; the lesions of each data set are a class of their own.

    This is one reading of "multi-task" in wang2021 3.2. A voxel of a case of data set A is background or of
    A's class, whatever lesions of the other data sets' kinds the case may show, since A does not label them.

    Returns:
        Output channel -> region, for a lesion "lesion of <data set>"; and the labels of all data sets.
    """
    channels: dict[str, int] = {}
    labels: Labels = {}
    for name in train:
        labels[name] = {}
        for label, region in sorted(datasets[name]["regions"].items()):
            title = f"{region} of {name}" if region in LESIONS else region
            labels[name][label] = channels.setdefault(title, len(channels) + 1)
    return {channel: title for title, channel in channels.items()}, labels
