# make demo     set up, then run the phantom pipeline to its tables and figures
# make test     set up, then run every test and check
# make kill-test  kill a small run 200 times, at random; half an hour on two cores. make test does 20 of these
# make quick    set up, then run the checks of style and the quick tests: a minute, before every commit
# make fuzz     set up, then read random headers for SECONDS (60) per kind of file: see tests/malformed/README.md
#
# make slurm-up     start a test cluster (SLURM, two nodes) on this machine, for `snakemake --profile slurm`.
#                   Needs Debian or Ubuntu, and root; installs the packages that the cluster needs
# make slurm-down   stop the test cluster
#
# demo, test, quick and fuzz need Python 3.11 or 3.12, and set up .venv once. PYTHON=... chooses the interpreter.

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3))
BIN := .venv/bin
SECONDS ?= 60

.PHONY: demo test quick fuzz kill-test slurm-up slurm-down

demo: .venv/installed
	$(BIN)/snakemake
	@# Write the checksums to dvc.lock and the files to DVC's cache, which is empty in a fresh clone. Then
	@# `git diff dvc.lock` shows which files differ from the committed ones.
	@if git rev-parse --git-dir >/dev/null 2>&1; then $(BIN)/dvc add --quiet data && $(BIN)/dvc commit --quiet --force \
		|| { echo "The results are complete, but DVC cannot note their checksums: $(BIN)/dvc add data &&" \
		"$(BIN)/dvc commit --force says why (a dvc.lock with marks of a merge?)"; exit 1; }; fi
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

fuzz: .venv/installed
	$(BIN)/python tests/malformed/fuzz.py --seconds $(SECONDS)

kill-test: .venv/installed
	KILLS=200 $(BIN)/pytest --capture no tests/kill

slurm-up:
	@$(PYTHON) tests/slurm/cluster.py up

slurm-down:
	@$(PYTHON) tests/slurm/cluster.py down

.venv/installed: envs/requirements.txt envs/setup.sh
	sh envs/setup.sh "$(PYTHON)"
	touch $@
