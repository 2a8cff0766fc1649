# SPDX-License-Identifier: MIT
#
#   make            build/libxtcp.so build/xtcpd build/xtcpctl build/xtcp
#   make demo       the main job, end to end (installs what is missing)
#   make check      every test: unit, sanitized unit, end to end (installs what is missing)
#   make unit       the unit tests alone          make asan   the same, sanitized
#   make e2e        the end-to-end tests alone    make lint   clang-format, clang-tidy, shellcheck
#   make sim SEEDS=n   a simulated network, n seeds, sanitized
#   make fuzz       fuzz targets, to be run by hand: build/fuzz-frames DIRECTORY (clang)
#   make mutations  rules of TCP broken one at a time: the simulator must see each
#   make programs   real programs from Debian (installed if missing), and docs/COMPATIBILITY.md of it
#   make downloads  100 MiB through a bad network, ten seeds, each way, every byte checked
#   make packetdrill   what packetdrill needs to run its scripts against xtcpd
#   make bench      measurements (bench-impaired: on a bad network)                  make install PREFIX=/usr DESTDIR=
#
# New .c files are found by themselves: a folder is a component.

CC ?= gcc
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
BUILD ?= build
SEEDS ?= 3000

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection -D_FORTIFY_SOURCE=2
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu17 -I. -D_GNU_SOURCE $(WARN) -fvisibility=hidden -MMD -MP $(CFLAGS)
LDHARDEN := -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
FUZZ := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

STACK_SRC := $(sort $(wildcard stack/*.c stack/*/*.c))
SHIM_SRC := $(sort $(wildcard shim/*.c))
RPC_SRC := $(sort $(wildcard rpc/*.c))
DAEMON_SRC := $(sort $(wildcard daemon/*.c))
CTL_SRC := $(sort $(wildcard ctl/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
SIM_SRC := $(sort $(wildcard tests/sim/*.c))
FUZZ_SRC := $(sort $(filter-out tests/fuzz/engine.c tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c))) \
	tests/sim/stack_invariants.c tests/unit/host.c tests/unit/bench.c tests/unit/program.c
FUZZ_TARGETS := frames words programs
DAEMON_UNIT_SRC := $(filter-out daemon/main.c,$(DAEMON_SRC))
ALL_SRC := $(STACK_SRC) $(SHIM_SRC) $(RPC_SRC) $(DAEMON_SRC) $(CTL_SRC) $(UNIT_SRC)

# Expanded when a recipe runs, so that scripts/deps may install the packages first.
STACK_LIBS = $(shell pkg-config --libs libcrypto)
DAEMON_LIBS = $(shell pkg-config --libs jansson inih libcrypto)
CTL_LIBS = $(shell pkg-config --libs jansson)
CHECK_LIBS = $(shell pkg-config --libs check)

obj = $(patsubst %.c,$(BUILD)/$(1)/%.o,$(2))
.SECONDARY: # objects that only patterns name are kept

.PHONY: all demo check unit asan sim fuzz fuzz-replay mutations parity e2e packetdrill programs downloads lint format bench bench-impaired install uninstall clean deps
all: $(BUILD)/libxtcp.so $(BUILD)/xtcpd $(BUILD)/xtcpctl $(BUILD)/xtcp

# Three ways of compiling: exe (hardened), shim (position independent, no fortify: it defines the
# fortified entry points itself), san (sanitized).
$(BUILD)/exe/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(HARDEN) -fPIE -c -o $@ $<
$(BUILD)/shim/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(filter-out -D_FORTIFY_SOURCE=2,$(HARDEN)) -fPIC -c -o $@ $<
$(BUILD)/san/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(SAN) -c -o $@ $<
$(BUILD)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	clang $(ALL_CFLAGS) $(FUZZ) -c -o $@ $<
$(FUZZ_TARGETS:%=$(BUILD)/fuzz/engine-%.o): $(BUILD)/fuzz/engine-%.o: tests/fuzz/engine.c
	@mkdir -p $(@D)
	clang $(ALL_CFLAGS) $(FUZZ) -DFUZZ_TARGET=fuzz_$* -c -o $@ $<

$(BUILD)/libxtcpstack.a: $(call obj,exe,$(STACK_SRC))
	rm -f $@ && ar rcs $@ $^
$(BUILD)/libxtcp.so: $(call obj,shim,$(SHIM_SRC) $(RPC_SRC))
	$(CC) -shared -Wl,-soname,libxtcp.so $(LDHARDEN) -o $@ $^ -ldl
$(BUILD)/xtcpd: $(call obj,exe,$(DAEMON_SRC) $(RPC_SRC)) $(BUILD)/libxtcpstack.a
	$(CC) -pie $(LDHARDEN) -o $@ $^ $(DAEMON_LIBS)
$(BUILD)/xtcpctl: $(call obj,exe,$(CTL_SRC) $(RPC_SRC))
	$(CC) -pie $(LDHARDEN) -o $@ $^ $(CTL_LIBS)
$(BUILD)/xtcp: scripts/xtcp
	@mkdir -p $(@D)
	install -m 755 $< $@
$(BUILD)/check-unit: $(call obj,exe,$(UNIT_SRC) $(DAEMON_UNIT_SRC) $(RPC_SRC)) $(BUILD)/libxtcpstack.a
	$(CC) -pie -o $@ $^ $(CHECK_LIBS) $(DAEMON_LIBS)
$(BUILD)/check-asan: $(call obj,san,$(UNIT_SRC) $(STACK_SRC) $(DAEMON_UNIT_SRC) $(RPC_SRC))
	$(CC) $(SAN) -o $@ $^ $(CHECK_LIBS) $(DAEMON_LIBS)

# The end-to-end scenarios: their runner, and the small programs they use.
$(BUILD)/check-e2e: tests/e2e/run.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $< $(CHECK_LIBS)
$(BUILD)/xtcpd-asan: $(call obj,san,$(DAEMON_SRC) $(STACK_SRC) $(RPC_SRC))
	$(CC) $(SAN) -o $@ $^ $(DAEMON_LIBS)
$(BUILD)/e2e-helper: tests/e2e/helper.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $<

$(BUILD)/parity-stories: $(wildcard tests/parity/*.c tests/parity/*.h)
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -I. -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-result -O1 -g -o $@ $(filter %.c,$^)
$(BUILD)/sim: $(call obj,san,$(SIM_SRC) $(STACK_SRC))
	$(CC) $(SAN) -o $@ $^ $(STACK_LIBS)
$(FUZZ_TARGETS:%=$(BUILD)/fuzz-%): $(BUILD)/fuzz-%: $(BUILD)/fuzz/engine-%.o $(call obj,fuzz,$(FUZZ_SRC) $(STACK_SRC) $(DAEMON_UNIT_SRC) $(RPC_SRC))
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(DAEMON_LIBS)
$(BUILD)/replay: $(call obj,san,tests/fuzz/replay.c $(FUZZ_SRC) $(STACK_SRC) $(DAEMON_UNIT_SRC) $(RPC_SRC))
	$(CC) $(SAN) -o $@ $^ $(DAEMON_LIBS)
$(BUILD)/bench-stack: $(call obj,exe,tests/bench/stack.c tests/bench/self.c) $(BUILD)/libxtcpstack.a
	$(CC) -pie -o $@ $^ $(DAEMON_LIBS)
$(BUILD)/bench-memory: $(call obj,exe,tests/bench/memory.c tests/bench/self.c) $(BUILD)/libxtcpstack.a
	$(CC) -pie -o $@ $^ $(DAEMON_LIBS)
$(BUILD)/bench-ring: $(call obj,exe,$(wildcard tests/bench/ring*.c))
	$(CC) -pie -o $@ $^
$(BUILD)/bench-relay: $(call obj,exe,tests/bench/relay.c daemon/impair_words.c daemon/parse.c) $(BUILD)/libxtcpstack.a
	$(CC) -pie -o $@ $^ $(DAEMON_LIBS)

# What packetdrill loads to run its scripts against xtcpd: tests/packetdrill/README.
$(BUILD)/xtcp-packetdrill.so: $(call obj,shim,$(wildcard tests/packetdrill/*.c))
	$(CC) -shared -o $@ $^ -ldl -lpthread

deps:
	scripts/deps
demo: deps
	$(MAKE) all
	scripts/demo
check: deps
	$(MAKE) lint all unit asan sim fuzz-replay
	$(MAKE) e2e
	$(MAKE) parity
unit: $(BUILD)/check-unit
	$(BUILD)/check-unit
# A test is a fork of the runner: what that has freed must not be copied along.
asan: $(BUILD)/check-asan
	ASAN_OPTIONS=quarantine_size_mb=8 $(BUILD)/check-asan
sim: $(BUILD)/sim
	$(BUILD)/sim --seeds $(SEEDS)
fuzz: $(FUZZ_TARGETS:%=$(BUILD)/fuzz-%)
fuzz-replay: $(BUILD)/replay
	for target in $(FUZZ_TARGETS); do $(BUILD)/replay $$target tests/fuzz/corpus/$$target/* || exit 1; done
mutations:
	tests/sim/mutations $(SEEDS)
parity: all $(BUILD)/parity-stories
	tests/parity/run
packetdrill: all $(BUILD)/xtcp-packetdrill.so
e2e: all
	tests/e2e/run
programs:
	tests/e2e/programs/run
downloads: deps
	tests/downloads/run
bench: all $(BUILD)/e2e-helper $(BUILD)/bench-stack $(BUILD)/bench-memory $(BUILD)/bench-ring
	tests/bench/run
bench-impaired: all $(BUILD)/bench-relay
	tests/bench/impaired
lint:
	scripts/lint
format:
	clang-format -i $$(git ls-files '*.c' '*.h')

install: all
	scripts/install "$(DESTDIR)" "$(PREFIX)" "$(SYSCONFDIR)" "$(BUILD)"
uninstall:
	scripts/install --remove "$(DESTDIR)" "$(PREFIX)" "$(SYSCONFDIR)" "$(BUILD)"
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)
