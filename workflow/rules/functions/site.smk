"""Functions that give the rules of the site their files and parameters. No rules."""


def documents(pattern):
    """Return the files of the documentation that fit a pattern."""
    return [
        in_checkout(f"docs/{path.name}")
        for path in sorted(BASE.glob(f"docs/{pattern}"))
    ]


def site_part(module, folder, needed):
    """Return the parameters of a rule that makes a part of the site.

    Args:
        module: of the part, in covidseg/site/.
        folder: of the part below results/report.
        needed: function of the configuration, and of the job's wildcards in their order, that returns what the
            module reads from the configuration.
    """
    return {
        "code": code("site_part", f"covidseg/site/{module}"),
        "templates": page_files(
            BASE / "workflow" / "scripts", f"covidseg/site/{module}"
        ),
        "module": module,
        "folder": lambda wildcards: folder.format(**wildcards),
        "parameters": lambda wildcards: needed(CONFIG, *wildcards),
        "configuration": config["name"],
        "phantom": bool(config["phantom"]),
    }
