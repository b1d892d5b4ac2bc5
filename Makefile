# make setup   the virtual environment .venv with everything in it
# make demo    sets up what the demonstration needs, then the sandbox planet: ingested, asked, drawn as a map
# make test    sets up the rest, then the whole test run
# make quick   the tests that need no service, no browser and no demonstration, in a minute; after `make setup`, or
#              with BIN= in an environment of your own where `pip install '.[test]'` ran
# make test-long  the tests that have a long form, at full length: twenty kills, crops of five sources, …
# make check   sets up the rest, then style, types and the import contract
# make documents  docs/architecture.md and docs/numbers.md anew, from the files' own sentences and docs/numbers/*.json
# make sizes   how large each extra is, for docs/numbers.md
# make soak    14,000 tiles in the served mode, whose servers and workers are killed again and again (minutes)
# make attack  what strangers send and disks do, against an app of its own (three minutes)
# make walk    a whole task through the app in a real browser, a picture of every step, after `make demo` (four minutes)
# make qgis    the plugin for QGIS as build/groundcast-qgis.zip, which QGIS installs
# make bench   every benchmark (long)

VENV := .venv
BIN := $(VENV)/bin/
SHOWN := $(VENV)/.demo
READY := $(VENV)/.ready
RUN := OMP_NUM_THREADS=1 $(BIN)python -m pytest -n $$(($$(nproc) + 1)) --dist loadfile --no-loadscope-reorder
LONGER := $(foreach name,app area browser captions cli crash crops embedder experiments login notebook pairs proxied \
    sandbox_overhead sandbox_pairs served_workers train,tests/test_$(name).py)
QGIS_ZIP := build/groundcast-qgis.zip
BENCHMARKS := $(basename $(notdir $(wildcard benchmarks/*.py)))

.PHONY: setup demo test quick test-long check documents sizes qgis bench soak attack walk clean

$(SHOWN): pyproject.toml constraints.txt tools/setup.sh search_ui/components/maplibre.py
	sh tools/setup.sh $(VENV) demo
	touch $(SHOWN)

$(READY): pyproject.toml constraints.txt tools/setup.sh search_ui/components/maplibre.py
	sh tools/setup.sh $(VENV) all
	touch $(READY) $(SHOWN)

setup: $(READY)

demo: $(SHOWN)
	$(BIN)groundcast demo

test: $(READY)
	$(RUN)

quick: $(if $(filter command,$(firstword $(origin BIN))),,$(READY))
	$(RUN) --quick

test-long: $(READY)
	GROUNDCAST_TEST_LONG=1 OMP_NUM_THREADS=1 $(BIN)python -m pytest $(LONGER)

check: $(READY)
	$(BIN)ruff check .
	$(BIN)ruff format --check .
	$(BIN)mypy
	$(BIN)lint-imports

documents:
	$(BIN)python -m tools.architecture
	$(BIN)python -m tools.numbers

sizes: $(READY)
	$(BIN)python -m tools.numbers --measure sizes

attack: $(READY)
	$(BIN)python -m tools.attack

walk: $(READY)
	$(BIN)python -m tools.walk --home $${GROUNDCAST_HOME:-$$HOME/.groundcast} --work build/walk

qgis:
	mkdir -p build
	rm -rf deploy/qgis/groundcast_search/__pycache__ $(QGIS_ZIP)
	cd deploy/qgis && python3 -m zipfile -c $(abspath $(QGIS_ZIP)) groundcast_search

bench: $(READY)
	failed=; for name in $(BENCHMARKS); do $(BIN)python -m benchmarks.$$name || failed="$$failed $$name"; done; \
	if [ -n "$$failed" ]; then echo "these ended with an error:$$failed"; exit 1; fi

soak: $(READY)
	OMP_NUM_THREADS=1 $(BIN)python -m tools.soak

clean:
	rm -rf $(VENV) build dist *.egg-info
