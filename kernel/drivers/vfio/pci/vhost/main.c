// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO driver of vhost-pci devices: vfio-pci, but with a memory BAR that is
 * cached.
 *
 * That BAR is memory of another virtual machine, not registers of a device.
 * vfio-pci maps it uncached. On Intel hosts KVM overrides that, on AMD hosts it
 * cannot, and a back-end that copies data there would crawl.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/version.h>
#include <linux/vfio_pci_core.h>
#include <uapi/linux/vhost_pci.h>

/* The core may have mapped the BAR when the device was opened, or not yet. */
static int vhost_vfio_pci_claim_memory(struct vfio_pci_core_device *vdev)
{
	void __iomem *map = vdev->barmap[VHOST_PCI_BAR_MEMORY];

	if (!map)
		return pci_request_selected_regions(vdev->pdev,
						    BIT(VHOST_PCI_BAR_MEMORY),
						    "vhost-vfio-pci");
	if (IS_ERR(map))
		return PTR_ERR(map);
	pci_iounmap(vdev->pdev, map);
	vdev->barmap[VHOST_PCI_BAR_MEMORY] = NULL;
	return 0;
}

/*
 * The memory type that is asked for first is that of all mappings, those of user
 * space included, unless the MTRRs say uncached. So this one has to come before
 * the core's own. It takes the place of that, and the core undoes it when the
 * device is closed. It costs an entry of a page table for each GiB, as the BAR is
 * aligned to its size, or for each 2 MiB if the CPU knows no larger pages.
 */
static int vhost_vfio_pci_map_memory(struct vfio_pci_core_device *vdev)
{
	struct pci_dev *pdev = vdev->pdev;
	int ret;

	ret = vhost_vfio_pci_claim_memory(vdev);
	if (ret)
		return ret;
	vdev->barmap[VHOST_PCI_BAR_MEMORY] =
		ioremap_cache(pci_resource_start(pdev, VHOST_PCI_BAR_MEMORY),
			      pci_resource_len(pdev, VHOST_PCI_BAR_MEMORY));
	if (vdev->barmap[VHOST_PCI_BAR_MEMORY])
		return 0;
	pci_release_selected_regions(pdev, BIT(VHOST_PCI_BAR_MEMORY));
	return -ENOMEM;
}

static int vhost_vfio_pci_open_device(struct vfio_device *core_vdev)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	int ret;

	ret = vfio_pci_core_enable(vdev);
	if (ret)
		return ret;
	ret = vhost_vfio_pci_map_memory(vdev);
	if (ret) {
		vfio_pci_core_disable(vdev);
		return ret;
	}
	vfio_pci_core_finish_enable(vdev);
	return 0;
}

/* Without PAT, page tables say what vm_page_prot says, whatever was asked for. */
static int vhost_vfio_pci_mmap(struct vfio_device *core_vdev,
			       struct vm_area_struct *vma)
{
	unsigned int index = vma->vm_pgoff >> (VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT);
	int ret;

	ret = vfio_pci_core_mmap(core_vdev, vma);
	if (!ret && index == VHOST_PCI_BAR_MEMORY)
		vma->vm_page_prot = pgprot_decrypted(vm_get_page_prot(vma->vm_flags));
	return ret;
}

static const struct vfio_device_ops vhost_vfio_pci_ops = {
	.name			= "vhost-vfio-pci",
	.init			= vfio_pci_core_init_dev,
	.release		= vfio_pci_core_release_dev,
	.open_device		= vhost_vfio_pci_open_device,
	.close_device		= vfio_pci_core_close_device,
	.ioctl			= vfio_pci_core_ioctl,
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	/* Since 6.12 they have become calls of their own. */
	.get_region_info_caps	= vfio_pci_ioctl_get_region_info,
	.match_token_uuid	= vfio_pci_core_match_token_uuid,
#endif
	.device_feature		= vfio_pci_core_ioctl_feature,
	.read			= vfio_pci_core_read,
	.write			= vfio_pci_core_write,
	.mmap			= vhost_vfio_pci_mmap,
	.request		= vfio_pci_core_request,
	.match			= vfio_pci_core_match,
	.bind_iommufd		= vfio_iommufd_physical_bind,
	.unbind_iommufd		= vfio_iommufd_physical_unbind,
	.attach_ioas		= vfio_iommufd_physical_attach_ioas,
	.detach_ioas		= vfio_iommufd_physical_detach_ioas,
};

static int vhost_vfio_pci_probe(struct pci_dev *pdev,
				const struct pci_device_id *id)
{
	struct vfio_pci_core_device *vdev;
	int ret;

	vdev = vfio_alloc_device(vfio_pci_core_device, vdev, &pdev->dev,
				 &vhost_vfio_pci_ops);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	dev_set_drvdata(&pdev->dev, vdev);
	ret = vfio_pci_core_register_device(vdev);
	if (ret)
		vfio_put_device(&vdev->vdev);
	return ret;
}

static void vhost_vfio_pci_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(vdev);
	vfio_put_device(&vdev->vdev);
}

static const struct pci_device_id vhost_vfio_pci_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(VHOST_PCI_VENDOR_ID, VHOST_PCI_DEVICE_ID) },
	{}
};
MODULE_DEVICE_TABLE(pci, vhost_vfio_pci_table);

static struct pci_driver vhost_vfio_pci_driver = {
	.name			= "vhost-vfio-pci",
	.id_table		= vhost_vfio_pci_table,
	.probe			= vhost_vfio_pci_probe,
	.remove			= vhost_vfio_pci_remove,
	.err_handler		= &vfio_pci_core_err_handlers,
	.driver_managed_dma	= true,
};
module_pci_driver(vhost_vfio_pci_driver);

MODULE_DESCRIPTION("VFIO driver of vhost-pci devices, with a cached memory BAR");
MODULE_AUTHOR("vhost_grant developers");
MODULE_LICENSE("GPL");
