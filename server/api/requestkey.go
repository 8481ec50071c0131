package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/store"
)

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
