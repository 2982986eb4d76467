# The two commands: `make book` (a taste of every experiment, then the book) and `make test` (all checks). Both set everything up.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROFILE ?= quick
# a virtual environment's variables must not leak into ours
unexport PYTHONPATH PYTHONHOME

.PHONY: book pdf quick check test trust setup publish notebooks plan bench audit clean

book: setup ## run PROFILE's grid (quick) and render the book at _build/PROFILE/html
	$(BIN)/python -m epidl.grid $(PROFILE) book
	@echo "The book: _build/$(PROFILE)/html/index.html"

pdf: setup ## the book as one file, _build/PROFILE/book.pdf (needs Chromium)
	$(BIN)/python -m epidl.grid $(PROFILE) pdf
	@echo "The book: _build/$(PROFILE)/book.pdf"

quick: setup ## run the quick grid
	$(BIN)/python -m epidl.grid quick

# two workers, a file's tests in one of them; by name, since the slowest files come early and the last are short
BY_FILE := -n 2 --dist loadscope --no-loadscope-reorder

check: setup ## ruff, layers of imports, and the unit and property tests that are fast
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest $(BY_FILE) -m "not slow and not book" tests

# one thread for each process, since two run at a time and more threads would wait for each other
test: export OMP_NUM_THREADS := 1
test: setup ## ruff, layers of imports, unit and property tests, grid, notebooks, the strict book and a browser on it
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -rs $(BY_FILE) --durations 10 -m "not book" $(NBVAL) $(COMPARED) tests
	$(BIN)/python -m epidl.grid smoke book
	$(BIN)/python -m pytest -rs $(BY_FILE) --durations 10 -m book tests

NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout 600
# with their defaults; tests/test_book.py compares the others as the book ran them
COMPARED = $(filter-out notebooks/by_hand.ipynb notebooks/own_data.ipynb notebooks/simulate.ipynb, $(wildcard notebooks/*.ipynb))

# the plugin tally writes a tier's row of book/data/tests.csv
TALLY := PYTHONPATH=tests $(BIN)/python -m pytest -p tally --tally
trust: setup ## try faults, bad input and mutants, count the tests: the tables of the book's page (an idle machine, over an hour)
	$(BIN)/python tests/faults.py
	$(BIN)/python tests/bad_input.py
	$(BIN)/python tests/mutants.py
	$(BIN)/python tests/repeats.py
	$(TALLY) fast $(BY_FILE) -m "not slow and not book" tests
	$(TALLY) slow $(BY_FILE) -m "slow and not book" tests
	$(TALLY) notebooks $(BY_FILE) $(NBVAL) $(COMPARED)
	$(BIN)/python -m epidl.grid smoke book
	$(TALLY) browser $(BY_FILE) -m book tests

publish: setup ## take PROFILE's finished cells, and those in ALSO=FOLDER, into the book's tables, verdicts and README
	$(BIN)/python -m epidl.grid.publish $(PROFILE) $(if $(ALSO),--also $(ALSO))
	$(BIN)/python -m epidl_book.claims

notebooks: setup ## run the notebooks with their defaults and keep the outputs that nbval compares
	$(BIN)/python tests/refresh_notebooks.py notebooks/*.ipynb

setup: $(VENV)/.ready

# Debian ships ensurepip apart, so pip installs into the environment from outside
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv --without-pip $(VENV)
	$(PYTHON) -m pip --python $(BIN)/python install --quiet -c constraints.txt -e ".[figures,grid,data,real,example,book,bench,test]"
	touch $@

plan: setup ## print PROFILE's cells with the time and memory that each will take on this machine
	$(BIN)/python -m epidl.grid.costs $(PROFILE)

bench: setup ## compare our way with the published and the plain one (an idle machine, some 12 minutes)
	$(BIN)/python -W ignore -m benchmarks

# pip-audit asks the network. With DATABASE=FOLDER, a copy of the public safety-db, safety reads that instead
audit: setup ## look the pinned versions up among known vulnerabilities, and write the table of the book's page
	$(PYTHON) -m venv --without-pip --clear _build/audit
	$(PYTHON) -m pip --python _build/audit/bin/python install --quiet $(if $(DATABASE),"safety<3",pip-audit)
	$(BIN)/python tests/audit.py $(DATABASE)

clean: ## remove what was built, but not the results in runs/
	rm -rf _build $(VENV)
