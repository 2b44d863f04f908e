# Everything a newcomer types. The first run sets up what it needs inside this folder, from the lock files: `.uv`
# holds the installer, `.venv` the environment, `.label-studio` that of Label Studio, whose requirements do not fit ours.
# Later runs find their stamps and start at once.

PYTHON ?= python3

# A stamp's name says what it was made from: another lock, Python or folder asks for another stamp.
checksum = $(firstword $(shell $(1) 2>/dev/null | cksum))
python := $(shell $(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
installer := .uv/ready-$(call checksum,cat bootstrap.lock)
environment := .venv/ready-$(call checksum,echo '$(python) $(CURDIR)')
packages := $(environment)-$(call checksum,cat requirements.lock)
project := $(packages)-$(call checksum,cat pyproject.toml)
encoder := $(environment)-encoder-$(call checksum,cat requirements.lock encoder.lock)
review_screen := .label-studio/ready-$(call checksum,echo '$(python) $(CURDIR)' | cat - label-studio.lock)

uv := .uv/bin/uv
compile := $(uv) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command 'make lock'

declared_for_encoders = $(PYTHON) -c 'import tomllib; \
	print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["encoder"], sep="\n")'

.DEFAULT_GOAL := help
.PHONY: help demo up label-studio encoder test check format wheel lock upgrade

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: | $(project) ## triage a synthetic organisation's mail, end to end
	.venv/bin/triage demo

up: | $(project) $(review_screen) ## run everything on this machine, until Ctrl-C
	.venv/bin/triage up

label-studio: | $(review_screen) ## install Label Studio into an environment of its own

encoder: | $(encoder) ## install what recipes with an encoder need, and a small encoder for the tests

test: | $(project) $(encoder) $(review_screen) ## run the tests
	.venv/bin/pytest

check: | $(project) ## lint, formatting, types, import contracts, pyproject.toml
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	PYTHONPATH=. .venv/bin/lint-imports
	.venv/bin/validate-pyproject pyproject.toml

format: | $(project) ## repair what can be repaired without thinking
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

wheel: | $(project) ## build the library's wheel into dist/
	.venv/bin/hatchling build --target wheel

lock: | $(installer) ## write the lock files anew after a change of dependencies, keeping versions where possible
	echo uv | $(compile) $(raise) - --output-file bootstrap.lock
	$(compile) $(raise) pyproject.toml --extra feedback --extra flows --extra up --group dev --group bench \
		--output-file requirements.lock
	$(declared_for_encoders) | $(compile) $(raise) - --group encoder --constraint requirements.lock \
		$$(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements.lock) --output-file encoder.lock
	echo label-studio==1.23.2 | $(compile) $(raise) - --output-file label-studio.lock

upgrade: raise := --upgrade
upgrade: lock ## write the lock files anew with the newest versions allowed

define require_python
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo >&2 \
	"Python 3.11 or later is needed; $(PYTHON) is $(or $(python),not installed). Another one: make PYTHON=python3.12 ..."; exit 1; }
endef

$(installer):
	$(require_python)
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo >&2 \
	"$(PYTHON) cannot make virtual environments (ensurepip is missing); on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing uv into .uv ..."
	@$(PYTHON) -m venv --clear .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement bootstrap.lock
	@touch $@

$(environment): | $(installer)
	$(require_python)
	@$(uv) venv --quiet --clear --python "$$($(PYTHON) -c 'import sys; print(sys._base_executable)')" .venv
	@touch $@

$(packages): | $(environment)
	@echo "Installing the locked packages into .venv (the first time takes a minute or two) ..."
	@rm -f $(environment)-*
	@$(uv) pip sync --quiet --python .venv --no-build --compile-bytecode --require-hashes requirements.lock
	@touch $@

$(project): | $(packages)
	@rm -f $(packages)-*
	@$(uv) pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
	@touch $@

# On top of the others, which stay as they are: the lock has only what they lack.
$(encoder): | $(project)
	@echo "Installing the encoder's packages into .venv ..."
	@rm -f $(environment)-encoder-*
	@$(uv) pip install --quiet --python .venv --no-build --no-deps --compile-bytecode --require-hashes \
		--requirement encoder.lock
	@touch $@

# What is built of it (one package has no wheel) is built by what the lock holds, checked as everything else.
$(review_screen): | $(installer)
	$(require_python)
	@echo "Installing Label Studio into .label-studio (the first time takes a minute or two) ..."
	@$(uv) venv --quiet --clear --python "$$($(PYTHON) -c 'import sys; print(sys._base_executable)')" .label-studio
	@$(uv) pip sync --quiet --python .label-studio --compile-bytecode --require-hashes \
		--require-build-hashes --build-constraints label-studio.lock label-studio.lock
	@touch $@
