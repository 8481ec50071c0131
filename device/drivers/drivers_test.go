package drivers

import (
	"context"
	"errors"
	"strings"
	"testing"

	"fentrace/device"
	"fentrace/device/emulator"
)

func TestOpenByType(t *testing.T) {
	em, err := emulator.Start(emulator.Config{Baud: 115200})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	ctx := context.Background()
	for _, typ := range []string{"", "obp"} {
		dev, err := Open(ctx, typ, em.Path(), Options{Baud: em.Baud(), LaserNM: 784.9})
		if err != nil {
			t.Fatal(err)
		}
		if info := dev.Info(); info.Type != Types()[0].Type || info.LaserNM != 784.9 {
			t.Errorf("info %+v", info)
		}
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Open(ctx, "abacus", em.Path(), Options{}); err == nil || !strings.Contains(err.Error(), "obp") {
		t.Errorf("unknown type: %v", err)
	}
	if _, err := Open(ctx, "obp", "/dev/ttyUSB999", Options{}); !errors.Is(err, device.ErrNotFound) {
		t.Errorf("missing port: %v", err)
	}
}
