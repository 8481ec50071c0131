package jobs

import (
	"testing"
	"time"

	"fentrace/server/store"
)

func TestDeliveriesAreTriedForSomeDaysWithWaitsThatGrow(t *testing.T) {
	var sum, before time.Duration
	for failures := range (store.WebhookJob{}).InsertOpts().MaxAttempts - 1 {
		d := wait(DefaultFirstWait, store.WebhookWait, failures)
		if d < before || d > store.WebhookWait {
			t.Errorf("after %d failures it waits %v, before that %v", failures, d, before)
		}
		sum, before = sum+d, d
	}
	if days := sum.Hours() / 24; days < 2 || days > 5 {
		t.Errorf("the last attempt is after %.1f days", days)
	}
	if got := wait(DefaultFirstWait, longestWait, 1000); got != longestWait {
		t.Errorf("other jobs wait %v", got)
	}
}
