# results/scores.csv -> results/paper/<paper>: the tables and figures, one rule per kind.


for name, kind in KINDS.items():

    rule:
        name:
            kind.rule
        input:
            unpack(inputs_of),
        output:
            outputs_of(kind),
        log:
            f"logs/{kind.rule}/{{paper}}/{{artefact}}.log",
        wildcard_constraints:
            artefact=one_of(in_use.artefacts_of_kind(ARTEFACTS, name)),
        group:
            "drawings"
        conda:
            environment("artefact", f"covidseg/paper/{kind.module}")
        resources:
            **asks(memory_mb=kind.memory_mb, minutes=30),
        params:
            code=code("artefact", f"covidseg/paper/{kind.module}"),
            module=kind.module,
            artefact=entry_of,
            tables=tables_of,
            parameters=parameters_of,
            remarks=remarks_of,
            config_name=config["name"],
        message:
            MESSAGE
        script:
            "../scripts/artefact.py"

    internals.describe_rule(workflow, kind.rule, what_is_drawn(name))


rule errata:
    """List the misprints of the papers."""
    input:
        local(str(FOLDER / "published_errata.md")),
    output:
        report(
            "results/paper/errata.html",
            caption="../report/errata.rst",
            category="Misprints",
            labels={"Result": "Misprints in the papers"},
        ),
    log:
        "logs/errata.log",
    conda:
        environment("errata")
    resources:
        **asks(memory_mb=500, minutes=10),
    params:
        code=code("errata"),
    message:
        MESSAGE
    script:
        "../scripts/errata.py"
