# The verbs of this repository. CI, README and people use the same ones.
# What they need beyond Rust, Go and git is installed or built into a cache outside the clone.

export CARGO_TARGET_DIR ?= $(HOME)/.cache/neuralinverse/target

.PHONY: help demo demo-down test test-one soak fmt lint generate check-generated images bench-launch bench-scale bench-portal tools

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## from nothing to a running workspace (CLUSTER=kind|embedded|current, REGISTRY=… with current)
	@local/demo/up

demo-down: ## remove everything that the demo made, also after a crash half-way
	@local/demo/down

test: ## everything: format, lints, unit tests, API server tests, end to end
	@tests/run

test-one: ## one test by (a part of) its name: make test-one NAME=a_warm_pod_is_claimed_once
	@tests/run one $(NAME)

soak: ## many random schedules, and a controller that is killed during launches (SCHEDULES=10000 KILLS=200)
	@tests/run soak

fmt: ## format Rust and Terraform
	cargo fmt
	terraform fmt -recursive modules examples

lint: ## clippy, with warnings as errors
	cargo clippy --workspace --all-targets -- -D warnings

generate: ## write what is derived from the types: CRDs, install.yaml, reference, provider docs
	cargo run -q -p neuralinverse-api --bin generate -- .
	cargo run -q -p terraform-provider-neuralinverse -- docs docs/provider

check-generated: ## fail when something derived is stale
	cargo run -q -p neuralinverse-api --bin generate -- --check .
	cargo run -q -p terraform-provider-neuralinverse -- docs --check docs/provider

images: ## build the container images (with Docker if it is there)
	@images/build

bench-launch: ## launch times and API writes, beside a peer with AGENT_SANDBOX=its source tree; ends with RESULT {json}
	@PROFILE=release cargo run -q --release -p neuralinverse-bench --bin bench-launch

bench-scale: ## the controller with 10,000 workspaces on kwok (WORKSPACES=…); ends with RESULT {json}
	@cargo build -q --release -p neuralinverse-controller
	@cargo run -q --release -p neuralinverse-bench --bin bench-scale

bench-portal: ## from the click to the editor in a browser, warm and cold, and the portal's pages; ends with RESULT {json}
	@PROFILE=release cargo run -q --release -p neuralinverse-bench --bin bench-portal

tools: ## build the pinned Kubernetes, Terraform and OpenTofu programs into the cache
	cargo run -q -p neuralinverse-local -- tools
