# Two commands matter: `make demo` and `make test`. Both build .venv by themselves and work again without the network.
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help demo test check bench torture teeth lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

demo: ## everything on this machine, with sandbox payments; Ctrl-C stops it (PORT=8123, NO_BROWSER=1)
	@$(PYTHON) scripts/bootstrap.py demo
	@exec .venv/bin/python -m server demo $(ARGS)

test: ## every test, the browser's included
	@$(PYTHON) scripts/bootstrap.py dev
	@sh scripts/test.sh $(ARGS)

check: ## style, types and import rules
	@$(PYTHON) scripts/bootstrap.py dev
	@sh scripts/check.sh

bench: ## every figure of docs/performance.md, in ten minutes (one of them: make bench-herd; ARGS=--quick)
	@$(PYTHON) scripts/bootstrap.py dev
	@.venv/bin/python -m bench $(ARGS)

torture: ## kill, freeze, cut and flush everything while people buy, in minutes (ARGS=--long: a night)
	@$(PYTHON) scripts/bootstrap.py dev
	@.venv/bin/python -m tests.torture $(ARGS)

bench-%:
	@$(PYTHON) scripts/bootstrap.py dev
	@.venv/bin/python -m bench.$* $(ARGS)

teeth: ## every planted bug is caught by name, in ten minutes (ARGS=--list names them; ARGS='--only NAME')
	@$(PYTHON) scripts/bootstrap.py dev
	@.venv/bin/python -m tests.teeth $(ARGS)

lock: ## rewrite requirements/*.txt from pyproject.toml (needs uv)
	@sh scripts/lock.sh

clean: ## remove what the other commands made: .venv, the demo's state, caches
	rm -rf .venv .holdfast .cache .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info
