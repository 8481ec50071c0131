package observe

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// checkTime is how long one check may take.
const checkTime = 2 * time.Second

// Check is one thing that has to be well for a server to be of use.
type Check struct {
	Name string
	Do   func(context.Context) error
}

// Health is what a server says about itself.
type Health struct {
	Status string            `json:"status"` // "ready" | "not ready"
	Checks map[string]string `json:"checks"` // "ok" or "failed", by name; what failed is in the log
}

// Register adds GET /healthz, which says that the program runs, and GET /readyz, which says whether all checks pass. Both are
// for whoever watches over the server and tell nothing else; failed hears what failed.
func Register(e *echo.Echo, checks []Check, failed func(name string, err error)) {
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", func(c echo.Context) error {
		h := Health{Status: "ready", Checks: map[string]string{}}
		status := http.StatusOK
		for _, check := range checks {
			ctx, cancel := context.WithTimeout(c.Request().Context(), checkTime)
			err := check.Do(ctx)
			cancel()
			if h.Checks[check.Name] = "ok"; err != nil {
				failed(check.Name, err)
				h.Checks[check.Name], h.Status, status = "failed", "not ready", http.StatusServiceUnavailable
			}
		}
		return c.JSON(status, h)
	})
}
