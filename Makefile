# socktest: "make help" lists the targets.

VERSION := 0.1.0

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
# Debian has a folder of its own for zsh's functions that come with packages.
ZSHDIR ?= $(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
INSTALL ?= install
PKG_CONFIG ?= pkg-config
OBJCOPY ?= objcopy

# CROSS=aarch64 builds for that machine, with its compiler and the libraries that multiarch installs.
CROSS ?=
ifneq ($(CROSS),)
CC := $(CROSS)-linux-gnu-gcc
CXX := $(CROSS)-linux-gnu-g++
OBJCOPY := $(CROSS)-linux-gnu-objcopy
PKG_CONFIG := env PKG_CONFIG_LIBDIR=/usr/lib/$(CROSS)-linux-gnu/pkgconfig:/usr/share/pkgconfig pkg-config
endif

# V=1 shows the commands, WERROR=1 makes warnings errors, SANITIZE=1 builds with ASan and UBSan.
V ?= 0
WERROR ?= 0
SANITIZE ?= 0
SEEDS ?= 1..100
BUILD ?= build$(if $(filter 1,$(SANITIZE)),-sanitize)$(CROSS:%=-%)

# What a user or a packager may replace: Debian's own choice of hardening. _FORTIFY_SOURCE hides
# errors from the sanitizers.
MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
HARDEN_x86_64 := -fcf-protection
HARDEN_aarch64 := -mbranch-protection=standard
CFLAGS ?= -O2 -g -fstack-protector-strong -fstack-clash-protection $(HARDEN_$(MACHINE))
LDFLAGS ?= -Wl,-z,relro -Wl,-z,now
ifeq ($(SANITIZE),1)
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else
CPPFLAGS ?= -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif

# What the sources need, whoever builds them.
LIBRARIES := libseccomp jansson smartcols libxml-2.0 libunwind-ptrace libdw
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla $(if $(filter 1,$(WERROR)),-Werror)
COMMON = -std=gnu17 -D_GNU_SOURCE -I. -MMD -MP $(WARNINGS) $(CPPFLAGS) $(CFLAGS)

SOURCES := $(wildcard cmd/*.c trace/*.c trace/arch/*.c switch/*.c report/*.c)
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
MODEL := $(filter $(BUILD)/switch/% $(BUILD)/report/%,$(OBJECTS))
PROGS := $(patsubst tests/progs/%.c,$(BUILD)/progs/%,$(wildcard tests/progs/*.c))
# Built for the 32-bit ABI too: i386 or arm. int80 and x32_call are x86-64's alone.
NAMES32 := accept_would_block block cloexec_exec clone_files close_range_forms daemon direct_calls do_calls dup_forms \
	exit_code failed_connect failures fork_share give_socket inherit kinds leak nonblock_connect no_sockets \
	restarts scm_rights short_lived signals socketpair_use svc tcp_fork tcp_pair tcp_threads thread_exec udp \
	unix_stream unshare_files vfork_exec woken
# Debian has the kernel's headers where only compilers for 64 bits look, unless gcc-multilib is there. Arm's programs
# are made by a compiler of their own; being static, they need none of arm's libraries where they run.
CC32_x86_64 = $(CC) -m32 -idirafter /usr/include/$(shell $(CC) -print-multiarch) $(COMMON)
CC32_aarch64 = arm-linux-gnueabihf-gcc -static $(filter-out $(HARDEN_aarch64),$(COMMON))
ifneq ($(shell command -v $(firstword $(CC32_$(MACHINE))) 2>&1),)
PROGS32 := $(NAMES32:%=$(BUILD)/progs32/%)
endif
ifneq ($(MACHINE),x86_64)
PROGS := $(filter-out %/int80 %/x32_call,$(PROGS))
endif
# One program, built in the ways that make a difference to reading its stacks.
STACKS := $(addprefix $(BUILD)/progs/stacks_,static no_pie stripped split linked)
FAKE_DEBUGINFOD := $(BUILD)/fake_debuginfod/libdebuginfod.so.1
PROGS := $(filter-out %/fake_debuginfod,$(PROGS)) $(STACKS) $(FAKE_DEBUGINFOD)
# In languages whose names and stacks are of other kinds.
CXX_PROGS := $(patsubst tests/progs/%.cc,$(BUILD)/progs/%,$(wildcard tests/progs/*.cc))
CXX_COMMON = -std=c++17 -MMD -MP $(filter-out -Wstrict-prototypes -Wmissing-prototypes,$(WARNINGS)) $(CPPFLAGS) $(CFLAGS)
ifneq ($(shell command -v $(CXX) 2>&1),)
PROGS += $(CXX_PROGS)
endif
# Another Rust than Debian's has no library for other machines, unless it was asked for.
RUSTC := $(if $(CROSS),/usr/bin/)rustc
RUST_CROSS := $(CROSS:%=--target %-unknown-linux-gnu -C linker=$(CROSS)-linux-gnu-gcc)
RUST_PROGS := $(patsubst tests/progs/%.rs,$(BUILD)/progs/%,$(wildcard tests/progs/*.rs)) $(BUILD)/progs/stacks_rust_v0
ifneq ($(shell command -v $(RUSTC) 2>&1),)
PROGS += $(RUST_PROGS)
endif
# No module is needed, and nothing of the user's own settings. Its cache serves all builds.
GO_MACHINE := $(MACHINE:x86_64=amd64)
GO_BUILD = env CGO_ENABLED=0 GOOS=linux GOARCH=$(GO_MACHINE:aarch64=arm64) GO111MODULE=off GOENV=off GOFLAGS= \
	GOTOOLCHAIN=local GOPATH=$(CURDIR)/build/go GOCACHE=$(CURDIR)/build/go-cache go build
GO_STACKS := $(addprefix $(BUILD)/progs/stacks_go_,stripped pie)
GO_PROGS := $(patsubst tests/progs/%.go,$(BUILD)/progs/%,$(wildcard tests/progs/*.go)) $(GO_STACKS)

ifneq ($(shell command -v go 2>&1),)
PROGS += $(GO_PROGS)
endif
# Built with musl too, where Debian has it: for this machine. They need no library of it then.
NAMES_MUSL := cloexec_exec daemon do_calls dup_forms failures fork_share kinds leak nonblock_connect restarts \
	scm_rights signals stacks tcp_fork tcp_pair tcp_threads thread_exec unix_stream vfork_exec
ifneq ($(and $(filter x86_64,$(MACHINE)),$(shell command -v musl-gcc 2>&1)),)
PROGS_MUSL := $(NAMES_MUSL:%=$(BUILD)/progs-musl/%)
STACKS_MUSL := $(addprefix $(BUILD)/progs-musl-stacks/,dynamic stripped)
endif
# Debian has libevent's headers for one machine at a time.
ifneq ($(CROSS),)
PROGS := $(filter-out %/event_client,$(PROGS))
endif
UNITS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))

ifeq ($(V),1)
say = @:
else
.SILENT:
say = @printf '  %-7s %s\n'
endif

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all progs units deps check check-vm check-unit check-bats check-musl demo lint fuzzers fuzz stress bench install uninstall dist clean help FORCE

all: $(BUILD)/socktest ## build socktest (the default)

$(BUILD)/socktest: $(OBJECTS)
	$(say) LINK $@
	$(CC) $(CFLAGS) $(SANITIZERS) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs $(LIBRARIES)) -liberty $(LDLIBS)

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(say) CC $<
	mkdir -p $(@D)
	$(CC) $(COMMON) $(SANITIZERS) -DSOCKTEST_VERSION='"$(VERSION)"' \
		$(shell $(PKG_CONFIG) --cflags $(LIBRARIES)) -c -o $@ $<

# libunwind before 1.8 cannot unwind functions that sign the address they return to.
PROG_HARDEN_aarch64 := -mbranch-protection=bti

# The traced programs are built without sanitizers: LeakSanitizer does not work under ptrace, which
# one of them shows.
$(BUILD)/progs/%: tests/progs/%.c $(BUILD)/flags
	$(say) PROG $@
	mkdir -p $(@D)
	$(CC) $(COMMON) $(PROG_HARDEN_$(MACHINE)) -MF $@.d -MT $@ $(LDFLAGS) -pthread -o $@ $< $(PROG_LIBRARIES)

$(BUILD)/progs/uring_%: PROG_LIBRARIES := -luring
$(BUILD)/progs/event_client: PROG_LIBRARIES := -levent_core
$(BUILD)/progs/leak_sanitizer: PROG_LIBRARIES := -fsanitize=leak
$(BUILD)/progs/confined: PROG_LIBRARIES := -static

$(BUILD)/progs/stacks_static: STACKS_FLAGS := -static
$(BUILD)/progs/stacks_no_pie: STACKS_FLAGS := -no-pie
$(BUILD)/progs/stacks_stripped: STACKS_FLAGS := -s
$(filter-out %_split %_linked,$(STACKS)): tests/progs/stacks.c $(BUILD)/flags
	$(say) PROG $@
	$(CC) $(COMMON) $(PROG_HARDEN_$(MACHINE)) -MF $@.d -MT $@ $(LDFLAGS) -pthread $(STACKS_FLAGS) -o $@ $<

$(CXX_PROGS): $(BUILD)/progs/%: tests/progs/%.cc $(BUILD)/flags
	$(say) CXX $@
	mkdir -p $(@D)
	$(CXX) $(CXX_COMMON) $(PROG_HARDEN_$(MACHINE)) -MF $@.d -MT $@ $(LDFLAGS) -o $@ $<

$(BUILD)/progs/stacks_rust_v0: RUST_FLAGS := -O -C symbol-mangling-version=v0
$(BUILD)/progs/stacks_rust_v0: tests/progs/stacks_rust.rs
$(filter-out %_v0,$(RUST_PROGS)): $(BUILD)/progs/%: tests/progs/%.rs
$(RUST_PROGS): $(BUILD)/flags
	$(say) RUST $@
	mkdir -p $(@D)
	MAKEFLAGS= $(RUSTC) -g --edition 2021 $(RUST_CROSS) $(RUST_FLAGS) -o $@ $(filter %.rs,$^)

$(BUILD)/progs/stacks_go_stripped: GO_FLAGS := -ldflags='-s -w'
$(BUILD)/progs/stacks_go_pie: GO_FLAGS := -buildmode=pie
$(GO_STACKS): tests/progs/stacks_go.go
$(filter-out $(GO_STACKS),$(GO_PROGS)): $(BUILD)/progs/%: tests/progs/%.go
$(GO_PROGS): $(BUILD)/flags
	$(say) GO $@
	mkdir -p $(@D)
	$(GO_BUILD) $(GO_FLAGS) -o $@ $(filter %.go,$^)

# The debug information is in another file: beside it and with its build-id, or named in it.
$(BUILD)/progs/stacks_split: $(BUILD)/progs/stacks
	$(say) PROG $@
	$(OBJCOPY) --only-keep-debug $< $@.debug
	$(OBJCOPY) --strip-all $< $@

$(BUILD)/progs/stacks_linked: $(BUILD)/progs/stacks_split
	$(say) PROG $@
	mkdir -p $(@D)/.debug
	cp $<.debug $(@D)/.debug/stacks_linked.debug
	$(OBJCOPY) --remove-section=.note.gnu.build-id --add-gnu-debuglink=$(@D)/.debug/stacks_linked.debug $< $@

$(FAKE_DEBUGINFOD): tests/progs/fake_debuginfod.c $(BUILD)/flags
	$(say) PROG $@
	mkdir -p $(@D)
	$(CC) $(COMMON) -MF $@.d -MT $@ $(LDFLAGS) -shared -fPIC -o $@ $<

$(BUILD)/progs32/%: tests/progs/%.c $(BUILD)/flags
	$(say) PROG32 $@
	mkdir -p $(@D)
	$(CC32_$(MACHINE)) -MF $@.d -MT $@ $(LDFLAGS) -pthread -o $@ $<

# Behind musl's own headers, the kernel's.
MUSL = musl-gcc -idirafter /usr/include -idirafter /usr/include/$(shell $(CC) -print-multiarch) $(COMMON) \
	-MF $@.d -MT $@ $(LDFLAGS) -pthread -o $@ switch/libc.c
$(BUILD)/progs-musl/%: tests/progs/%.c switch/libc.c $(BUILD)/flags
	$(say) MUSL $@
	mkdir -p $(@D)
	$(MUSL) -static $<

$(BUILD)/progs-musl-stacks/stripped: STACKS_FLAGS := -static -s
$(STACKS_MUSL): tests/progs/stacks.c switch/libc.c $(BUILD)/flags
	$(say) MUSL $@
	mkdir -p $(@D)
	$(MUSL) $(STACKS_FLAGS) $<

$(BUILD)/unit/test_signals: $(BUILD)/trace/signals.o

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(MODEL)
	$(say) LINK $@
	mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANITIZERS) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs $(LIBRARIES) cmocka)

$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(MODEL)
	$(say) LINK $@
	$(CC) $(CFLAGS) $(SANITIZERS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs $(LIBRARIES))

# Other flags build everything anew.
$(BUILD)/flags: FORCE
	mkdir -p $(@D)
	echo '$(subst ','\'',$(CC) $(COMMON) $(SANITIZERS) $(LDFLAGS) $(VERSION))' >$@.new
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

progs: $(PROGS) $(PROGS32) $(PROGS_MUSL) $(STACKS_MUSL)

units: $(UNITS)

deps: ## install what building and testing need, if anything is missing
	tests/deps.sh build $(if $(CROSS),cross-$(CROSS),test)

# A second make, because the libraries may not have been there when this one started.
check: deps ## build, then run all tests
	$(MAKE) --no-print-directory all progs units
	BUILD=$(BUILD) tests/run-tests.sh unit bats

check-unit: units ## run the unit tests
	BUILD=$(BUILD) tests/run-tests.sh unit

check-bats: all progs ## run the end-to-end tests (BATS="tests/one.bats ..." for some)
	BUILD=$(BUILD) tests/run-tests.sh bats $(BATS)

check-musl: ## compile with musl what needs no library that only glibc has, and run those unit tests
	tests/deps.sh build test
	tests/musl.sh $(BUILD)/musl

GUEST ?= aarch64
# Whatever this machine is: the guest has the libraries that the packages of cross-$(GUEST) are for.
VM_CROSS := $(filter-out $(shell uname -m),$(GUEST))
check-vm: ## run the tests in virtual machines of an older kernel: GUEST=aarch64 or x86_64 (FULL=1: all tests)
	tests/deps.sh build test vm-$(GUEST) $(VM_CROSS:%=cross-%)
	$(MAKE) --no-print-directory all progs units CROSS=$(VM_CROSS)
	FULL=$(FULL) tests/vm/run.sh $(GUEST) build$(VM_CROSS:%=-%)

demo: ## build, then trace a small client and server
	tests/deps.sh build
	$(MAKE) --no-print-directory all $(BUILD)/progs/demo_server $(BUILD)/progs/demo_client
	BUILD=$(BUILD) tests/demo.sh

lint: ## compilers' warnings, formatting, static analysis, include directions
	tests/deps.sh build test lint
	tests/lint.sh

fuzzers: $(FUZZERS)

# A make of its own, because everything in a fuzzer is built by clang with other flags.
fuzz: ## feed arbitrary bytes to the parsers and the reports (FUZZ_SECONDS=15 for each fuzzer)
	tests/deps.sh build lint
	$(MAKE) --no-print-directory fuzzers CC=clang BUILD=$(BUILD)/fuzz SANITIZE=1 \
		SANITIZERS='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
	BUILD=$(BUILD) tests/run-fuzz.sh

stress: all $(BUILD)/progs/stress ## run random programs that know what the counters must be (SEEDS=1..100)
	BUILD=$(BUILD) tests/stress/run --seeds $(SEEDS)

bench: ## measure what tracing costs
	tests/deps.sh build test
	$(MAKE) --no-print-directory all progs
	BUILD=$(BUILD) tests/bench/run

# man/NAME.SECTION, as MANDIR has it.
PAGES := $(notdir $(wildcard man/*.[1-8]))
installed_page = $(DESTDIR)$(MANDIR)/man$(patsubst .%,%,$(suffix $(1)))/$(1)

install: all ## install the program, its manual pages and completions (DESTDIR, PREFIX)
	$(INSTALL) -D -m 755 $(BUILD)/socktest $(DESTDIR)$(BINDIR)/socktest
	$(foreach page,$(PAGES),$(INSTALL) -D -m 644 man/$(page) $(call installed_page,$(page)) &&) :
	$(INSTALL) -D -m 644 completions/socktest.bash $(DESTDIR)$(BASHDIR)/socktest
	$(INSTALL) -D -m 644 completions/_socktest $(DESTDIR)$(ZSHDIR)/_socktest
	$(INSTALL) -D -m 644 completions/socktest.fish $(DESTDIR)$(FISHDIR)/socktest.fish

uninstall: ## remove what install installed
	rm -f $(DESTDIR)$(BINDIR)/socktest $(foreach page,$(PAGES),$(call installed_page,$(page))) \
		$(DESTDIR)$(BASHDIR)/socktest $(DESTDIR)$(ZSHDIR)/_socktest $(DESTDIR)$(FISHDIR)/socktest.fish

dist: ## make socktest-VERSION.tar.gz of the last commit
	git archive --prefix=socktest-$(VERSION)/ -o socktest-$(VERSION).tar.gz HEAD

clean: ## remove everything that was built
	rm -rf build build-*/ socktest-$(VERSION).tar.gz

help: ## this list
	sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r target text; do \
		printf '%-11s %s\n' "$$target" "$$text"; done
	echo 'Variables: V=1 WERROR=1 SANITIZE=1 CC CFLAGS CPPFLAGS LDFLAGS LDLIBS DESTDIR PREFIX'

-include $(OBJECTS:.o=.d) $(PROGS:=.d) $(PROGS32:=.d) $(PROGS_MUSL:=.d) $(STACKS_MUSL:=.d) $(UNITS:$(BUILD)/unit/%=$(BUILD)/tests/unit/%.d) $(FUZZERS:$(BUILD)/%=$(BUILD)/tests/fuzz/%.d)
