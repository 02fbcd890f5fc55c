# make demo     set up, then run the phantom pipeline to its tables and figures
# make test     set up, then run every test and check
# make quick    set up, then run the checks of style and the quick tests: a minute, before every commit
#
# make slurm-up     start a SLURM cluster of two nodes on this machine, to try `snakemake --profile slurm` on
#                   (Debian or Ubuntu, root; the packages it needs are installed)
# make slurm-down   stop it again
#
# The first three need Python 3.11 or 3.12 and set up .venv once. PYTHON=... chooses another interpreter.

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3))
BIN := .venv/bin

.PHONY: demo test quick slurm-up slurm-down

demo: .venv/installed
	$(BIN)/snakemake
	@# Into dvc.lock and the cache, which a fresh clone lacks: git shows where a byte is another than committed.
	@if git rev-parse --git-dir >/dev/null 2>&1; then $(BIN)/dvc add --quiet data && $(BIN)/dvc commit --quiet --force; fi
	@echo "Tables and figures: results/paper"

test: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check .
	$(BIN)/snakemake --lint
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses 2 --dist loadfile

quick: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check .
	$(BIN)/pytest -m "not slow and not slurm" --numprocesses 2 --dist loadfile

slurm-up:
	@$(PYTHON) tests/slurm/cluster.py up

slurm-down:
	@$(PYTHON) tests/slurm/cluster.py down

.venv/installed: envs/requirements.txt envs/setup.sh
	sh envs/setup.sh "$(PYTHON)"
	touch $@
