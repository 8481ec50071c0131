// Package discover lists the serial ports a spectrometer may be on, without opening any: opening sets the line's
// rate and modem signals, which would spoil a scan under way. What answers on a port is for the driver to ask.
package discover

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Port is one serial port of this machine. The USB fields are empty for a port that is not on USB.
type Port struct {
	Path         string `json:"path"`                 // for example "/dev/ttyUSB0"
	VendorID     string `json:"vendor_id,omitempty"`  // four lower-case hex digits
	ProductID    string `json:"product_id,omitempty"` // four lower-case hex digits
	SerialNumber string `json:"serial_number,omitempty"`
	Manufacturer string `json:"manufacturer,omitempty"`
	Product      string `json:"product,omitempty"`
	// Chip is what usually has these IDs: nearly always the bridge in the cable, not the instrument behind it.
	Chip string `json:"chip,omitempty"`
}

// names are the serial ports of Linux; those of consoles, pseudo-terminals and gadgets are not.
var names = regexp.MustCompile(`^tty(S|HS|USB|ACM|AMA|O|mxc)[0-9]{1,3}$|^rfcomm[0-9]{1,3}$`)

// chips are USB-to-serial bridges met in cables and instruments (vendor and product ID; "" is any product).
var chips = []struct{ vendor, product, name string }{
	{"0403", "6001", "FTDI FT232R"}, {"0403", "6010", "FTDI FT2232"}, {"0403", "6011", "FTDI FT4232"},
	{"0403", "6014", "FTDI FT232H"}, {"0403", "6015", "FTDI FT230X"}, {"10c4", "ea60", "Silicon Labs CP210x"},
	{"1a86", "7523", "WCH CH340"}, {"1a86", "55d3", "WCH CH343"}, {"067b", "2303", "Prolific PL2303"},
	{"0483", "374b", "ST-Link"}, {"0483", "5740", "STM32"}, {"2341", "", "Arduino"},
	{"1546", "01a7", "u-blox GPS"}, {"1546", "01a8", "u-blox GPS"},
	{"2457", "", "Ocean Insight"}, {"0999", "", "Ocean Optics"},
}

// Ports reads the list from the kernel's device tree below root, which is "/" outside tests. Where there is no
// such tree (not Linux) it lists /dev/cu.*. Ports are sorted by name, numbers by value; none is not an error.
func Ports(root string) ([]Port, error) {
	class := filepath.Join(root, "sys", "class", "tty")
	entries, err := os.ReadDir(class)
	if os.IsNotExist(err) {
		return calloutPorts(root)
	}
	if err != nil {
		return nil, fmt.Errorf("list serial ports: %w", err)
	}
	var ports []Port
	for _, e := range entries {
		folder := filepath.Join(class, e.Name())
		if !names.MatchString(e.Name()) || !present(folder, e.Name()) {
			continue
		}
		p := Port{Path: "/dev/" + e.Name()}
		p.readUSB(root, folder)
		ports = append(ports, p)
	}
	slices.SortFunc(ports, func(a, b Port) int { return compareNames(a.Path, b.Path) })
	return ports, nil
}

// present leaves out placeholders: the kernel lists ttyS0 to ttyS31 whether or not there is a chip (type 0 is none).
func present(folder, name string) bool {
	if _, err := os.Stat(filepath.Join(folder, "device")); err != nil {
		return strings.HasPrefix(name, "rfcomm")
	}
	return readLine(filepath.Join(folder, "type")) != "0"
}

// readUSB climbs from the port to the USB device that carries it: the first folder upwards with an idVendor.
func (p *Port) readUSB(root, folder string) {
	at, err := filepath.EvalSymlinks(filepath.Join(folder, "device"))
	if err != nil {
		return
	}
	top, err := filepath.EvalSymlinks(root)
	if err != nil {
		return
	}
	for ; strings.HasPrefix(at, top) && at != top && at != filepath.Dir(at); at = filepath.Dir(at) {
		vendor := readLine(filepath.Join(at, "idVendor"))
		if vendor == "" {
			continue
		}
		p.VendorID = strings.ToLower(vendor)
		p.ProductID = strings.ToLower(readLine(filepath.Join(at, "idProduct")))
		p.SerialNumber = readLine(filepath.Join(at, "serial"))
		p.Manufacturer = readLine(filepath.Join(at, "manufacturer"))
		p.Product = readLine(filepath.Join(at, "product"))
		for _, c := range chips {
			if c.vendor == p.VendorID && (c.product == "" || c.product == p.ProductID) {
				p.Chip = c.name
				break
			}
		}
		return
	}
}

// calloutPorts is how macOS names serial ports.
func calloutPorts(root string) ([]Port, error) {
	paths, err := filepath.Glob(filepath.Join(root, "dev", "cu.*"))
	if err != nil {
		return nil, fmt.Errorf("list serial ports: %w", err)
	}
	var ports []Port
	for _, path := range paths {
		if !strings.Contains(path, "Bluetooth") {
			ports = append(ports, Port{Path: "/dev/" + filepath.Base(path)})
		}
	}
	return ports, nil
}

// readLine returns a kernel attribute, at most a page long, "" when there is none.
func readLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil || len(b) > 4096 {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func compareNames(a, b string) int {
	head := func(s string) (string, int) {
		t := strings.TrimRight(s, "0123456789")
		n, _ := strconv.Atoi(s[len(t):])
		return t, n
	}
	textA, numberA := head(a)
	textB, numberB := head(b)
	return cmp.Or(cmp.Compare(textA, textB), cmp.Compare(numberA, numberB))
}
