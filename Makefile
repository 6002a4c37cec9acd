# SPDX-License-Identifier: GPL-2.0-only
#
# LANE=npt|debug is the lab machine to use; HOST=1 uses this machine for the demo
# and the benchmark, with its kernel, whose headers it needs. V=1 shows commands.

export VG_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/vhost_grant
LANE	?= $(if $(HOST),host,npt)
PREFIX	?= /usr/local
B	:= $(CURDIR)/build
LAB	:= $(CURDIR)/tests/lab
KSELFTEST_DIR = $(VG_CACHE)/pkg/current/linux-source/tools/testing/selftests
MODULES	= $(B)/kmod/$(LANE)/vhost_grant.ko $(B)/kmod/$(LANE)/vhost_grant_test.ko
BOOT	= $(LAB)/boot --lane $(LANE) $(MODULES:%=--module %)
# $(call RUN,directory,command,options of boot)
RUN	= $(if $(HOST),$(LAB)/host $(B)/kmod/host/vhost_grant.ko $(1) $(2),\
	  $(BOOT) --payload $(1) --run $(2) $(3))
SAY	= @. $(LAB)/lib.sh; say

ifndef V
MAKEFLAGS += -s --no-print-directory
endif
SHELL := /bin/bash
.NOTPARALLEL:
.PHONY: help demo check check-native check-static check-lab check-debug check-all \
	check-mutants bench module lib tools tests install install-module overlay lab-shell \
	debug-kernel clean distclean deps kernel source payload stage-%

help: ## this list
	@echo "Targets (all but help, install and clean may download Debian packages):"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' Makefile | expand -t 16 | sed 's/^/  make /'

demo: module ## show on an emulated machine what vhost_grant does (HOST=1: on this one)
	@$(MAKE) -C tests/demo O=$(B)/tests/demo DESTDIR=$(B)/payload PREFIX=/demo install
	$(SAY) "Starting the demo on the $(LANE) machine"
	@$(call RUN,$(B)/payload/demo,./run)

check: ## run all tests but those of the debug lane
	@rm -rf $(B)/results/check
	@$(MAKE) stage-native stage-static stage-lab LANE=npt R=$(B)/results/check
	@$(LAB)/summary $(B)/results/check/*.tap

check-native check-static check-lab: check-%: ## run one part of them
	@rm -rf $(B)/results/$@
	@$(MAKE) stage-$* R=$(B)/results/$@
	@$(LAB)/summary $(B)/results/$@/*.tap

check-debug: debug-kernel ## run the tests on a kernel with KASAN, lockdep, kmemleak and fault injection
	@rm -rf $(B)/results/check-debug
	@$(MAKE) stage-lab LANE=debug R=$(B)/results/check-debug
	@$(LAB)/summary $(B)/results/check-debug/*.tap

check-mutants: module payload ## show that a test fails when a protection is missing from the module
	@rm -rf $(B)/results/$@
	@$(LAB)/stage $(B)/results/$@/mutants.tap "Removing the protections one by one" \
		$(LAB)/mutants $(B)/mutants $(B)/kmod/npt $(P) $(MUTANTS)
	@$(LAB)/summary $(B)/results/$@/*.tap

check-all: ## check, check-debug and check-mutants
	@.ci/run
	@$(MAKE) check-mutants

bench: module ## measure what grants and revokes cost, as ratios (HOST=1: on this machine)
	@$(MAKE) -C bench O=$(B)/bench
	$(SAY) "Measuring on the $(LANE) machine"
	@$(call RUN,$(B)/bench,./vgrant_bench,--timeout 1800)

module: kernel ## build vhost_grant.ko for the lab's kernel (HOST=1: for this one's)
	$(SAY) "Building the modules"
	@$(LAB)/kmod $(LANE) $(B)/kmod

lib: deps ## build libvgrant
	$(SAY) "Building libvgrant"
	@$(MAKE) -C lib/libvgrant O=$(B)/libvgrant

tools: deps ## build vgrantctl
	$(SAY) "Building the tools"
	@$(MAKE) -C tools O=$(B)/tools

tests: source ## build the programs that test in the lab
	$(SAY) "Building the tests"
	@$(MAKE) -C tools O=$(B)/tools-static STATIC=1
	@$(MAKE) -C tests/selftests O=$(B)/tests/selftests KSELFTEST_DIR=$(KSELFTEST_DIR)
	@$(MAKE) -C tests/kvm O=$(B)/tests/kvm KSELFTEST_DIR=$(KSELFTEST_DIR)

install: lib tools ## install the library, the tools and their manuals (DESTDIR=, PREFIX=)
	@$(MAKE) -C lib/libvgrant O=$(B)/libvgrant PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) install
	@$(MAKE) -C tools O=$(B)/tools PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) install

install-module: ## build the module for this machine's kernel and install it
	@$(LAB)/kmod host $(B)/kmod
	@install -D -m 644 $(B)/kmod/host/vhost_grant.ko \
		$(DESTDIR)/lib/modules/$$(uname -r)/updates/vhost_grant.ko
	@depmod -b $(DESTDIR)/

overlay: ## put the kernel code into a kernel tree (LINUX=dir)
	@$(LAB)/overlay "$(LINUX)"

lab-shell: module payload ## a shell on a lab machine that has the modules and the tests
	@$(BOOT) --payload $(B)/payload/tests --shell

debug-kernel: source ## build the kernel of the debug lane (10 to 15 minutes, once)
	@$(LAB)/debug-kernel

clean: ## remove what was built here
	@rm -rf $(B)

distclean: clean ## remove downloads and the debug kernel, too
	@rm -rf "$(VG_CACHE)"

deps:
	@$(LAB)/deps
	@$(LAB)/qemu

kernel: deps
	@$(if $(HOST),,$(LAB)/fetch kernel)

source: deps
	@$(LAB)/fetch source

P := $(B)/payload/tests
payload: tests
	@rm -rf $(P)
	@$(MAKE) -C tests/selftests O=$(B)/tests/selftests DESTDIR=$(P) PREFIX=/selftests \
		KSELFTEST_DIR=$(KSELFTEST_DIR) install
	@$(MAKE) -C tests/kvm O=$(B)/tests/kvm DESTDIR=$(P) PREFIX=/kvm \
		KSELFTEST_DIR=$(KSELFTEST_DIR) install
	@$(MAKE) -C tools O=$(B)/tools-static STATIC=1 TESTDIR=$(P)/selftests install-tests
	@$(MAKE) -C lib/libvgrant O=$(B)/libvgrant-static TESTDIR=$(P)/selftests install-tests
	@cp $(LAB)/run-tests $(P)/

# R is where a stage leaves its results
stage-native: deps
	@$(LAB)/stage $(R)/libvgrant.tap "Testing libvgrant on this machine under ASan and UBSan" \
		$(MAKE) -C lib/libvgrant O=$(B)/libvgrant check
	@$(LAB)/stage $(R)/tools.tap "Testing the tools on this machine under ASan and UBSan" \
		$(MAKE) -C tools O=$(B)/tools check

stage-static: source
	@$(LAB)/stage $(R)/static.tap "Checking the sources" $(LAB)/static $(B)/static

stage-lab: module payload
	@$(LAB)/stage $(R)/$(LANE).tap "Testing on the $(LANE) machine" \
		$(BOOT) --payload $(P) --run './run-tests selftests kvm' \
		--timeout $(if $(filter debug,$(LANE)),3600,1200) --log $(R)/$(LANE).log
