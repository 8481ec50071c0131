package store

import (
	"context"

	"fentrace/server/tlp"
)

// Principal is on whose behalf the store is asked.
type Principal struct {
	User      string    // name of the account; of the part of the program when it acts by itself
	Role      string    // of the account
	Agency    string    // id of the account's agency
	Clearance tlp.Level // the strictest marking the account may see, within its agency
	Program   bool      // the program itself, which works on everything
	Request   string    // id of the request; empty when there is none
	Address   string    // host that the request came from; empty when there is none
}

type principalKey struct{}

// As is ctx on behalf of p.
func As(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// ByProgram is ctx on behalf of the program itself; part says which part of it acts, such as "look-back".
func ByProgram(ctx context.Context, part string) context.Context {
	return As(ctx, Principal{User: part, Program: true})
}

// Asking is on whose behalf the store is asked with ctx; ok is false when nobody is named.
func Asking(ctx context.Context) (p Principal, ok bool) {
	p, ok = ctx.Value(principalKey{}).(Principal)
	return p, ok
}
