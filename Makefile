# fusegrid. `make` or `make help` lists the targets.

GO    ?= go
TAGS  ?=
COUNT ?= 10
BENCH ?= .
# e.g. make sweep ARGS='-lr 1e-4,1e-3 -reg 0.25,0.85'
ARGS  ?= -lr 1e-4,1e-3 -reg 0.25,0.85

.DEFAULT_GOAL := help
.PHONY: help build sweep reproduce web browser test test-all test-arch test-kube race fuzz stress torture torture-slurm torture-store bench bench-train benchcmp measure samplers results duel lint deps deps-openblas deps-readers deps-postgres deps-browser deps-peers

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/sweep and bin/bench
	$(GO) build -tags '$(TAGS)' -o bin/ ./sweep ./bench

sweep: ## run a grid search; flags in ARGS
	$(GO) run -tags '$(TAGS)' ./sweep $(ARGS)

reproduce: ## run the assignment and rewrite results/assignment.md (needs CIFAR-10 and AVX2)
	$(GO) run -tags '$(TAGS)' ./sweep reproduce -impl avx2 -out results/assignment.md

test: ## run the tests
	$(GO) test -tags '$(TAGS)' ./...

test-all: ## run all tests at full length on every build of the kernels (needs make deps, and npm)
	FUSEGRID_LONG=1 FUSEGRID_REQUIRE=numpy,sqlite3,optuna,hyparquet,postgres $(GO) test -timeout 30m ./...
	$(GO) test -tags openblas ./...
	$(GO) test -tags purego ./...
	GOOS=darwin GOARCH=arm64 $(GO) build ./...
	GOOS=windows GOARCH=amd64 $(GO) build ./...
	cd report/browsertest && npm ci --ignore-scripts --no-audit --no-fund --silent && $(GO) test -count 1 -timeout 30m ./...

web: ## bundle the script of the page, and check its types (needs npm)
	$(GO) generate ./report
	cd report/web && npm ci --ignore-scripts --no-audit --no-fund --silent && npm run --silent check

browser: ## open pages in Chromium, about a minute (needs make deps, and npm for axe-core)
	cd report/browsertest && { ! command -v npm >/dev/null || npm ci --ignore-scripts --no-audit --no-fund --silent; } && $(GO) test -short -count 1 ./...

# Under QEMU, plain Go is thirty times slower. Of the tests of sweeps, only those of bits, files and signals run
# there. Stores are left out, because their tests have limits of time. So is what has the same code on all
# machines: exported tables, pages, benchmarks, gonum, and flawed kernels that the test suite of kernels must
# reject. All of them have run here.
emulated_sweeps = Example|Earlier|Killed|Interrupted$$|Damage|Disk|Reproduce$$|Verify$$

test-arch: ## run the short tests for 386, and for arm64 under QEMU (installed with apt-get if missing)
	@host=$$($(GO) env GOHOSTOS)/$$($(GO) env GOHOSTARCH); \
	short() { arch=$$1; shift; echo "linux/$$arch"; \
	  env -u FUSEGRID_DATA CGO_ENABLED=0 GOARCH=$$arch $(GO) test -vet=off -short -timeout 30m "$$@"; }; \
	emulated() { \
	  short arm64 -exec $$FUSEGRID_EMULATOR -skip '/impl=gonum|AreRejected' $$($(GO) list ./... | grep -vE '/(search|search/store|sweep|bench|results/export|report.*)$$') && \
	  short arm64 -exec $$FUSEGRID_EMULATOR -run '$(emulated_sweeps)' ./search ./sweep; }; \
	emulator() { command -v qemu-aarch64-static || command -v qemu-aarch64; }; \
	fetch() { command -v apt-get && $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq qemu-user-static; }; \
	rc=0; \
	case $$host in \
	linux/amd64) short 386 -skip 'TestDocumentedCommands|TestModule' ./... || rc=1 ;; \
	*) echo "SKIPPED, NOT TESTED: linux/386, which needs a host of linux/amd64 and not $$host" >&2 ;; \
	esac; \
	case $$host in \
	linux/arm64) short arm64 ./... || rc=1 ;; \
	linux/*) \
	  if emulator >/dev/null || fetch >&2; then export FUSEGRID_EMULATOR=$$(emulator); emulated || rc=1; \
	  elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then echo "apt-get could not install qemu-user-static" >&2; rc=1; \
	  else echo "SKIPPED, NOT TESTED: linux/arm64, which needs QEMU: install qemu-user-static" >&2; fi ;; \
	*) echo "SKIPPED, NOT TESTED: linux/arm64, which needs a host of Linux and not $$host" >&2 ;; \
	esac; \
	exit $$rc

test-kube: ## decode the manifests of sweep kube with the types of Kubernetes, which are downloaded
	cd internal/kubetest && $(GO) vet ./... && $(GO) test -count 1 ./...

race: ## run the short tests under the race detector
	$(GO) test -race -short ./...

fuzz: ## fuzz each reader and kernel for 30 seconds
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime 30s -fuzzminimizetime 20x $$pkg; \
	  done; \
	done

stress: ## load OpenBLAS from many goroutines for two minutes (needs make deps)
	FUSEGRID_STRESS=2m $(GO) test -tags openblas -run Stress -count 1 -v ./kernels/openblas

torture: ## kill sweeps at random and at every write, and resume them; damage every bit (half an hour)
	FUSEGRID_TORTURE=1 $(GO) test -count 1 -timeout 3h ./results ./search/folder ./sweep

torture-slurm: ## train shards on Slurm, requeue, kill and cancel tasks (Debian, as root; ten minutes and more)
	@if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq slurm-wlm munge; fi
	FUSEGRID_TORTURE_SLURM=1 $(GO) test -count 1 -timeout 3h -run '^TestSlurm$$' -v ./sweep

torture-store: ## kill and freeze workers of a store, crash its server, cut its network; writes results/store.md (Linux, as root; half an hour)
	FUSEGRID_TORTURE_STORE=all FUSEGRID_REQUIRE=postgres $(GO) test -count 1 -timeout 3h -run '^TestStoreTorture$$' -v ./sweep
	FUSEGRID_TORTURE_STORE=all FUSEGRID_REQUIRE=postgres $(GO) test -count 1 -run '^TestManyWorkers$$' -v ./search/store

bench: ## run the benchmarks: make bench BENCH=Gemm COUNT=10 TAGS=openblas
	$(GO) test -tags '$(TAGS)' -run '^$$' -bench '$(BENCH)' -count $(COUNT) .

bench-train: ## run the benchmarks of training steps and, with CIFAR-10 (sweep fetch), of whole sweeps
	$(GO) test -tags '$(TAGS)' -run '^$$' -bench Step ./nn/train
	$(GO) test -tags '$(TAGS)' -run '^$$' -bench Sweep -benchtime 3x -timeout 1h ./sweep

benchcmp: ## compare two benchmark files: make benchcmp OLD=a.txt NEW=b.txt
	$(GO) tool benchstat $(OLD) $(NEW)

measure: ## measure every kernel set into results/raw, about three minutes (needs make deps)
	$(GO) run -tags openblas ./bench run -clock cpu -n 12

samplers: ## measure our samplers and Optuna's into results/raw, about half an hour (needs python3-optuna)
	python3 search/bench/optuna_tpe.py
	$(GO) run ./search/bench -measure

results: ## rewrite results/tables and results/samplers.md from results/raw
	$(GO) run ./bench compare
	$(GO) run ./search/bench

duel: ## hold our kernels against OpenBLAS, each with the same vectors (needs make deps)
	-$(GO) run -tags openblas ./bench duel -clock cpu -each 1 -geomean 1.2 avx512 openblas
	-OPENBLAS_CORETYPE=HASWELL $(GO) run -tags openblas ./bench duel -clock cpu -geomean 1.1 avx2 openblas

# The folders with files that belong to some builds only. All other packages are the same in every build.
tagged = $$(grep -rlE --include='*.go' '^//go:build.*(purego|openblas)' . | xargs -n 1 dirname | sort -u)

lint: ## gofmt, vet and staticcheck on every build
	@wrong=$$(gofmt -l .); if [ -n "$$wrong" ]; then echo "not formatted by gofmt:" $$wrong >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags purego $(tagged)
	$(GO) vet -tags openblas $(tagged)
	cd report/browsertest && $(GO) vet ./... && $(GO) tool -modfile=../../go.mod staticcheck ./...
	$(GO) tool staticcheck ./...
	$(GO) tool staticcheck -tags purego $(tagged)

deps: deps-openblas deps-readers deps-postgres deps-browser ## install what tests need: OpenBLAS, readers of exported files, PostgreSQL, Chromium

deps-openblas: # install OpenBLAS for -tags openblas (Debian, Ubuntu, Fedora, macOS)
	@if pkg-config --exists openblas 2>/dev/null; then echo "OpenBLAS $$(pkg-config --modversion openblas) is installed"; \
	elif command -v apt-get >/dev/null; then $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq libopenblas-dev pkg-config; \
	elif command -v dnf >/dev/null; then $(SUDO) dnf install -y openblas-devel pkgconf-pkg-config; \
	elif command -v brew >/dev/null; then brew install openblas pkg-config; \
	else echo "no apt-get, dnf or brew here: install OpenBLAS with its headers and pkg-config file by hand" >&2; exit 1; fi

deps-peers: # install the libraries of bench peers (Debian, Ubuntu)
	@if command -v apt-get >/dev/null; then $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq gcc libopenblas-dev libdnnl-dev libxsmm-dev libblis-serial-dev; \
	else echo "no apt-get here: install OpenBLAS, oneDNN, libxsmm and BLIS by hand" >&2; exit 1; fi

deps-readers: # install NumPy, SQLite and Optuna for Python, which read exported files, Fashion-MNIST and shells (Debian, Ubuntu)
	@if /usr/bin/python3 -c 'import numpy, sqlite3, optuna' 2>/dev/null && [ -d /usr/share/datasets/fashion-mnist ] && command -v zsh >/dev/null && command -v fish >/dev/null; then echo "NumPy, SQLite, Optuna, Fashion-MNIST, zsh and fish are installed"; \
	elif command -v apt-get >/dev/null; then $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq python3-numpy python3-optuna dataset-fashion-mnist zsh fish; \
	else echo "no apt-get here: the tests of exported files need the Python modules numpy, sqlite3 and optuna" >&2; fi

deps-postgres: # install PostgreSQL, whose servers tests start and stop (Debian, Ubuntu)
	@if ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v initdb >/dev/null; then echo "PostgreSQL is installed"; \
	elif command -v apt-get >/dev/null; then $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq postgresql postgresql-client; \
	else echo "no apt-get here: the tests of stores need PostgreSQL" >&2; fi

deps-browser: # install Chromium with the fonts of its tests (Debian, Ubuntu)
	@if command -v chromium >/dev/null; then echo "Chromium is installed"; \
	elif command -v apt-get >/dev/null; then $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends chromium fonts-liberation; \
	else echo "no apt-get here: the tests of pages need chromium" >&2; fi

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
