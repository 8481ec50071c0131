package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
)

// ErrAddress: messages are not sent there. Test with errors.Is.
var ErrAddress = errors.New("webhooks are not sent to this address")

// MaxURL is how long an address may be, bytes.
const MaxURL = 2000

// inner are the networks, besides those that netip knows by a name, whose addresses are nobody's on the Internet, or lead to one that is
// written inside them.
var inner = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // between providers and customers
	netip.MustParsePrefix("192.0.0.0/24"),    // protocols
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("198.18.0.0/15"),   // measuring
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast
	netip.MustParsePrefix("::/96"),           // IPv4, as it was once written
	netip.MustParsePrefix("64:ff9b::/96"),    // IPv4 by NAT64
	netip.MustParsePrefix("64:ff9b:1::/48"),  // the same, locally
	netip.MustParsePrefix("100::/64"),        // discarded
	netip.MustParsePrefix("2001::/32"),       // IPv4 by Teredo
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // IPv4 by 6to4
	netip.MustParsePrefix("fec0::/10"),       // of a site, as it was once written
}

// Allowed are the networks that messages are sent to though they are not public.
type Allowed []netip.Prefix

// ParseAllowed reads networks such as 10.1.0.0/16.
func ParseAllowed(networks []string) (Allowed, error) {
	var out Allowed
	for _, text := range networks {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q: a network such as 10.1.0.0/16 is needed", text)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

func (a Allowed) has(ip netip.Addr) bool {
	return slices.ContainsFunc(a, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// check is ErrAddress for an address that is neither public nor allowed.
func (a Allowed) check(ip netip.Addr) error {
	ip = ip.Unmap().WithZone("")
	public := ip.IsGlobalUnicast() && !ip.IsPrivate() && !slices.ContainsFunc(inner, func(p netip.Prefix) bool { return p.Contains(ip) })
	if public || a.has(ip) {
		return nil
	}
	return fmt.Errorf("%w: %s is not public; whoever runs this server can allow it with --webhook-allow", ErrAddress, ip)
}

// control is asked for every connection, with the address that it really goes to: a name that leads elsewhere the next time is of no use.
func (a Allowed) control(plain bool) func(network, address string, c syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrAddress, err)
		}
		if plain && !at.Addr().Unmap().IsLoopback() {
			return fmt.Errorf("%w: http is for this machine itself; elsewhere https is needed", ErrAddress)
		}
		return a.check(at.Addr())
	}
}

// CheckURL reports what can be said of the address of a webhook before anything is sent there: https with a host, or http to this machine
// itself where that is allowed. Errors wrap ErrAddress.
func (a Allowed) CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case len(text) > MaxURL:
		return fmt.Errorf("%w: it is longer than %d bytes", ErrAddress, MaxURL)
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return fmt.Errorf("%w: one like https://partner.example.org/fentrace is needed", ErrAddress)
	case u.User != nil:
		return fmt.Errorf("%w: it holds a user name or a password; the signature says who sends", ErrAddress)
	case u.Fragment != "":
		return fmt.Errorf("%w: what follows # is never sent", ErrAddress)
	}
	ip, notIP := netip.ParseAddr(u.Hostname())
	switch {
	case u.Scheme == "http" && notIP == nil && ip.Unmap().IsLoopback() && a.has(ip.Unmap()):
		return nil
	case u.Scheme != "https":
		return fmt.Errorf("%w: https is needed; http is for a loopback address that --webhook-allow names", ErrAddress)
	case notIP == nil:
		return a.check(ip)
	}
	return nil
}
