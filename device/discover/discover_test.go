package discover

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree builds a device tree: path -> content, or path -> "-> target" for a symbolic link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, content := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if len(content) > 3 && content[:3] == "-> " {
			err = os.Symlink(content[3:], path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestPortsAreReadFromTheDeviceTree(t *testing.T) {
	usb := "sys/devices/pci0/usb1/1-2/"
	root := tree(t, map[string]string{
		usb + "idVendor":     "10C4\n",
		usb + "idProduct":    "ea60\n",
		usb + "serial":       "0001\n",
		usb + "manufacturer": "Silicon Labs\n",
		usb + "product":      "CP2102 Bridge\n",
		usb + "1-2:1.0/ttyUSB10/tty/ttyUSB10/dev": "188:10\n",
		usb + "1-2:1.0/ttyUSB2/tty/ttyUSB2/dev":   "188:2\n",
		"sys/devices/platform/serial8250/dummy":   "",
		"sys/devices/pnp0/00:01/dummy":            "",
		"sys/class/tty/ttyUSB10/device":           "-> ../../../devices/pci0/usb1/1-2/1-2:1.0/ttyUSB10",
		"sys/class/tty/ttyUSB2/device":            "-> ../../../devices/pci0/usb1/1-2/1-2:1.0/ttyUSB2",
		"sys/class/tty/ttyS0/device":              "-> ../../../devices/pnp0/00:01",
		"sys/class/tty/ttyS0/type":                "4\n",
		"sys/class/tty/ttyS1/device":              "-> ../../../devices/platform/serial8250",
		"sys/class/tty/ttyS1/type":                "0\n",
		"sys/class/tty/tty1/dev":                  "4:1\n",
		"sys/class/tty/ttyGS0/device":             "-> ../../../devices/pnp0/00:01",
		"sys/class/tty/ttyUSB3/device":            "-> ../../../devices/vanished",
	})
	got, err := Ports(root)
	if err != nil {
		t.Fatal(err)
	}
	bridge := Port{VendorID: "10c4", ProductID: "ea60", SerialNumber: "0001", Manufacturer: "Silicon Labs", Product: "CP2102 Bridge", Chip: "Silicon Labs CP210x"}
	second, tenth := bridge, bridge
	second.Path, tenth.Path = "/dev/ttyUSB2", "/dev/ttyUSB10"
	want := []Port{{Path: "/dev/ttyS0"}, second, tenth}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
}

func TestPortsWithoutADeviceTree(t *testing.T) {
	root := tree(t, map[string]string{"dev/cu.usbserial-1": "", "dev/cu.Bluetooth-Incoming-Port": "", "dev/tty.usbserial-1": ""})
	got, err := Ports(root)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Port{{Path: "/dev/cu.usbserial-1"}}, got); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if got, err := Ports(t.TempDir()); err != nil || len(got) != 0 {
		t.Errorf("a machine without ports gave %v, %v", got, err)
	}
}

func TestPortsOfThisMachineCanBeListed(t *testing.T) {
	if _, err := Ports("/"); err != nil {
		t.Fatal(err)
	}
}
