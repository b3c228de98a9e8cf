.DEFAULT_GOAL := help
.PHONY: help setup test check bench demo lock format clean

PYTHON ?= python3
SEEKERS ?= 20000
TENANTS ?= 20
BENCH ?=

V := .venv/bin

help: ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

setup: .venv/ready .venv-ministack/ready .venv-sam/ready ## every pinned tool, into the checkout

# One environment each: MiniStack and the SAM CLI pin other versions of botocore than the functions do. --no-deps because
# the files are complete, and pip 23 finds no hash for `coverage[toml]` once there is a newer coverage than the one pinned.
.venv/ready: tools/requirements/dev.txt layers/dependencies/requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(V)/pip install --quiet --no-deps --require-hashes -r tools/requirements/dev.txt
	$(V)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv-%/ready: tools/requirements/%.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip install --quiet --no-deps -r $<
	@touch $@

demo: setup ## the nightly round on the local stack, verified row by row (SEEKERS=, TENANTS=)
	@$(V)/yomawari demo --seekers $(SEEKERS) --tenants $(TENANTS)

test: setup ## the whole suite
	$(V)/pytest --cov --cov-report=term

check: setup ## ruff, mypy, import-linter, cfn-lint on the translated template
	$(V)/ruff format --check .
	$(V)/ruff check .
	$(V)/mypy
	$(V)/lint-imports
	$(V)/python -m tools.lint_template

bench: setup ## all benchmarks, or one: BENCH=gate|fanout|writer|dispatch|summary|registration|sweep
	@$(V)/python -m tools.bench $(BENCH)

format: setup ## let ruff write
	$(V)/ruff format .
	$(V)/ruff check --fix .

lock: ## pin anew what the *.in files ask for (needs uv)
	uv pip compile -q --upgrade --universal --no-emit-index-url --python-version 3.11 --generate-hashes --no-header \
		layers/dependencies/requirements.in -o layers/dependencies/requirements.txt
	uv pip compile -q --upgrade --universal --no-emit-index-url --python-version 3.11 --generate-hashes --no-header \
		tools/requirements/dev.in -o tools/requirements/dev.txt
	for one in ministack sam; do uv pip compile -q --upgrade --universal --no-emit-index-url --python-version 3.11 \
		--no-header tools/requirements/$$one.in -o tools/requirements/$$one.txt; done

clean: ## everything that can be made again
	rm -rf .venv .venv-ministack .venv-sam .local .aws-sam build *.egg-info
