# One command for each habit, the same on a laptop and in CI. Each makes what it needs in .venv.
#   make serve ARGS="--framework flask --port 8080"
#   make test ARGS="tests/unit -x"
#   PYTHON=/path/to/python3.12 make test

.DEFAULT_GOAL := help
.PHONY: help serve test check format bench bench-full rivals docs lock clean

ARGS ?=
# `python -m` rather than the console scripts: those hold the absolute path of the folder.
PY := .venv/bin/python
export PYTHON

help: ## Show this list.
	@echo "make TARGET [ARGS=...]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/  \1|\2/p' Makefile | while IFS='|' read -r name what; do printf '  %-12s %s\n' "$$name" "$$what"; done

serve: ## Serve the two packaged models on this machine (ARGS="--framework flask").
	@scripts/bootstrap serve
	@$(PY) -m textmill serve $(ARGS)

test: ## Run all tests (ARGS="tests/unit -x").
	@scripts/bootstrap dev
	@$(PY) -m pytest $(ARGS)

check: ## Run the linter, the formatter's check, the type checker and the import rules.
	@scripts/bootstrap dev
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(PY:python=lint-imports) --no-logo

format: ## Format the code and mend what the linter can mend.
	@scripts/bootstrap dev
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

bench: ## Compare with the guide's servers in minutes; pages and plots in build/bench (ARGS="--only footprint").
	@scripts/bootstrap dev
	@$(PY) -m benchmarks.everything --quick --out build/bench $(ARGS)

bench-full: ## The same as published: three rounds of all, almost half an hour, into benchmarks/results.
	@scripts/bootstrap dev
	@$(PY) -m benchmarks.everything --out benchmarks/results $(ARGS)

rivals: ## Install the rivals that the benchmarks compare with, in an environment of their own.
	@scripts/bootstrap dev
	$(PY) -m venv benchmarks/rivals/.venv
	benchmarks/rivals/.venv/bin/python -m pip install --require-hashes --only-binary :all: \
	    -r benchmarks/rivals/requirements.txt

docs: ## Write the generated documentation anew.
	@scripts/bootstrap dev
	@$(PY) scripts/generate_docs.py

lock: ## Resolve the dependencies anew into requirements/*.txt (ARGS="--upgrade").
	@scripts/bootstrap dev
	@scripts/lock $(ARGS)

clean: ## Remove .venv and everything that tools have cached or built.
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis .import_linter_cache htmlcov .coverage
	find src tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +
