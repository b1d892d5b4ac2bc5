# make setup   the virtual environment .venv with everything in it
# make test    sets up if needed, then the whole test run
# make test-long  the tests that have a long form, at full length: twenty kills, crops of five sources, …
# make check   sets up if needed, then style, types and the import contract
# make demo    sets up if needed, then the sandbox planet: ingested, asked, drawn as a map
# make soak    sets up if needed, then 20,000 tiles by workers that are killed again and again (minutes)
# make bench   sets up if needed, then every benchmark (long)

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LONGER := $(foreach name,area browser crash crops served_workers,tests/test_$(name).py)
BENCHMARKS := $(basename $(notdir $(wildcard benchmarks/*.py)))

.PHONY: setup test test-long check demo bench soak clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt tools/setup.sh
	sh tools/setup.sh $(VENV)
	touch $(READY)

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $$(($$(nproc) + 1)) --dist loadfile --no-loadscope-reorder

test-long: $(READY)
	GROUNDCAST_TEST_LONG=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(LONGER)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

demo: $(READY)
	$(BIN)/groundcast demo

bench: $(READY)
	failed=; for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name || failed="$$failed $$name"; done; \
	if [ -n "$$failed" ]; then echo "these ended with an error:$$failed"; exit 1; fi

soak: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.soak

clean:
	rm -rf $(VENV) build dist *.egg-info
