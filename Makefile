# Two commands do everything on a machine with Python 3.11 and make: `make demo` and `make test`.

PYTHON := $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# setuptools warns of every editable install, with nothing to be done about it.
INSTALL := PYTHONWARNINGS=ignore $(PIP) install --quiet --constraint constraints.txt
# One installation serves type checks and import checks; neither follows the folders of an editable one.
CHECKED := build/check
# Clips of seven genres: where they lie beside the checkout, or where they are cut from Debian's packages.
GENRES ?= $(firstword $(wildcard ../shared/data/genres) build/genres)
# Twelve recordings, which some benchmarks play.
CLIPS ?= ../shared/data/clips
PACKAGES := dreampedal effects engine export presets

.DEFAULT_GOAL := help
.PHONY: help demo test check quick lint types imports docs unit live-server soak stress pedalboard-suite train-notes train-ensemble train-all train-styles train-judges train-students train-students-quick bench figures clean

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/runtime ## Dream the shipped recording with every preset: wet files and pictures in demo/.
	$(BIN)/dreampedal demo --out demo

test: .venv/develop lint types imports docs unit ## Style, types, import directions, the documentation, doctests and tests.

check: .venv/develop ## In a minute: style, types, and the tests of what changed, then others while there is time.
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint types quick

quick: .venv/develop
	$(BIN)/python -m pytest --quick 25 -q --no-header -m "not slow and not stress and not live"

lint: .venv/develop
	$(BIN)/ruff check .

types: $(CHECKED)/stamp
	$(BIN)/mypy

imports: $(CHECKED)/stamp
	cd $(CHECKED) && $(abspath $(BIN))/lint-imports --config $(abspath pyproject.toml)

# Tests that play through the audio server take turns (--dist loadgroup); all others run beside them.
unit: .venv/develop live-server build/musicnn
	$(BIN)/python -m pytest --numprocesses auto --dist loadgroup $(TESTS)

live-server: build/live-server

docs: .venv/develop ## The documentation as pages, in build/docs; the first warning stops it.
	$(BIN)/python -m sphinx -W -E --keep-going --quiet -b html docs build/docs

soak: .venv/develop ## Eight hours' worth of blocks at the end of a live stream: finite, under the ceiling, memory flat.
	SOAK_HOURS=8 $(BIN)/python -m pytest tests/engine/live/test_soak.py

stress: .venv/develop live-server ## All cases of the tests that `make test` draws a sample of: threads, mutants, processors (an hour).
	DREAMPEDAL_STRESS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadgroup -m stress

# A checkout of https://github.com/spotify/pedalboard; nothing is fetched, and nothing of it is kept here.
pedalboard-suite: .venv/develop ## pedalboard's own tests with Board and Mix in place of Pedalboard and Mix; PEDALBOARD=its checkout.
	@test -d "$(PEDALBOARD)/tests" || { echo "make: PEDALBOARD=$(PEDALBOARD): expected a checkout of pedalboard, with a folder tests" >&2; exit 2; }
	@rm -rf build/pedalboard-suite && mkdir -p build/pedalboard-suite && cp -R "$(PEDALBOARD)/tests" build/pedalboard-suite
	cd build/pedalboard-suite && PYTHONPATH=$(CURDIR)/tests/pedalboard_suite $(abspath $(BIN))/pytest -p in_place -c /dev/null \
		--rootdir . --import-mode=importlib --numprocesses auto -q tests

train-notes: .venv/develop ## Train the shipped model again (20 minutes); SOUNDFONTS="a.sf2 b.sf2" chooses the sounds.
	$(BIN)/dreampedal train notes --out presets/models/notes.onnx $(foreach font,$(SOUNDFONTS),--soundfont $(font))

train-ensemble: .venv/develop build/sounds ## Train four networks for ascents on all of them (10 minutes): build/ensemble.onnx.
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.listening.train --out build/ensemble.onnx

train-all: .venv/develop build/sounds $(GENRES)/manifest.csv ## Train every row of bench/research/networks.md, from packages to the table (hours).
	$(BIN)/python -m bench.research.networks --genres $(GENRES)
	$(BIN)/python -m bench.research.musicnn --genres $(GENRES)
	$(BIN)/python -m bench.research.pruning --genres $(GENRES)
	$(BIN)/python -m bench.research.styles $(GENRES) build/styles.onnx
	$(BIN)/python -m bench.research.distil $(GENRES) build/songs.onnx
	$(BIN)/python -m bench.research.networks --table

train-styles: .venv/develop $(GENRES)/manifest.csv ## Train the shipped model of styles again (4 minutes).
	$(BIN)/python -m bench.research.styles $(GENRES)

train-students: .venv/develop build/sounds $(GENRES)/manifest.csv ## Distil the shipped students and the learned equaliser again, overnight (8 hours on two cores); resumable.
	$(DISTIL) --out presets/models/families.onnx --run build/families
	$(DISTIL) --out presets/models/voices.onnx --run build/voices --carrier all
	$(CURVES) --run build/curves --cache build/phrases

train-students-quick: .venv/develop build/sounds $(GENRES)/manifest.csv ## The gain student in about an hour, to build/families_quick.onnx.
	$(DISTIL) --out build/families_quick.onnx --run build/families_quick --quick

train-judges: .venv/develop build/sounds ## Train the two judges again on TimGM6mb (10 minutes), and say what they hear of unseen notes.
	$(BIN)/python -m bench.listening.judges --again --clips $(CLIPS)

bench: .venv/develop ## Run every benchmark, one after the other: ours, theirs, ratio.
	@set -e; for script in $(wildcard bench/*.py); do echo "== $$script"; $(BIN)/python $$script; done
	@set -e; for module in songs train; do echo "== bench.research.$$module"; $(BIN)/python -m bench.research.$$module; done

figures: .venv/develop ## Measure the README's figures again and say which differ (1.5 hours; FIGURES="--only stft start", "--quick", "--list").
	$(BIN)/python -m bench.harness.figures --clips $(CLIPS) $(FIGURES)

clean: ## Remove what was built; .venv stays.
	rm -rf build demo *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# JACK needs no sound card, and the live tests need JACK. Installed where that can be done unasked.
build/live-server:
	@mkdir -p build
	@if command -v jackd >/dev/null && PATH="$$PATH:/sbin" ldconfig -p 2>/dev/null | grep -q libportaudio.so.2; then touch $@; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
			jackd2 libportaudio2; } >build/live-server.log 2>&1 && touch $@ || \
		echo "make: jackd2 and libportaudio2 could not be installed (build/live-server.log)" >&2; \
	else echo "make: live tests play through an audio server: install jackd2 and libportaudio2 to run them" >&2; fi

# The published networks of musicnn, which tests compare with; pip keeps the wheel in the user's cache.
build/musicnn: .venv/develop
	@mkdir -p build
	@$(BIN)/python -c 'from dreampedal.export.musicnn import wheel; wheel.published_wheel()' >build/musicnn.log 2>&1 && touch $@ || \
		echo "make: the wheel of musicnn could not be fetched, its tests are skipped (build/musicnn.log)" >&2

# The clips of genres: those beside the checkout, or cut again from Debian's packages (3.5 GB are fetched).
build/genres/manifest.csv: .venv/develop
	@test "$$(id -u)" != 0 || apt-get update -qq
	$(BIN)/python -m bench.research.genres build/genres

# Soundfonts to learn from, one to judge on, and recordings of instruments. Installed where that can be done unasked.
SOUNDS := fluid-soundfont-gm musescore-general-soundfont-lossless freepats timgm6mb-soundfont gcompris-qt-data libfluidsynth3
build/sounds:
	@mkdir -p build
	@dpkg --status $(SOUNDS) >build/sounds.log 2>&1 || \
	{ test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes \
		--no-install-recommends $(SOUNDS); } >build/sounds.log 2>&1 || \
	{ echo "make: train-all needs the Debian packages $(SOUNDS) (build/sounds.log)" >&2; exit 1; }
	@touch $@

# Stamps: an installation is repeated when what it was made from has changed.

DISTIL = $(BIN)/dreampedal distil $(foreach font,$(STUDENT_SOUNDFONTS),--soundfont $(font)) --sounds $(GENRES) \
	--cache build/phrases --jobs 2
CURVES = $(BIN)/python -m bench.listening.curves --soundfonts $(STUDENT_SOUNDFONTS) --sounds $(GENRES)
# TimGM6mb judges, so it teaches nobody.
STUDENT_SOUNDFONTS ?= /usr/share/sounds/sf2/FluidR3_GM.sf2 /usr/share/sounds/sf2/MuseScore_General_Full.sf2 \
	/usr/share/midi/freepats

SOUNDFONTS ?= /usr/share/sounds/sf2/FluidR3_GM.sf2

.venv/base: constraints.txt
	@test -n "$(PYTHON)" || { echo "make: no python3.11 or python3 found: install Python 3.11 or later" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is older than Python 3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(INSTALL) pip setuptools
	@touch $@

.venv/runtime: .venv/base pyproject.toml
	$(INSTALL) --no-build-isolation --editable '.[pictures]'
	@touch $@

.venv/develop: .venv/runtime
	$(INSTALL) --no-build-isolation --editable '.[pictures,train,dev]'
	@touch $@

$(CHECKED)/stamp: .venv/develop pyproject.toml $(shell find $(PACKAGES) -name '*.py')
	@rm -rf build/lib $(CHECKED)
	$(INSTALL) --no-deps --no-build-isolation --target $(CHECKED) .
	@rm -rf build/lib
	@touch $@
