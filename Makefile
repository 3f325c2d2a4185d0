# The few commands a person types. Everything real happens in CMake; see CMakePresets.json.
JOBS ?= $(shell nproc)
# ccache only where it is already installed: nothing depends on it.
LAUNCHER := $(if $(shell command -v ccache),-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

.PHONY: help setup configure build test demo lint bench clean

help:
	@echo 'make build   the program, at build/release/memagent, and its trainer'
	@echo 'make demo    build the program, then read a document of a million tokens'
	@echo 'make test    build and run every test'
	@echo 'make lint    check formatting and run clang-tidy (SINCE=COMMIT: on what differs from it)'
	@echo 'make bench   tokens per second of this machine, as JSON'
	@echo 'make clean   delete everything built'
	@echo 'Missing Debian packages are installed first (tools/setup.sh).'

setup:
	@tools/setup.sh

configure: setup
	@tools/npm_install.sh web
	@[ -f build/release/build.ninja ] || cmake --preset release $(LAUNCHER)

build: configure
	@ninja -C build/release -j $(JOBS) programs

test: configure
	@tools/setup.sh test
	@tools/npm_install.sh tests/npm
	@tools/unpack_debian.sh nginx caddy
	@ninja -C build/release -j $(JOBS)
	@cd build/release && ctest -j 2 --output-on-failure

demo: configure
	@ninja -C build/release -j $(JOBS) memagent
	@tools/demo.sh

lint:
	@tools/setup.sh lint
	@$(MAKE) --no-print-directory configure
	@JOBS=$(JOBS) tools/lint.sh $(if $(SINCE),--since $(SINCE))

bench: build
	@tools/bench.sh

clean:
	rm -rf build web/node_modules tests/npm/node_modules
