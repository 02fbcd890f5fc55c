# make help     print this text, as `make` alone does; `snakemake --list` names the rules of the pipeline
#
# make setup    set up .venv alone: on a login node, or before a run of your own
# make demo     set up, then run the phantom pipeline to its site, tables and figures
# make view     serve the site of the results on this machine, for a browser: large scans need a server. PORT=8000
# make test     set up, then run every test and check
# make quick    set up, then run the checks of style and the quick tests: about four minutes, before every commit
#
# make fuzz     read random headers for SECONDS (60) per kind of file: see tests/malformed/README.md
# make kill-test   kill a small run 200 times, at random; half an hour on two cores. make test does 20 of these
# make mutants  change single places in the code and see whether a test notices (tests/mutants): about an hour.
#               MODULES="training/losses weak/losses" NUMBER=30 SEED=0 choose what is changed
# make benchmark  set up, then compare speed and memory on this CPU with nnU-Net, MONAI and surface-distance: 20 minutes.
#               PARTS="batch lungs" chooses the parts (benchmarks/cpu.py)
#
# make container  write covidseg.sif, the image of `snakemake --sdm apptainer` (docs/install.md). Needs Apptainer
# make conda-files  write envs/environment.yaml and envs/light.yaml anew, after a change of envs/requirements.txt
# make bare-roots set up and run the README's commands in bare Debian and Ubuntu: SUITES="bookworm trixie"
#                 (tests/bare_roots.sh). Needs root and mmdebstrap, an hour and 20 GB of disk
#
# make slurm-up     start a test cluster (SLURM, two nodes) on this machine, for `snakemake --profile slurm`.
#                   Needs Debian or Ubuntu, and root; installs the packages that the cluster needs
# make slurm-down   stop the test cluster
#
# Every target that needs packages of Python sets up .venv once, with Python 3.11 to 3.14. PYTHON=... chooses the
# interpreter, VENV=... another folder than .venv: `make quick PYTHON=python3.13 VENV=.venv-3.13` tries another Python.
# TORCH=cu126 chooses torch for older NVIDIA cards (up to Volta) and drivers (before 580), TORCH= the other one.
# Without TORCH a .venv keeps the torch that it has.

# The first one that runs: a version manager may have commands of versions that it has not installed.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14; do $$name -c "" 2>/dev/null && break; \
	name=python3; done; echo $$name)
VENV ?= .venv
INSTALLED := $(shell cat $(VENV)/installed 2>/dev/null)
TORCH ?= $(INSTALLED)
BIN := $(VENV)/bin
SECONDS ?= 60
PORT ?= 8000
NUMBER ?= 30
SEED ?= 0

TARGETS := $(shell sed -n 's/^\# make \([a-z-]*\) .*/\1/p' Makefile)
NEAREST = import difflib, sys; near = difflib.get_close_matches(sys.argv[1], sys.argv[2:]); \
	sys.exit(f"make {sys.argv[1]}: no such target; " + ("nearest: " + ", ".join(near) if near else "see make help"))

.PHONY: help setup demo view test quick fuzz kill-test mutants benchmark container conda-files bare-roots slurm-up slurm-down other-torch

# The comment at the top of this file.
help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

.DEFAULT:
	@$(PYTHON) -c '$(NEAREST)' $@ $(TARGETS)

setup: $(VENV)/installed

demo: $(VENV)/installed
	@$(BIN)/snakemake
	@# Write the checksums to dvc.lock and the files to DVC's cache, which is empty in a fresh clone. Then
	@# `git diff dvc.lock` shows which files differ from the committed ones.
	@if git rev-parse --git-dir >/dev/null 2>&1; then $(BIN)/dvc add --quiet data && $(BIN)/dvc commit --quiet --force \
		|| { echo "The results are complete, but DVC cannot note their checksums: $(BIN)/dvc add data &&" \
		"$(BIN)/dvc commit --force says why (a dvc.lock with marks of a merge?)"; exit 1; }; fi
	@echo "Look at the results: open results/report/index.html in a browser"

# On the loopback address: only programs of this machine reach the server.
view: $(VENV)/installed
	@test -e results/report/index.html || { echo "There is no results/report/index.html; run make demo first"; exit 1; }
	@echo "Open http://127.0.0.1:$(PORT)/ in a browser; Ctrl-C ends the server"
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory results/report $(PORT)

test: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check .
	$(BIN)/typos
	$(BIN)/snakemake --lint
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

quick: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check .
	$(BIN)/typos
	$(BIN)/pytest -m "not slow and not slurm" --numprocesses 2 --dist loadfile --no-loadscope-reorder

fuzz: $(VENV)/installed
	$(BIN)/python tests/malformed/fuzz.py --seconds $(SECONDS)

kill-test: $(VENV)/installed
	KILLS=200 $(BIN)/pytest --capture no tests/kill

mutants: .mutants/packages
	PYTHONPATH=$< $(BIN)/python tests/mutants/run.py --number $(NUMBER) --seed $(SEED) $(MODULES)

container:
	apptainer build --force --build-arg torch=$(TORCH) covidseg.sif envs/covidseg.def

conda-files: $(VENV)/installed
	$(BIN)/python envs/conda.py $(TORCH)

bare-roots:
	@sh tests/bare_roots.sh $(SUITES)

slurm-up:
	@$(PYTHON) tests/slurm/cluster.py up

slurm-down:
	@$(PYTHON) tests/slurm/cluster.py down

benchmark: .nnunet/packages
	PYTHONPATH=$< $(BIN)/python benchmarks/cpu.py $(PARTS)

# nnU-Net's packages lie apart from the pipeline's, so that no version of theirs reaches it.
.nnunet/packages: envs/nnunet.txt $(VENV)/installed
	$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --upgrade --target $@ --requirement $<
	touch $@

.mutants/packages: envs/mutants.txt $(VENV)/installed
	$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --upgrade --target $@ --requirement $<
	touch $@

$(VENV)/installed: envs/requirements.txt envs/requirements-cu126.txt envs/setup.sh $(if $(filter-out x$(INSTALLED),x$(TORCH)),other-torch)
	@sh envs/setup.sh "$(PYTHON)" "$(TORCH)" "$(VENV)"
	@echo "$(TORCH)" >$@
