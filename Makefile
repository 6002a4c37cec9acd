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
# Whether the demo has a scene with QEMU
QEMU	= $(filter npt,$(LANE))
# Programs of tests/qemu, or their directory for all of them
QEMU_TESTS ?= qemu
# The same of those with back-ends in a virtual machine
PCI_TESTS ?= pci
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
	check-all check-mutants check-overlay check-qemu check-qemu-mutants check-vhost-pci bench \
	module kvm qemu lib tools tests install install-module install-kvm install-vfio overlay \
	readme lab-shell debug-kernel clean distclean deps kernel source payload payload-qemu \
	payload-vhost-pci payload-demo payload-bench stage-%

help: ## this list
	@echo "Targets (all but help, install and clean may download Debian packages):"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' Makefile | expand -t 16 | sed 's/^/  make /'

demo: module $(if $(HOST),,kvm) payload-demo ## show on an emulated machine what vhost_grant does (HOST=1: on this one)
	$(SAY) "Starting the demo on the $(LANE) machine"
	@$(call RUN,$(B)/payload/demo,./run,--timeout 1200)

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

check-qemu: ## run the tests of QEMU as a front-end, with real back-ends
	@rm -rf $(B)/results/$@
	@$(MAKE) stage-qtest stage-qemu LANE=npt R=$(B)/results/$@
	@$(LAB)/summary $(B)/results/$@/*.tap

check-vhost-pci: ## run the tests of QEMU with back-ends in a virtual machine
	@rm -rf $(B)/results/$@
	@$(MAKE) stage-vhost-pci LANE=npt R=$(B)/results/$@
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

check-qemu-mutants: source ## the same for QEMU, by its qtests
	@$(LAB)/deps front-end
	@rm -rf $(B)/results/$@
	@$(LAB)/stage $(B)/results/$@/mutants.tap "Removing QEMU's protections one by one" \
		$(LAB)/front-end-mutants $(B)/mutants-qemu $(MUTANTS)
	@$(LAB)/summary $(B)/results/$@/*.tap

check-overlay: source ## build kernels that the project was laid into, with it and without
	@$(LAB)/fetch source next
	@rm -rf $(B)/results/$@
	@$(LAB)/stage $(B)/results/$@/overlay.tap "Building kernels with the project in them" \
		$(LAB)/overlaid $(B)/overlay $(SERIES)
	@$(LAB)/summary $(B)/results/$@/*.tap

check-all: ## what CI runs, and the checks that are named before
	@.ci/run
	@$(MAKE) check-qemu
	@$(MAKE) check-vhost-pci
	@$(MAKE) check-mutants
	@$(MAKE) check-qemu-mutants
	@$(MAKE) check-overlay

bench: module $(if $(HOST),,kvm) payload-bench ## measure what grants and revokes cost, as ratios (HOST=1: on this machine)
	$(SAY) "Measuring on the $(LANE) machine"
	@$(call RUN,$(BP),'$(BENCH)',--timeout 3600)

module: kernel ## build vhost_grant.ko for the lab's kernel (HOST=1: for this one's)
	$(SAY) "Building the modules"
	@$(LAB)/kmod $(KLANE) $(B)/kmod

kvm: source ## build KVM with native memslots for it, likewise
	@$(LAB)/fetch source $(filter next,$(LANE))
	$(SAY) "Building KVM"
	@$(LAB)/kvm $(KLANE) $(B)/kvm

qemu: source ## build QEMU with the project's series (10 minutes, once)
	@$(LAB)/deps front-end
	$(SAY) "Building QEMU"
	@$(LAB)/front-end $(B)/front-end

lib: deps ## build libvgrant
	$(SAY) "Building libvgrant"
	@$(MAKE) -C lib/libvgrant O=$(B)/libvgrant

tools: deps ## build vgrantctl and vhost-pci-proxy
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

install-vfio: ## build VFIO's driver of vhost-pci devices for this guest's kernel and install it
	@$(LAB)/kmod guest $(B)/kmod
	@install -D -m 644 $(B)/kmod/guest/vhost_vfio_pci.ko \
		$(DESTDIR)/lib/modules/$$(uname -r)/updates/vhost_vfio_pci.ko
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

Q := $(B)/payload/qemu
payload-qemu: qemu
	@$(LAB)/dpdk
	@rm -rf $(Q)
	@$(LAB)/qemu-payload $(Q) $(B)/front-end/qemu-system-x86_64
	@$(MAKE) -C tests/qemu O=$(B)/tests/qemu DESTDIR=$(Q) PREFIX=/qemu \
		KSELFTEST_DIR=$(KSELFTEST_DIR) install
	@cp $(LAB)/run-tests $(Q)/

# The module is for the kernel of the guest, which is the lab machine's.
VP := $(B)/payload/vhost-pci
payload-vhost-pci: qemu module
	@$(LAB)/dpdk
	@rm -rf $(VP)
	@$(LAB)/qemu-payload $(VP) $(B)/front-end/qemu-system-x86_64
	@$(MAKE) -C tools O=$(B)/tools-static STATIC=1 $(B)/tools-static/vhost-pci-proxy
	@$(MAKE) -C tests/qemu O=$(B)/tests/qemu DESTDIR=$(VP) PREFIX=/pci \
		KSELFTEST_DIR=$(KSELFTEST_DIR) install-pci
	@$(LAB)/back-end-payload $(VP) $(B)/kmod/$(KLANE)/vhost_vfio_pci.ko \
		$(B)/tools-static/vhost-pci-proxy $(B)/tests/qemu/hostile_backend
	@cp $(LAB)/run-tests $(VP)/

# The last scenes have a guest of QEMU.
payload-demo: $(if $(QEMU),qemu)
	@rm -rf $(B)/payload/demo
ifneq ($(QEMU),)
	@$(LAB)/dpdk
	@$(LAB)/qemu-payload $(B)/payload/demo $(B)/front-end/qemu-system-x86_64
endif
	@$(MAKE) -C tests/demo O=$(B)/tests/demo DESTDIR=$(B)/payload PREFIX=/demo install
ifneq ($(QEMU),)
	@$(MAKE) -C tools O=$(B)/tools-static STATIC=1 $(B)/tools-static/vhost-pci-proxy
	@$(LAB)/back-end-payload $(B)/payload/demo $(B)/kmod/$(KLANE)/vhost_vfio_pci.ko \
		$(B)/tools-static/vhost-pci-proxy $(B)/payload/demo/bin/hostile_backend
endif

# Linux guests are for machines that are not too slow for them. The libraries are
# where the machines of the lab have them anyway.
WITH_QEMU := $(filter npt host,$(LANE))
BENCH := cd bench && ./vgrant_bench && ./vgrant_kvm_bench
ifneq ($(WITH_QEMU),)
BENCH += && LD_LIBRARY_PATH=../lib ./vgrant_qemu_bench
endif
BP := $(B)/payload/bench
payload-bench: $(if $(WITH_QEMU),qemu)
	@$(MAKE) -C bench O=$(B)/bench QEMU=$(WITH_QEMU)
	@rm -rf $(BP)
ifneq ($(WITH_QEMU),)
	@$(LAB)/fetch kernel
	@$(LAB)/dpdk
	@$(LAB)/qemu-payload $(BP) $(B)/front-end/qemu-system-x86_64 \
		$(B)/bench/guest_fill $(B)/bench/guest_read $(B)/bench/guest_send
	@$(MAKE) -C tools O=$(B)/tools-static STATIC=1 $(B)/tools-static/vhost-pci-proxy
	@$(LAB)/back-end-payload $(BP) $(B)/kmod/$(KLANE)/vhost_vfio_pci.ko \
		$(B)/tools-static/vhost-pci-proxy
endif
	@$(MAKE) -C bench O=$(B)/bench QEMU=$(WITH_QEMU) DESTDIR=$(BP) PREFIX=/bench install

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

stage-qtest: source
	@$(LAB)/deps front-end
	@$(LAB)/front-end $(B)/front-end --with-tests
	@$(LAB)/stage $(R)/qtest.tap "Testing QEMU without a guest" $(LAB)/qtest $(B)/front-end

stage-qemu: module kvm payload-qemu
	@$(LAB)/two-machines $(R) qemu "Testing QEMU with real back-ends" \
		$(Q) '$(QEMU_TESTS)' $(BOOT) --timeout 4200

stage-vhost-pci: module kvm payload-vhost-pci
	@$(LAB)/two-machines $(R) vhost-pci "Testing QEMU with back-ends in a virtual machine" \
		$(VP) '$(PCI_TESTS)' $(BOOT) --timeout 4200

stage-readme:
	@$(LAB)/stage $(R)/readme.tap "Comparing README.md with the results" \
		$(LAB)/matrix --check README.md $(R)/*.tap
