# Everything here sets up what it needs: `make demo` and `make test` work in a clean clone on a machine with Python alone.

.DEFAULT_GOAL := help
.PHONY: help demo test test-quick test-docker simulate chaos mutation quality pii_check bench bench-quick docs kafka-up kafka-down \
	schemas requirements upgrade clean

VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
COMPOSE := docker compose -f docker-compose.kafka.yml
PIP := $(BIN)/python -m pip --disable-pip-version-check

help: ## show this list
	@echo "Usage: make TARGET [ARGS='...']"
	@awk -F ':.*## ' '/^[a-z_-]+:.*## /{printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.has-demo ## run the whole story on an embedded broker and SQLite
	@$(BIN)/commerce-events demo $(ARGS)

test: $(VENV)/.has-test $(VENV)/.has-mysql ## run every test on the real engines this machine has; says which
	$(BIN)/python -m pytest tests -m "not docker" $(ARGS)
	$(BIN)/python -m pytest tests/platform --ds=tests.platform.settings $(ARGS)
	$(BIN)/python -m pytest tests/oscar_shop --ds=tests.oscar_shop.settings $(ARGS)

test-quick: $(VENV)/.has-test ## run tests/unit on SQLite and the embedded broker
	COMMERCE_EVENTS_TEST_BROKER=embedded $(BIN)/python -m pytest tests/unit --ignore tests/unit/engines -m "not server" $(ARGS)

test-docker: $(VENV)/.has-test ## run the end-to-end story on docker-compose.kafka.yml
	$(BIN)/python -m pytest tests -m docker $(ARGS)

simulate: $(VENV)/.has-test ## the three stages on a simulated broker, database and clock: make simulate ARGS="--steps 1e8"
	$(BIN)/python -m tests.simulation $(ARGS)

chaos: $(VENV)/.has-test $(VENV)/.has-mysql ## real processes under faults, a seed per run: make chaos RUNS=60 SEED=1
	$(BIN)/python -m tests.faults --runs $(or $(RUNS),5) --seed $(or $(SEED),1) $(ARGS)

mutation: $(VENV)/.has-mutation ## plant small faults in the rules and count those that their tests find; takes half an hour
	nice $(BIN)/mutmut run $(ARGS)
	$(BIN)/mutmut export-cicd-stats
	$(BIN)/python scripts/mutation_score.py 85

quality: $(VENV)/.has-quality pii_check ## style, types, direction of imports, schemas, personal data, facts in the docs
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/commerce-events schemas --check
	$(BIN)/python docs/generate.py --check
	$(BIN)/doc8 README.rst CHANGELOG.rst docs
	$(BIN)/python -m pytest tests/unit/house -q

pii_check: $(VENV)/.has-quality ## every model says which personal data it holds
	DJANGO_SETTINGS_MODULE=tests.settings PYTHONPATH=. $(BIN)/code_annotations django_find_annotations \
		--config_file .pii_annotations.yml --lint --coverage

bench: $(VENV)/.has-bench $(VENV)/.has-mysql ## measure against the stock loop and a plain SQL ceiling
	mkdir -p reports
	$(BIN)/python -m benchmarks --out reports/benchmark.json $(ARGS)

bench-quick: $(VENV)/.has-bench ## show that the benchmark runs; its figures mean nothing
	$(BIN)/python -m benchmarks --quick $(ARGS)

docs: $(VENV)/.has-docs ## build the documentation; warnings are errors
	$(BIN)/python docs/generate.py
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

kafka-up: ## start Kafka and a schema registry in Docker, create the topics, print the addresses
	@command -v docker >/dev/null || { echo "Docker is not installed. Without it: commerce-events dev --broker kafka (Java and Maven) or commerce-events dev (Python alone)." >&2; exit 1; }
	$(COMPOSE) up --detach --wait
	@echo "Kafka       localhost:$${KAFKA_PORT:-9092}"
	@echo "registry    http://localhost:$${REGISTRY_PORT:-8081}/apis/ccompat/v7"
	@echo "topics      $${TOPIC_PREFIX-dev}-commerce-order-lifecycle and others: EVENT_BUS_TOPIC_PREFIX=$${TOPIC_PREFIX-dev}"
	@echo "Kafka UI    $(COMPOSE) --profile ui up --detach, then http://localhost:$${UI_PORT:-8082}"

kafka-down: ## stop what kafka-up started and delete its data
	$(COMPOSE) down --volumes

schemas: $(VENV)/.has-demo ## generate schemas/ from the data classes
	$(BIN)/commerce-events schemas $(ARGS)

requirements: $(VENV)/.has-dev $(VENV)/.has-mysql ## install everything a contributor uses into .venv

upgrade: $(VENV)/.has-dev ## compile requirements/*.in to *.txt with the newest versions
	@for name in base demo test bench mutation quality docs ci mysql dev; do \
		echo "requirements/$$name.txt"; \
		(cd requirements && CUSTOM_COMPILE_COMMAND="make upgrade" ../$(BIN)/pip-compile --quiet --upgrade --strip-extras \
			--allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
			--output-file $$name.txt $$name.in) || exit 1; \
	done

clean: ## delete what these targets made, the virtual environment included
	rm -rf $(VENV) build dist docs/_build htmlcov mutants reports .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache .coverage *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the virtual environment; a stamp per requirements file, so that the second run is instant -----------------------

$(BIN)/python:
	@python=$$(scripts/find-python) && echo "Making $(VENV) with $$python" && "$$python" -m venv $(VENV)

$(VENV)/.has-%: requirements/%.txt setup.py | $(BIN)/python
	@echo "Installing requirements/$*.txt into $(VENV)"
	@$(PIP) install --quiet -r requirements/$*.txt
	@$(PIP) install --quiet --no-deps -e .
	@touch $@

# mysqlclient is built from source. Where it cannot be, everything else still runs and the tests count what MariaDB
# would have shown; continuous integration demands it (see .ci/run).
$(VENV)/.has-mysql: requirements/mysql.txt $(VENV)/.has-test
	@$(PIP) install --quiet -r requirements/mysql.txt >$(VENV)/mysql.log 2>&1 && touch $@ || { \
		echo "mysqlclient could not be built ($(VENV)/mysql.log): MariaDB will not be shown." >&2; \
		echo "To show it: apt install gcc pkg-config python3-dev libmariadb-dev (Debian's names), then again." >&2; }
