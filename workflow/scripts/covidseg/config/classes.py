"""Which output channel of a network stands for which region, and which label for which channel."""

from collections.abc import Iterable

from covidseg.archives.dataset import Datasets
from covidseg.regions import LESIONS

Labels = dict[str, dict[int, int]]  # data set -> its label id -> output channel


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
    channels = {region: channel for channel, region in classes.items()}
    for region, other in (LESIONS, LESIONS[::-1]):
        if other in channels:
            channels.setdefault(region, channels[other])
    return classes, {
        name: {
            label: channels[region]
            for label, region in datasets[name]["regions"].items()
            if region in channels
        }
        for name in (*train, *others)
    }


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
