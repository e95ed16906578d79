# Each task is one target; "make help" lists them. Nothing but Go is needed, and
# for "make test" what .ci/install names and, as root, installs.

GOLANGCI_LINT_VERSION := v2.15.0
GOLANGCI_LINT         := .cache/bin/golangci-lint-$(GOLANGCI_LINT_VERSION)
FUZZTIME              ?= 200000x
BENCH                 ?=
# Modules of their own, for what tests need and users must not get.
NESTED := $(patsubst %/go.mod,%,$(wildcard internal/*/go.mod))

.DEFAULT_GOAL := help
.PHONY: help test cover lint linter fmt tidy fuzz bench prove soak quickstart

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: export CGO_ENABLED = 1
test: export ROLLCALL_REQUIRE_SERVERS = 1
test: export ROLLCALL_REQUIRE_NODE = 1
test: ## Run every test under the race detector, with real servers (as root, apt-get installs what is missing)
	@.ci/install
	go test -race -timeout 30m ./...
	@echo "Allocations are counted without the race detector, which makes some of its own:"
	go test -run Alloc ./store ./store/export ./middleware ./adapters/telegram ./adapters/discord
	@echo "The modules of internal, two at a time, since they wait half of the time:"
	@printf '%s\n' $(NESTED) | xargs -P 2 -n 1 sh -c ' \
		case $$0 in */benchmarks) race= ;; *) race=-race ;; esac; \
		said=$$(cd $$0 && go test $$race -timeout 30m ./... 2>&1); failed=$$?; \
		echo "cd $$0 && go test $$race ./..."; echo "$$said"; exit $$failed'

cover: ## Show how much of the code the tests reach
	@mkdir -p .cache
	go test -coverpkg=./... -coverprofile=.cache/cover.out ./...
	@go tool cover -func=.cache/cover.out | tail -1
	@echo "go tool cover -html=.cache/cover.out shows the lines"

lint: $(GOLANGCI_LINT) ## Check format, vet and the linters of .golangci.yml
	@files=$$(gofmt -l *.go adapters examples internal middleware store); \
		test -z "$$files" || { echo "gofmt these (make fmt):"; echo "$$files"; exit 1; }
	go vet ./...
	$(GOLANGCI_LINT) run ./...
	@for dir in $(NESTED); do echo "$$dir"; (cd $$dir && "$(CURDIR)/$(GOLANGCI_LINT)" run ./...) || exit 1; done

fmt: $(GOLANGCI_LINT) ## Format all Go files, imports included
	$(GOLANGCI_LINT) fmt ./...

tidy: ## Check that go.mod and go.sum are what "go mod tidy" makes
	go mod tidy -diff
	@for dir in $(NESTED); do (cd $$dir && go mod tidy -diff) || exit 1; done

fuzz: ## Fuzz each target with FUZZTIME inputs (200000x)
	@set -e; for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$pkg; \
		done; \
	done

bench: ## Measure rollcall against what people use instead, and write the table and plots (BENCH="-rows telebot" some)
	cd internal/benchmarks && go run . -write $(BENCH)

prove: ## Run the tests that the promises rest on, and print each with its figure
	cd internal/prove && go run ./cmd/prove

soak: ## The same in large sizes, for some hours
	cd internal/prove && go run ./cmd/prove -soak

quickstart: ## Play a day on both platforms, on loopback, into users.db
	go run ./examples/quickstart

linter: $(GOLANGCI_LINT)

$(GOLANGCI_LINT):
	@echo "Building golangci-lint $(GOLANGCI_LINT_VERSION) into .cache/bin, once; this takes some minutes."
	@mkdir -p .cache/bin
	GOBIN="$(CURDIR)/.cache/bin" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	@mv .cache/bin/golangci-lint $@
