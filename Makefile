# The commands of this project. `make` alone lists them.
GO        ?= go
GOLANGCI  := bin/golangci-lint-2.13.0
DEMO      ?= .demo
FUZZTIME  ?= 5s
export CGO_ENABLED ?= 0
export CORN_DEMO_DIR := $(abspath $(DEMO))

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/corn, one static binary
	$(GO) build -trimpath -ldflags '-s -w' -o bin/corn ./cmd/corn

.PHONY: setup
setup: ## install what the demo needs (Debian, root)
	@./demo/setup.sh

.PHONY: setup-tests
setup-tests: ## install what the demo and the tests need (Debian, root)
	@./demo/setup.sh tests

.PHONY: demo
demo: setup build ## build the example image from real packages and show its kernels running
	$(GO) run ./demo run --dir $(DEMO) --corn bin/corn

.PHONY: test
test: setup-tests build ## all tests: unit, story, and the example in real engines and a real hub
	$(GO) test ./...
	CORN_E2E=1 $(GO) test -p 1 -timeout 20m -count=1 -v ./e2e/... ./internal/peertree

.PHONY: check
check: test lint race fuzz ## what CI runs, and a short fuzz

.PHONY: race
race: ## tests under the race detector
	CGO_ENABLED=1 $(GO) test -race -short -timeout 20m ./...

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME
	@$(GO) list ./... | while read -r p; do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$p || exit 1; \
	  done; done

.PHONY: lint
lint: $(GOLANGCI) ## gofmt, vet, staticcheck and the linters of .golangci.yml
	$(GOLANGCI) run ./...

$(GOLANGCI):
	GOBIN=$(CURDIR)/bin GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.13.0
	mv bin/golangci-lint $@

.PHONY: bench
bench: setup build ## compare with micromamba and plain files; see docs/design/figures.md
	$(GO) run ./bench --dir $(DEMO) --corn bin/corn

.PHONY: reproducible
reproducible: setup build ## build the example in many ways and prove that the digest is one
	$(GO) run ./demo reproducible --dir $(DEMO) --corn bin/corn

.PHONY: clean
clean: ## remove what make built, not the caches
	rm -rf bin $(DEMO)
