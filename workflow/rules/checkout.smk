# Where this checkout lies, also if another workflow imports this one as a module. No rules.

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path


def checkout_of(source):
    """Return the folder into which the repository of a Snakefile on GitHub or GitLab is unpacked.

    Another workflow can import such a Snakefile, of which Snakemake itself fetches single files only.
    """
    repository = source.hosted_repo.repo
    folder = Path(source.cache_path, "covidseg", repository.commit(source.ref).hexsha)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as part:
            repository.git.archive(source.ref, output=f"{part}/tar", format="tar")
            shutil.unpack_archive(
                f"{part}/tar", f"{part}/files", format="tar", filter="data"
            )
            with contextlib.suppress(OSError):  # another process was faster
                os.rename(f"{part}/files", folder)
    return folder


def in_checkout(path):
    """Return a file of this checkout as an input. It is no file of the run, and lies in no storage."""
    return local(path if Path.cwd() == BASE else str(BASE / path))


HERE = workflow.current_basedir
BASE = Path(str(HERE)).parents[1] if HERE.is_local else checkout_of(HERE)
RULES = BASE / "workflow" / "rules"
sys.path.insert(0, str(BASE / "workflow" / "scripts"))
