# wasmflow: build, run and test. Everything lands in build/.

GO       ?= go
BUILD    := build
GUESTS   := uppercase access-log orders-enrich json-route csv-parse partition-by-field bucket-by-field
PACKAGES := ./...
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Pauses of tasks are to be the program's, not those of a disk that others write, too: a folder in
# memory, where one has a GiB to spare.
SHM       = $(shell df -k --output=avail /dev/shm 2>/dev/null | \
              awk 'NR == 2 && $$1 > 1048576 { print "-tmp /dev/shm" }')

export CGO_ENABLED = 0

.PHONY: all build guests run run-files test check cross race simulation differential chaos chaos-short chaos-kafka chaos-kafka-short chaos-swap chaos-swap-short chaos-hdfs chaos-hdfs-short chaos-s3 chaos-s3-short bench bench-kafka bench-hdfs bench-meter bench-hostile fuzz kafka hdfs s3 clean tools

all: build guests

build: ## the wasmflow binary
	$(GO) build -trimpath -tags timetzdata -ldflags "-s -w -X main.version=$(VERSION)" -o $(BUILD)/wasmflow ./cmd/wasmflow

guests: $(GUESTS:%=$(BUILD)/guests/%.wasm) ## the example guests

# The Go toolchain decides what is out of date, so the rule always runs.
.PHONY: $(GUESTS:%=$(BUILD)/guests/%.wasm)
$(GUESTS:%=$(BUILD)/guests/%.wasm): $(BUILD)/guests/%.wasm:
	@mkdir -p $(BUILD)/guests
	GOOS=wasip1 GOARCH=wasm $(GO) build -trimpath -buildmode=c-shared -ldflags "-s -w" -o $@ ./guests/$*

# Guests of other languages are committed as they were built (guests/prebuilt), so that nobody needs
# the languages' tools to test. To add a language: a name here and a target guests-rebuild-NAME.
REBUILD := c cpp zig rust quickjs python assemblyscript wat

.PHONY: setup guests-rebuild $(REBUILD:%=guests-rebuild-%)
# What was built anew has to behave as before. With the compiler of the manifest its bytes are the same,
# too, but for Rust and Python, whose compiler takes names from the folder it works in.
guests-rebuild: rebuild-tools ## build the committed guests of other languages anew, and test them; setup has the tools
	$(MAKE) $(REBUILD:%=guests-rebuild-%)
	$(GO) test ./guests/prebuilt ./guests/examples ./host/conformance ./host/script
	@git diff --stat -- guests/prebuilt

.PHONY: rebuild-tools
rebuild-tools: # name all that is missing before anything starts
	@missing=; need() { command -v "$$1" >/dev/null || { echo "missing: $$1: $$2"; missing=1; }; }; \
	need clang-19 "make setup, or apt-get install clang-19"; \
	need wasm-ld-19 "make setup, or apt-get install lld-19"; \
	need wat2wasm "make setup, or apt-get install wabt"; \
	need zstd "make setup, or apt-get install zstd"; \
	need llvm-ar "make setup, or apt-get install llvm"; \
	need cargo "rustup with Rust 1.95.0"; \
	need node "node 20 or newer"; \
	need npm "node 20 or newer, with npm"; \
	$(ZIG) version >/dev/null 2>&1 || { missing=1; \
	  echo 'missing: zig: pip install ziglang==0.17.1, then ZIG="python3 -m ziglang"'; }; \
	test -d "$$(rustc --print sysroot 2>/dev/null)/lib/rustlib/wasm32-unknown-unknown" || { missing=1; \
	  echo "missing: rust for wasm32: rustup target add wasm32-unknown-unknown"; }; \
	test -d "$$(rustc +1.97.0 --print sysroot 2>/dev/null)/lib/rustlib/wasm32-wasip1" || { missing=1; \
	  echo "missing: rust for WASI: rustup toolchain install 1.97.0 -t wasm32-wasip1"; }; \
	test -z "$$missing"

guests-rebuild-c:
	$(MAKE) -C guests/conformance-c
	$(MAKE) -C guests/examples-c
	$(GO) run ./guests/prebuilt/stamp conformance-c examples-c

guests-rebuild-cpp:
	$(MAKE) -C guests/conformance-cpp
	$(MAKE) -C guests/examples-cpp
	$(GO) run ./guests/prebuilt/stamp conformance-cpp examples-cpp

ZIG ?= zig

guests-rebuild-zig: # zig 0.17.1; without it: pip install ziglang==0.17.1, ZIG="python3 -m ziglang"
	$(MAKE) -C guests/conformance-zig ZIG="$(ZIG)"
	$(MAKE) -C guests/examples-zig ZIG="$(ZIG)"
	$(GO) run ./guests/prebuilt/stamp conformance-zig examples-zig

guests-rebuild-assemblyscript: # node with npm, which fetches AssemblyScript 0.28.20
	cd guests/conformance-assemblyscript && npm ci
	cd guests/examples-assemblyscript && npm ci
	$(MAKE) -C guests/conformance-assemblyscript
	$(MAKE) -C guests/examples-assemblyscript
	$(GO) run ./guests/prebuilt/stamp conformance-assemblyscript examples-assemblyscript

guests-rebuild-rust: # rustc with wasm32-unknown-unknown: the README of sdk/rust has the command
	$(MAKE) -C guests/conformance-rust
	$(MAKE) -C guests/examples-rust
	$(GO) run ./guests/prebuilt/stamp conformance-rust examples-rust

guests-rebuild-quickjs: # the engine of scripts; its source is fetched by cargo
	$(MAKE) -C sdk/js/engine
	$(GO) run ./guests/prebuilt/stamp quickjs

guests-rebuild-python: # the engine of scripts in Python: a quarter of an hour; fetched by cargo
	$(MAKE) -C sdk/python/engine
	$(GO) run ./guests/prebuilt/stamp rustpython

guests-rebuild-wat: # wat2wasm
	$(MAKE) -C guests/conformance-wat
	$(GO) run ./guests/prebuilt/stamp conformance-wat

setup: ## on Debian 12: installs what guests-rebuild needs (wants root), and names what it cannot
	apt-get install -y --no-install-recommends clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 \
	  libc++-19-dev-wasm32 wabt llvm zstd
	-pip3 install ziglang==0.17.1
	-rustup target add wasm32-unknown-unknown
	-rustup toolchain install 1.97.0 -t wasm32-wasip1
	@$(MAKE) --no-print-directory rebuild-tools || $(MAKE) --no-print-directory rebuild-tools \
	  ZIG="python3 -m ziglang"

run: build guests ## the main job: orders from one topic to another, enriched by a guest, exactly once
	./examples/orders/run.sh $(BUILD)

run-files: build guests ## access logs, parsed by a guest, exactly once into bucket folders
	./examples/access-log/run.sh $(BUILD)

test: tools check cross race simulation differential chaos-short chaos-kafka-short chaos-swap-short chaos-hdfs-short chaos-s3-short ## everything CI runs
	@echo PASS

tools: # name what is missing before anything starts
	@command -v $(GO) >/dev/null || { echo "make test: needs the Go toolchain (1.26 or newer)"; exit 1; }
	@command -v gcc >/dev/null || command -v cc >/dev/null || { \
	  echo "make test: the race detector needs a C compiler; on Debian: apt-get install gcc libc6-dev"; exit 1; }
	@command -v java >/dev/null || { \
	  echo "make test: real servers need Java (17 or newer); on Debian: apt-get install default-jre-headless"; exit 1; }
	@command -v mvn >/dev/null || { \
	  echo "make test: real servers are fetched with Maven; on Debian: apt-get install maven"; exit 1; }

check: ## formatting, vet, staticcheck
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "not gofmt-ed:"; echo "$$out"; exit 1; fi
	$(GO) vet $(PACKAGES)
	$(GO) tool staticcheck $(PACKAGES)

cross: build ## the platforms a release is made for
	GOOS=linux GOARCH=arm64 $(GO) build -o /dev/null ./cmd/wasmflow
	GOOS=darwin GOARCH=arm64 $(GO) build -o /dev/null ./cmd/wasmflow

race: ## every test, with the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 15m $(PACKAGES)

simulation: ## the commit protocol under more seeds than the race detector has time for
	$(GO) test ./checkpoint/checkpointtest/simulation

differential: ## what is too much for the race detector: rewritten modules against the original, deadlines, Python
	$(GO) test ./host/guest/meter
	$(GO) test -run Deadline ./host/replay
	$(GO) test -run Python ./host/script ./guests/examples ./cmd/wasmflow

chaos: build guests ## kill test: 2,000,000 lines, 100 kills, every failpoint, zombies
	$(GO) build -tags failpoints -o $(BUILD)/wasmflow-failpoints ./cmd/wasmflow
	$(GO) run ./cmd/chaos -binary $(BUILD)/wasmflow-failpoints -guests $(BUILD)/guests

chaos-kafka: simulation build guests ## the same on three real brokers, which are killed, cut off and slowed down; seeded bugs first
	$(GO) build -tags failpoints -o $(BUILD)/wasmflow-failpoints ./cmd/wasmflow
	$(GO) run ./cmd/chaos -kafka -binary $(BUILD)/wasmflow-failpoints -guests $(BUILD)/guests

chaos-kafka-short: build guests ## the same with fewer records, kills and faults
	$(GO) build -tags failpoints -o $(BUILD)/wasmflow-failpoints ./cmd/wasmflow
	$(GO) run ./cmd/chaos -kafka -short -binary $(BUILD)/wasmflow-failpoints -guests $(BUILD)/guests

chaos-swap: build ## 1,000 swaps under load: good, broken and killed ones, into folders and between topics
	$(GO) build -tags failpoints -o $(BUILD)/wasmflow-failpoints ./cmd/wasmflow
	$(GO) run ./cmd/chaos -swaps $(SHM) -binary $(BUILD)/wasmflow-failpoints

chaos-swap-short: build ## the same with fewer swaps
	$(GO) build -tags failpoints -o $(BUILD)/wasmflow-failpoints ./cmd/wasmflow
	$(GO) run ./cmd/chaos -swaps -short $(SHM) -binary $(BUILD)/wasmflow-failpoints

chaos-hdfs: build guests ## the kill test on HDFS: 1,200,000 lines, 100 kills and more; NameNode and DataNodes die, too
	$(GO) build -tags failpoints -o $(BUILD)/wasmflow-failpoints ./cmd/wasmflow
	$(GO) run ./cmd/chaos -hdfs -binary $(BUILD)/wasmflow-failpoints -guests $(BUILD)/guests

chaos-hdfs-short: build guests ## the same with fewer lines, kills and deaths of nodes
	$(GO) build -tags failpoints -o $(BUILD)/wasmflow-failpoints ./cmd/wasmflow
	$(GO) run ./cmd/chaos -hdfs -short -binary $(BUILD)/wasmflow-failpoints -guests $(BUILD)/guests

chaos-s3: build guests ## the kill test on S3: every step of an upload and of a decision; the server dies, too
	$(GO) build -tags failpoints -o $(BUILD)/wasmflow-failpoints ./cmd/wasmflow
	$(GO) run ./cmd/chaos -s3 -binary $(BUILD)/wasmflow-failpoints -guests $(BUILD)/guests

chaos-s3-short: build guests ## the same with fewer lines and kills
	$(GO) build -tags failpoints -o $(BUILD)/wasmflow-failpoints ./cmd/wasmflow
	$(GO) run ./cmd/chaos -s3 -short -binary $(BUILD)/wasmflow-failpoints -guests $(BUILD)/guests

chaos-short: build guests ## the same with fewer lines and kills
	$(GO) build -tags failpoints -o $(BUILD)/wasmflow-failpoints ./cmd/wasmflow
	$(GO) run ./cmd/chaos -short -binary $(BUILD)/wasmflow-failpoints -guests $(BUILD)/guests

bench: build guests ## writes bench/RESULTS.md
	$(GO) build -o $(BUILD)/bench ./bench
	$(BUILD)/bench

bench-kafka: build guests ## writes bench/KAFKA.md; starts a real broker
	$(GO) build -o $(BUILD)/bench-kafka ./bench/kafka
	$(BUILD)/bench-kafka

bench-hdfs: build $(BUILD)/guests/bucket-by-field.wasm ## writes bench/HDFS.md; starts a real HDFS
	$(GO) build -o $(BUILD)/bench-hdfs ./bench/hdfs
	$(BUILD)/bench-hdfs

kafka: ## a real Kafka broker, until interrupted; KAFKA="-nodes 3" for three
	$(GO) run ./cmd/testservers $(KAFKA)

hdfs: ## a real HDFS, until interrupted; HDFS="-nodes 3" for three DataNodes
	$(GO) run ./cmd/testservers -hdfs $(HDFS)

s3: ## a real S3 server, until interrupted
	$(GO) run ./cmd/testservers -s3

bench-meter: ## what metering costs, over modules of several compilers; writes bench/meter/RESULTS.md
	$(GO) build -o $(BUILD)/bench-meter-bin ./bench/meter
	$(BUILD)/bench-meter-bin

bench-hostile: ## what hostile modules cost those beside them; writes bench/hostile/RESULTS.md
	$(GO) build -o $(BUILD)/bench-hostile ./bench/hostile
	$(BUILD)/bench-hostile

.PHONY: bench-languages scaffolds
bench-languages: ## what a plugin costs in each language; writes to docs/languages.md; takes some minutes
	$(GO) build -o $(BUILD)/bench-languages-bin ./bench/languages
	$(BUILD)/bench-languages-bin costs

# Wants the tools of every language: setup, rustup target add wasm32-unknown-unknown, node with npm,
# and zig, or ZIG="python3 -m ziglang". Variables that name a tool reach the plugins' Makefiles.
export ZIG
scaffolds: build ## begin, build, test and run a plugin in each language; writes to docs/languages.md
	$(GO) build -o $(BUILD)/bench-languages-bin ./bench/languages
	$(BUILD)/bench-languages-bin scaffolds -wasmflow $(BUILD)/wasmflow

FUZZ_CPU_MINUTES ?= 30

PYTHON ?= python3

.PHONY: check-formats
check-formats: ## the programs of others read files of every type; pip install pyarrow duckdb fastavro cramjam backports.zstd
	$(GO) run ./cmd/formatfiles -dir $(BUILD)/formats
	$(PYTHON) connectors/connectortest/formats/check.py $(BUILD)/formats

fuzz: ## every decoder of foreign bytes, for so many CPU minutes each; FUZZ="-keep" keeps what it finds
	$(GO) run ./cmd/fuzz -minutes $(FUZZ_CPU_MINUTES) $(FUZZ)

clean:
	rm -rf $(BUILD)
