# Every target sets itself up: the first use makes .venv with all that the project needs.
PYTHON ?= python3
BIN := .venv/bin

# For the reproduce targets: DATA=DIR PROFILE=paper SEEDS=5 JOBS=2 ARGS=--dry-run
PROFILE ?= mini
REPRODUCE = $(BIN)/python -m reports.reproduce --profile $(PROFILE) $(if $(DATA),--data $(DATA)) \
  $(if $(SEEDS),--seeds $(SEEDS)) $(if $(JOBS),--jobs $(JOBS)) $(ARGS)

.PHONY: help venv score-demo leaderboard test test-slow format clean reproduce-table2 reproduce-table3 reproduce-tablea5 \
  reproduce-tablea6 reproduce-figure4 reproduce-all report

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */|/' | column -t -s '|'

venv: .venv/complete  ## make the virtual environment .venv

.venv/complete: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, $(PYTHON) is older; try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --editable '.[all]'
	@# pip would compile on one core, for as long as it downloads; some packages ship files that are no Python of today.
	@$(BIN)/python -m compileall -q -j 0 .venv/lib > /dev/null 2>&1 || true
	touch $@

score-demo: venv  ## build the embedded data set and score four systems that need no model
	$(BIN)/python -m benchmark.demo

reproduce-table2: venv  ## train and score every row of the paper's Table 2 on the embedded data set
	$(REPRODUCE) table2

reproduce-table3 reproduce-tablea5 reproduce-tablea6 reproduce-figure4: reproduce-%: venv
	$(REPRODUCE) $*

reproduce-all: venv  ## all tables and all figures, from stored results; trains what is not stored
	$(REPRODUCE) all --stored

report: venv  ## one static report of the stored results: tables, claims, figures, every image; opens from disk
	$(BIN)/python -m reports.site --profile $(PROFILE) $(if $(DATA),--data $(DATA)) $(ARGS)

leaderboard: venv  ## re-score all entries of submissions/ and build the board: board/index.html
	$(BIN)/python -m benchmark.leaderboard build $(if $(DATA),--data $(DATA)) $(ARGS)

test: venv  ## run every check: style, types, import rules, tests, the light install
	$(BIN)/tox

test-slow: venv  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

format: venv  ## format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean:  ## remove the environment and whatever the checks left
	rm -rf .venv .tox .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
