# SPDX-License-Identifier: GPL-2.0-only
#
# LANE=npt|ept|next|debug is the lab machine to use; HOST=1 uses this machine for the demo
# and the benchmark, with its kernel, whose headers it needs. V=1 shows commands.

export VG_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/vhost_grant
LANE	?= $(if $(HOST),host,npt)
PREFIX	?= /usr/local
B	:= $(CURDIR)/build
LAB	:= $(CURDIR)/tests/lab
KSELFTEST_DIR = $(VG_CACHE)/pkg/current/linux-source/tools/testing/selftests
# The machine of lane ept has the kernel of npt and is slower. Its CPU matters to
# the tests with a guest only.
KLANE	= $(LANE:ept=npt)
SUITES	= $(if $(filter ept,$(LANE)),kvm,selftests kvm)
LIMIT	= $(if $(filter debug,$(LANE)),3600,$(if $(filter ept,$(LANE)),1800,1200))
MODULES	= $(B)/kmod/$(KLANE)/vhost_grant.ko $(B)/kmod/$(KLANE)/vhost_grant_test.ko
# None if there are no patches for the kernel of the lane: the machine's own KVM is used
KVM	= $(shell ls $(B)/kvm/$(KLANE)/*.ko)
BOOT	= $(LAB)/boot --lane $(LANE) $(addprefix --module ,$(MODULES) $(KVM))
# $(call RUN,directory,command,options of boot)
RUN	= $(if $(HOST),$(LAB)/host $(B)/kmod/host/vhost_grant.ko $(1) $(2),\
	  $(BOOT) --payload $(1) --run $(2) $(3))
SAY	= @. $(LAB)/lib.sh; say

ifndef V
MAKEFLAGS += -s --no-print-directory
endif
SHELL := /bin/bash
.NOTPARALLEL:
.PHONY: help demo check check-native check-static check-lab check-ept check-next check-debug \
	check-all check-mutants check-overlay bench module kvm lib tools tests install install-module \
	install-kvm overlay readme lab-shell debug-kernel clean distclean deps kernel source payload \
	stage-%

help: ## this list
	@echo "Targets (all but help, install and clean may download Debian packages):"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' Makefile | expand -t 16 | sed 's/^/  make /'

demo: module $(if $(HOST),,kvm) ## show on an emulated machine what vhost_grant does (HOST=1: on this one)
	@$(MAKE) -C tests/demo O=$(B)/tests/demo DESTDIR=$(B)/payload PREFIX=/demo install
	$(SAY) "Starting the demo on the $(LANE) machine"
	@$(call RUN,$(B)/payload/demo,./run)

check: ## run all tests but those of the debug lane
	@rm -rf $(B)/results/check
	@$(MAKE) stage-native stage-static stage-lab LANE=npt R=$(B)/results/check
	@$(MAKE) stage-lab LANE=next R=$(B)/results/check
	@$(MAKE) stage-readme R=$(B)/results/check
	@$(LAB)/summary $(B)/results/check/*.tap

check-native check-static check-lab: check-%: ## run one part of them
	@rm -rf $(B)/results/$@
	@$(MAKE) stage-$* R=$(B)/results/$@
	@$(LAB)/summary $(B)/results/$@/*.tap

check-next: ## run the tests on Debian's newest kernel
	@rm -rf $(B)/results/$@
	@$(MAKE) stage-lab LANE=next R=$(B)/results/$@
	@$(LAB)/summary $(B)/results/$@/*.tap

check-ept: ## run the tests of KVM on an emulated Intel machine, whose KVM uses EPT
	@rm -rf $(B)/results/$@
	@$(MAKE) stage-lab LANE=ept R=$(B)/results/$@
	@$(MAKE) stage-readme R=$(B)/results/$@
	@$(LAB)/summary $(B)/results/$@/*.tap

check-debug: debug-kernel ## run the tests on a kernel with KASAN, lockdep, kmemleak and fault injection
	@rm -rf $(B)/results/check-debug
	@$(MAKE) stage-lab LANE=debug R=$(B)/results/check-debug
	@$(LAB)/summary $(B)/results/check-debug/*.tap

check-mutants: module kvm payload ## show that a test fails when a protection is missing
	@rm -rf $(B)/results/$@
	@$(LAB)/stage $(B)/results/$@/mutants.tap "Removing the protections one by one" \
		$(LAB)/mutants $(B)/mutants $(B)/kmod/npt $(B)/kvm/npt $(P) $(MUTANTS)
	@$(LAB)/summary $(B)/results/$@/*.tap

check-overlay: source ## build kernels that the project was laid into, with it and without
	@$(LAB)/fetch source next
	@rm -rf $(B)/results/$@
	@$(LAB)/stage $(B)/results/$@/overlay.tap "Building kernels with the project in them" \
		$(LAB)/overlaid $(B)/overlay $(SERIES)
	@$(LAB)/summary $(B)/results/$@/*.tap

check-all: ## what CI runs, check-mutants and check-overlay
	@.ci/run
	@$(MAKE) check-mutants
	@$(MAKE) check-overlay

bench: module $(if $(HOST),,kvm) ## measure what grants and revokes cost, as ratios (HOST=1: on this machine)
	@$(MAKE) -C bench O=$(B)/bench
	$(SAY) "Measuring on the $(LANE) machine"
	@$(call RUN,$(B)/bench,'./vgrant_bench && ./vgrant_kvm_bench',--timeout 3000)

module: kernel ## build vhost_grant.ko for the lab's kernel (HOST=1: for this one's)
	$(SAY) "Building the modules"
	@$(LAB)/kmod $(KLANE) $(B)/kmod

kvm: source ## build KVM with native memslots for it, likewise
	@$(LAB)/fetch source $(filter next,$(LANE))
	$(SAY) "Building KVM"
	@$(LAB)/kvm $(KLANE) $(B)/kvm

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

install-kvm: ## build KVM with native memslots for this machine's kernel and install it
	@$(LAB)/deps
	@$(LAB)/kvm host $(B)/kvm
	@for name in kvm kvm-amd kvm-intel; do \
		install -D -m 644 $(B)/kvm/host/$$name.ko \
			$(DESTDIR)/lib/modules/$$(uname -r)/updates/$$name.ko || exit; \
	done
	@depmod -b $(DESTDIR)/

readme: ## bring README.md's table of what works in line with the last results
	@$(LAB)/matrix --readme README.md \
		$$(ls -t $(B)/results/*/{npt,ept,next}.tap 2>/dev/null) >$(B)/README.md
	@cp $(B)/README.md README.md

overlay: ## put the kernel code and the patches into a kernel tree (LINUX=dir)
	@$(LAB)/overlay "$(LINUX)"

lab-shell: module kvm payload ## a shell on a lab machine that has the modules and the tests
	@$(BOOT) --payload $(B)/payload/tests --shell

debug-kernel: source ## build the kernel of the debug lane (10 to 15 minutes, once)
	@$(LAB)/debug-kernel

clean: ## remove what was built here
	@rm -rf $(B)

distclean: clean ## remove downloads and the debug kernel, too
	@rm -rf "$(VG_CACHE)"

deps:
	@$(LAB)/deps $(LANE)
	@$(LAB)/qemu

kernel: deps
	@$(if $(HOST),,$(LAB)/fetch kernel $(filter next,$(LANE)))

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
	@$(LAB)/fetch kernel next
	@$(LAB)/stage $(R)/static.tap "Checking the sources" $(LAB)/static $(B)/static

stage-lab: module kvm payload
	@$(LAB)/stage $(R)/$(LANE).tap "Testing on the $(LANE) machine" \
		$(BOOT) --payload $(P) --run './run-tests $(SUITES)' \
		--timeout $(LIMIT) --log $(R)/$(LANE).log

stage-readme:
	@$(LAB)/stage $(R)/readme.tap "Comparing README.md with the results" \
		$(LAB)/matrix --check README.md $(R)/*.tap
