# Two commands matter: `make run` and `make test`. Both install what they need (tests/setup.sh says
# what) and build what is missing.
SETUP := sh tests/setup.sh
BUILD = cmake --preset $(1) >build/$(1).log && cmake --build --preset $(1) --target $(2)
# Where `make run` listens: LISTEN="127.0.0.1:53 [::1]:53". (5353 belongs to multicast DNS.)
LISTEN ?= 127.0.0.1:1053 $(if $(wildcard /proc/net/if_inet6),[::1]:1053)
DIG = dig @$(shell echo '$(firstword $(LISTEN))' | sed 's/^\(.*\):\([0-9]*\)$$/\1 -p \2/; s/[][]//g')
PREFIX ?= /usr/local
# What `make build`, `static`, `image` and `deb` build for: amd64 or arm64, by default what this machine is.
NATIVE := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,amd64)
ARCH ?= $(NATIVE)
FOREIGN = $(filter-out $(NATIVE),$(ARCH))
PRESET = release$(FOREIGN:%=-%)
export NXGATE_SYSROOT = $(FOREIGN:%=$(CURDIR)/build/sysroot-%)
# Libraries of another architecture are unpacked below build/, and nothing of this machine's is touched.
READY = $(SETUP) build $(if $(FOREIGN),cross && sh packaging/sysroot.sh $(ARCH) $(NXGATE_SYSROOT))
VERSION = $(shell sed -n 's,.*nxgate VERSION \([0-9.]*\).*,\1,p' CMakeLists.txt)
EPOCH = $(shell git log -1 --format=%ct)
SOURCES = $(shell git ls-files 'src/*.cc' 'src/*.h' 'tests/*.cc')

.PHONY: run build static image deb release release-of reproducible test test-cross test-engines bench microbench fuzz \
    format lint install installable uninstall clean

run:
	@$(SETUP) build
	@mkdir -p build && $(call BUILD,release,nxgate)
	@echo "nxgate answers at $(LISTEN). In another terminal:"
	@echo "    $(DIG) www.example.com   # not on the list: NXDOMAIN"
	@echo "    $(DIG) qiqitori.com      # on it: asked of resolv.conf's servers"
	@echo "    $(DIG) db.test           # a record of its own"
	@command -v dig >/dev/null || echo "dig is in the Debian package bind9-dnsutils."
	@build/release/nxgate serve $(foreach at,$(LISTEN),--listen '$(at)') -v \
	    --allow qiqitori.com,debian.org --record 'db.test A 10.0.0.5'

build:
	@$(READY)
	@mkdir -p build && $(call BUILD,$(PRESET),nxgate)

# One file that runs where there is no other, as in an empty chroot.
static:
	@$(READY)
	@mkdir -p build && $(call BUILD,$(PRESET),nxgate_static)
	@ls -l build/$(PRESET)/nxgate_static

# A Docker image of that file, nxgate:VERSION and nxgate:latest, for `docker load`.
IMAGE = build/image/nxgate-$(ARCH).tar
image: static
	@$(SETUP) image
	@mkdir -p build/image && SOURCE_DATE_EPOCH=$(EPOCH) /usr/bin/python3 packaging/image/build.py \
	    build/$(PRESET)/nxgate_static $(VERSION) $(ARCH) $(IMAGE) nxgate:$(VERSION) nxgate:latest
	@ls -l $(IMAGE)

# A Debian package of this build.
deb: build
	@$(SETUP) package
	@SOURCE_DATE_EPOCH=$(EPOCH) sh packaging/deb/build.sh build/$(PRESET) $(VERSION) build/deb $(ARCH)
	@ls -l build/deb/*_$(ARCH).deb

# All that is published of a version, for each architecture, in build/nxgate-VERSION: the static program with
# what belongs to it, the package, the image, an SBOM (SPDX), install.sh and checksums. NXGATE_URL is the
# address where they will be.
release:
	@rm -rf build/nxgate-$(VERSION)
	@for each in $(sort $(NATIVE) arm64); do $(MAKE) --no-print-directory release-of ARCH=$$each || exit 1; done
	@ls -l build/nxgate-$(VERSION)

release-of: static image deb
	@SOURCE_DATE_EPOCH=$(EPOCH) sh packaging/release.sh build/$(PRESET) $(VERSION) $(ARCH) \
	    build/nxgate-$(VERSION) build/deb/nxgate_$(VERSION)_$(ARCH).deb $(IMAGE)

# The unit tests of another architecture, those that work in qemu: make test-cross ARCH=arm64.
test-cross:
	@$(READY)
	@mkdir -p build && $(call BUILD,$(PRESET),all)
	@ctest --preset $(PRESET) --timeout 1200

# Builds the static program twice, from clones of this commit in two places and without a cache, and compares.
reproducible:
	@$(SETUP) build
	@rm -rf build/twice && mkdir -p build/twice
	@for place in one other/place; do \
	    git clone -q . build/twice/$$place && cd build/twice/$$place && \
	    cmake --preset release >/dev/null && \
	    CCACHE_DISABLE=1 cmake --build --preset release --target nxgate_static >/dev/null && \
	    cd $(CURDIR) || exit 1; \
	done
	@cd build/twice && sha256sum one/build/release/nxgate_static other/place/build/release/nxgate_static && \
	    cmp one/build/release/nxgate_static other/place/build/release/nxgate_static && echo "the same"

# Every test: see tests/run.sh. NXGATE_PRESETS="release" runs those of one build alone.
test:
	@$(SETUP) build test
	@sh tests/run.sh

# The tests with a Docker engine against the engines of other Debian releases.
test-engines:
	@$(SETUP) build engines
	@mkdir -p build && $(call BUILD,release,nxgate)
	@sh tests/engines.sh build/release/nxgate

# nxgate beside its peers. BENCH chooses kinds of work and options: BENCH="denied cached",
# BENCH=--quick, BENCH="--write docs/performance.md", BENCH=--help.
bench:
	@$(SETUP) build bench
	@mkdir -p build && $(call BUILD,release,nxgate bench_tools)
	@/usr/bin/python3 tests/bench $(BENCH)

# What the parts of the hot path cost by themselves: the *_bench.cc beside the code.
microbench:
	@$(SETUP) build bench
	@mkdir -p build && $(call BUILD,release,microbench)
	@for program in build/release/*_bench; do $$program || exit 1; done

# Every fuzz target for FUZZ_SECONDS each, from its corpus.
FUZZ_SECONDS ?= 60
fuzz:
	@$(SETUP) build
	@mkdir -p build && $(call BUILD,fuzz,fuzzers)
	@for corpus in tests/corpus/*; do \
	    target=$$(basename $$corpus); mkdir -p build/fuzz/found/$$target; \
	    build/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=5 -print_final_stats=1 \
	        build/fuzz/found/$$target $$corpus || exit 1; \
	done

format:
	@$(SETUP) lint
	@clang-format-19 -i $(SOURCES)

lint:
	@$(SETUP) build lint
	@clang-format-19 --dry-run -Werror $(SOURCES)
	@mkdir -p build && cmake --preset dev >build/dev.log
	@cmake --build build/dev --target nxgate_dnstap_messages >>build/dev.log  # makes a header
	@printf '%s\n' $(filter-out %_test.cc %_fuzz.cc %_bench.cc,$(filter src/%.cc,$(SOURCES))) | \
	    xargs -P $$(nproc) -n 3 clang-tidy-19 --quiet -p build/dev 2>build/lint.log

install: installable build
	@cmake --install build/$(PRESET) --prefix '$(PREFIX)'

installable:
	@mkdir -p '$(PREFIX)' && [ -w '$(PREFIX)' ] || \
	    { echo "make install: $(PREFIX) is not yours to write: sudo make install, or PREFIX=DIRECTORY"; exit 1; }

# What the last `make install` of this tree put there.
uninstall:
	@[ -e build/release/install_manifest.txt ] || { echo "make uninstall: nothing was installed from here"; exit 1; }
	@xargs -d '\n' rm -fv <build/release/install_manifest.txt
	@rm -f build/release/install_manifest.txt

clean:
	@rm -rf build
