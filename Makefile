# Fentrace. `make help` lists the targets.
SHELL := /bin/bash
# Go itself is pinned for what it mends in its own libraries (make vuln): the go command fetches it as a module. GOTOOLCHAIN=local uses
# the one that is installed.
export GOTOOLCHAIN ?= go1.27.3
GO    ?= go
NPM   ?= npm
WEB   := server/web
DIST  := $(WEB)/dist/index.html
TAGS  := -tags webdist
WEBSRC := $(shell find $(WEB)/src $(WEB)/public -type f 2>/dev/null) $(wildcard $(WEB)/*.html $(WEB)/*.json $(WEB)/*.ts)

.DEFAULT_GOAL := help
.PHONY: help run build test setup lint web fuzz fuzz-http vuln bench bench-accuracy bench-calibration bench-instruments bench-interferogram bench-speed bench-server test-faults deb readme picture core clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-20s %s\n", $$1, $$2}'

run: build ## build and start the demo: emulated spectrometer, simulated month, pages on 127.0.0.1:8080
	bin/fentrace demo

build: $(DIST) ## build bin/fentrace with its pages
	@command -v cc >/dev/null || { echo "a C compiler is needed (Debian: apt-get install gcc; macOS: xcode-select --install)"; exit 1; }
	CGO_ENABLED=1 $(GO) build $(TAGS) -o bin/fentrace ./cmd/fentrace

web: $(DIST)

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	@command -v $(NPM) >/dev/null || { echo "Node.js with npm is needed (https://nodejs.org, 20 or later)"; exit 1; }
	cd $(WEB) && $(NPM) ci --no-audit --no-fund

$(DIST): $(WEB)/node_modules/.package-lock.json $(WEBSRC)
	cd $(WEB) && $(NPM) run build

setup: ## install what the tests need beyond Go, a C compiler and Node: Debian's Chromium, PostgreSQL and poppler-utils
	@need=; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	 || [ -d "/Applications/Google Chrome.app" ] || need=chromium; \
	command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null \
	 || compgen -G '/opt/homebrew/opt/postgresql*/bin/initdb' >/dev/null || need="$$need postgresql"; \
	command -v pdftotext >/dev/null || need="$$need poppler-utils"; \
	[ -z "$$need" ] || if command -v apt-get >/dev/null; then \
	    SUDO=; [ "$$(id -u)" = 0 ] || SUDO=sudo; \
	    $$SUDO apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$SUDO apt-get install -y -qq --no-install-recommends $$need; \
	  else echo "install for the tests: $$need (Chromium or Chrome; PostgreSQL 15 or later; poppler)"; exit 1; fi

test: setup lint build ## everything CI runs: linters, unit tests with the race detector, page tests, the browser test
	cd $(WEB) && $(NPM) test
	FENTRACE_REQUIRE_POSTGRES=1 CGO_ENABLED=1 $(GO) test -race $(TAGS) -parallel 8 -timeout 40m ./...
	$(GO) test -run 'Damaged|Bombs|NoMoreMemory|UnpacksToFarMore|EveryRoleAndAgency|NoOneIsToldAnything' ./spectra/format ./server/store ./server # what measures memory or asks many thousand times
	$(GO) test -run 'Promised|StatedLimit' ./bench/accuracy/... # whole measurements, too slow for the race detector

lint: $(DIST) ## gofmt, go vet, staticcheck, type check of the pages
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt-ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet $(TAGS) ./...
	$(GO) tool staticcheck $(TAGS) ./...
	cd $(WEB) && $(NPM) run check

FUZZTIME ?= 10m
fuzz: ## run every fuzz target for FUZZTIME (10m)
	@set -e; for pkg in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$pkg/*_test.go | sed 's/func //'); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$pkg; done; done

fuzz-http: ## send requests made from the OpenAPI document to a server for FUZZTIME (10m)
	FENTRACE_HTTPFUZZ=$(FUZZTIME) CGO_ENABLED=1 $(GO) test -count=1 -timeout 0 -run '^TestHTTPFuzz$$' -v ./server

vuln: ## look for known vulnerabilities in what is called; GOVULNDB=URL uses another database than that pinned
	GO=$(GO) .ci/vuln

bench: bench-accuracy bench-calibration bench-instruments bench-interferogram ## measure everything

bench-accuracy: ## measure accuracy on the development spectra; writes bench/RESULTS.md and bench/results.json
	CGO_ENABLED=1 $(GO) run ./bench/accuracy

bench-calibration: ## measure what calibration is worth on recorded standards
	CGO_ENABLED=1 $(GO) run ./bench/calibration

bench-instruments: ## measure drivers, acquisition and laser safety on emulated instruments
	CGO_ENABLED=1 $(GO) run ./bench/instruments

bench-interferogram: ## measure how computed absorbance agrees with the spectrometer's own
	CGO_ENABLED=1 $(GO) run ./bench/interferogram

bench-speed: ## measure the search beside numpy, faiss and gonum (Debian: python3-numpy python3-faiss libopenblas0-pthread)
	CGO_ENABLED=1 $(GO) run ./bench/speed

NFPM := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0
deb: build ## make a Debian package of the program, its service and its settings in bin/
	VERSION=$$(git describe --tags --always --dirty 2>/dev/null | sed 's/^[^0-9]*/0~&/; s/^0~v//' || echo 0) \
	DEB_ARCH=$$($(GO) env GOARCH) $(GO) run $(NFPM) package --config cmd/fentrace/packaging/nfpm.yaml --packager deb --target bin/

bench-server: ## measure how many scans a second the server takes in, on SQLite and PostgreSQL; BENCHFLAGS="-db URL" on a PostgreSQL server of yours, -batches for those only
	CGO_ENABLED=1 $(GO) run ./bench/server $(BENCHFLAGS)

test-faults: ## kill server and workers 300 times under load on SQLite and PostgreSQL, and take away what they stand on; FAULTFLAGS="-seed N -kills N"
	CGO_ENABLED=1 $(GO) run ./bench/faults $(FAULTFLAGS)

readme: ## copy the measured table into README.md
	$(GO) run ./bench/readme

picture: build ## take README's picture of the demo with the browser test
	@dir=$$(mktemp -d) && FENTRACE_PICTURES=$$dir $(GO) test -count=1 $(TAGS) -run TestPressingScan ./cmd/fentrace && cp $$dir/scan.png $(WEB)/screenshot.png

core: ## rebuild the embedded core library from data/*.csv
	$(GO) run ./data/build/core

clean: ## remove what was built
	rm -rf bin $(WEB)/dist $(WEB)/node_modules
