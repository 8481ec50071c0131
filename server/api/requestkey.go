package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/store"
)

// secretOnce describes operations that answer with a secret.
const secretOnce = "The secret is shown once and is not kept: a request that is repeated with its Idempotency-Key makes nothing, and is answered 409."

// once is ctx for a request that is done once, however often it comes with its key. Inputs that embed KeyHeader have one.
func once(ctx context.Context, operation string, in any) (context.Context, error) {
	keyed, ok := in.(interface{ requestKey() string })
	if !ok {
		return ctx, nil
	}
	key, err := requestKey(ctx, keyed.requestKey())
	if err != nil || key == (store.Key{}) {
		return ctx, err
	}
	return store.Once(ctx, key, struct {
		Operation string
		Input     any
	}{operation, in}), nil
}

// requestKey reads an Idempotency-Key: a quoted string (structured field of RFC 8941), or, as many clients send it, the
// same without quotes.
func requestKey(ctx context.Context, value string) (store.Key, error) {
	if value == "" {
		return store.Key{}, nil
	}
	key := value
	if quoted, ok := strings.CutPrefix(value, `"`); ok {
		key, ok = strings.CutSuffix(quoted, `"`)
		if !ok {
			key = ""
		}
	}
	if key == "" || len(key) > store.MaxText || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }) {
		return store.Key{}, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: "header.Idempotency-Key", Value: value,
			Message: fmt.Sprintf("a quoted string of 1 to %d printable ASCII characters, such as a UUID, is needed", store.MaxText)})
	}
	c, err := caller(ctx)
	return store.Key{User: c.User, Value: key}, err
}
