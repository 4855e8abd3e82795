# Each target is a few lines; the rest is in scripts/.
.DEFAULT_GOAL := help
.PHONY: help run up down test prove bench check fmt schema graphiql dashboards clean
MAKEFLAGS += --no-print-directory

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## Start the server on SQLite with demonstration data
	@scripts/run

up: ## Start the whole stack with Docker: Postgres, the API, Grafana, Loki, Tempo, Mimir
	@observability/setup-observability.sh start

down: ## Stop it; the data stays
	@observability/setup-observability.sh stop

test: ## Run every test on SQLite and Postgres; installs what is missing
	@scripts/test

prove: ## Run the long proofs in full; `make prove stack` for one, or some, of them
	@scripts/prove $(proofs)

# The words after `prove` are the proofs' names, and nothing to make.
proofs := $(if $(filter prove,$(MAKECMDGOALS)),$(filter-out prove,$(MAKECMDGOALS)))
ifneq ($(proofs),)
.PHONY: $(proofs)
$(proofs):
	@:
endif

bench: ## Measure beside peers and the machine's limit; QUICK=1 for a look, ONLY="feed one" for some
	@scripts/bench

check: ## Formatting, lints and licences
	@scripts/check

fmt: ## Format the Rust code
	@cargo fmt --all

schema: ## Write schema.graphql from the program
	@scripts/schema

graphiql: ## Build the GraphiQL page that the program carries
	@graphiql/build.sh

dashboards: ## Write the Grafana dashboards from their script
	@node observability/grafana/dashboards.mjs

clean: ## Remove what was built; the data folder stays
	@cargo clean
	@rm -rf tests/node/node_modules graphiql/node_modules
