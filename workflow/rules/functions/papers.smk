"""Functions that give the rules of tables and figures their names, files and parameters. No rules."""


def entry_of(wildcards):
    """Return the entry of an artefact, with the full title that is printed."""
    paper, name = wildcards.paper, wildcards.artefact
    entry = ARTEFACTS[paper][name]
    return entry | {"title": full_title(paper, name, entry["title"])}


def kind_of(wildcards):
    return KINDS[entry_of(wildcards)["kind"]]


def tables_of(wildcards):
    """Return the tables of a paper, to which the page of a table links: key -> label."""
    if kind_of(wildcards).page != ".html":
        return {}
    return {
        name: label_of(wildcards.paper, name)
        for name, entry in ARTEFACTS[wildcards.paper].items()
        if KINDS[entry["kind"]].page == ".html"
    }


def inputs_of(wildcards):
    """Return the files that an artefact is made from; published.csv is one of the sheets, not in a storage."""
    found = kind_of(wildcards).inputs(CONFIG, entry_of(wildcards))
    return {
        name: (
            local(str(FOLDER / "published.csv"))
            if paths == "config/published.csv"
            else paths
        )
        for name, paths in found.items()
    }


def parameters_of(wildcards):
    return kind_of(wildcards).parameters(CONFIG, entry_of(wildcards))


def remarks_of(wildcards):
    """Return the remarks on everything that an artefact should show, even on what it leaves out here."""
    return find_remarks(CONFIG, CONFIG.artefacts[wildcards.paper][wildcards.artefact])


def artefacts_of(paper):
    """Return the files of a paper's tables and figures."""
    return in_use.artefact_files({paper: ARTEFACTS[paper]})


def what_is_drawn(kind):
    """Return what `snakemake --list` says of the rule of a kind, which is its tables and figures."""
    papers = {
        paper: [name for name, entry in entries.items() if entry["kind"] == kind]
        for paper, entries in ARTEFACTS.items()
    }
    listed = "; ".join(
        f"{paper}: {', '.join(names)}" for paper, names in papers.items() if names
    )
    return f"Draw {listed or 'nothing in this configuration'}."


def report_labels(wildcards):
    """Return what Snakemake's report calls an artefact."""
    paper, name = wildcards.paper, wildcards.artefact
    title = ARTEFACTS[paper][name]["title"]
    return {"Result": f"{label_of(paper, name)} of {paper}", "Title": title}


def outputs_of(kind):
    """Return the files of an artefact of a kind; its page is marked for Snakemake's report."""
    base = "results/paper/{paper}/{artefact}"
    page = report(
        base + kind.page,
        caption="../report/artefact.rst",
        category="{paper}",
        labels=report_labels,
    )
    return [page if suffix == kind.page else base + suffix for suffix in kind.suffixes]
