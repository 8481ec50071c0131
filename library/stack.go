package library

import "context"

// Stack is one or more libraries read into memory, later layers over earlier ones. It is immutable and safe for
// concurrent use.
type Stack struct{}

// OpenStack reads the embedded core (nil to leave it out) and then each library file, in order.
func OpenStack(ctx context.Context, core []byte, paths ...string) (*Stack, error) { return &Stack{}, nil }

// Version is the SHA-256 over the content of every layer.
func (st *Stack) Version() string { return "" }

// Substances returns every substance, ordered by name.
func (st *Stack) Substances() []Substance { return nil }

// References returns every reference, ordered by id.
func (st *Stack) References() []Reference { return nil }

// Substance returns the substance with this id.
func (st *Stack) Substance(id string) (Substance, bool) { return Substance{}, false }
