package nirscan

import "context"

// Activate makes another configuration active without the driver's knowledge, as the device's menu can.
func (d *Driver) Activate(ctx context.Context, number int) error {
	return d.tell(ctx, CmdSetActive, byte(number-1))
}
