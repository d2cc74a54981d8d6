# SPDX-License-Identifier: BSD-3-Clause
# meson builds everything; this file has the few words that people and the CI type.
PREFIX ?= /usr/local
BUILD ?= build

.PHONY: all deps install check demo generate clean

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup --prefix=$(PREFIX) $(BUILD)

# Installs what is missing of Debian's packages, and does nothing else.
deps:
	tools/deps build run test

install: $(BUILD)/build.ninja
	meson configure -Dprefix=$(PREFIX) $(BUILD)
	ninja -C $(BUILD)
	meson install --no-rebuild -C $(BUILD)

# Installs what is missing, builds, runs every test; the last line counts them.
check:
	tools/deps build run test
	tools/check

# Installs what is missing, builds into a prefix of its own and shows the program at work.
demo:
	tools/deps build run demo
	tools/demo

# Manual pages, completion scripts and singularity.conf from the option tables.
generate: all
	ninja -C $(BUILD) generate

clean:
	rm -rf $(BUILD) build-check build-clang build-demo
