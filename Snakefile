# The workflow is workflow/Snakefile, where the catalogue of Snakemake's workflows looks; `include:` would drop its default.
workflow.include("workflow/Snakefile", overwrite_default_target=True)
