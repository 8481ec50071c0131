package api

import (
	"log/slog"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"fentrace/server/auth"
)

// Document is the OpenAPI 3.1 document of the interface, for programs that are made from it; nothing is served.
func Document() *huma.OpenAPI {
	a := Register(echo.New(), nil, nil, auth.New(nil, time.Now, 0), slog.New(slog.DiscardHandler), Limits{MaxUpload: 1, Uploads: 1})
	return a.huma.OpenAPI()
}
