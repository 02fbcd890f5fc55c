"""Download one archive, or write its phantom."""

from pathlib import Path

from covidseg.errors import InputError
from covidseg.files import atomic_path
from covidseg.job import job


def write_phantom(path: Path) -> None:
    """Write the archive's phantom: generated scans with the file names and formats of the real archive.

    This function and the next one import the library themselves. Each of the two imports takes about a
    second, and a job needs only one of them.
    """
    from covidseg.archives.phantom.hosts import write_archive

    with atomic_path(path) as temporary:
        write_archive(temporary, *snakemake.wildcards, **snakemake.params.phantom)


def fetch_archive(path: Path) -> None:
    """Find the archive's origin in the configuration, and download it."""
    from covidseg.archives.download import download
    from covidseg.config.loading import load_configuration, sheets_folder

    folder = sheets_folder(Path(snakemake.scriptdir).resolve().parents[1])
    origin = load_configuration(snakemake.config, "configuration", folder).origin(*snakemake.wildcards)
    if not (origin.is_local or snakemake.config["accept_licences"]):
        raise InputError(
            f"{path}: accept_licences is false; read results/paper/licences.md (snakemake licences) "
            "and set it to true in the configuration"
        )
    lock = folder / "downloads.lock.json"
    download(origin, path, partial=Path("data/partial"), tables=folder, lock=lock)


if __name__ == "__main__":
    with job(snakemake.log[0]):
        (write_phantom if snakemake.params.phantom else fetch_archive)(Path(snakemake.output[0]))
