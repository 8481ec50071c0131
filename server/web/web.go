// Package web serves the pages. They are built from TypeScript into dist and embedded when the program is built
// with the tag webdist, as `make build` does; without it one plain page says so.
package web

import (
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"
)

// notBuilt is served in place of every page when the program was built without them.
const notBuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Fentrace: pages not built</title>
<h1>This Fentrace was built without its pages</h1>
<p>Build it with <code>make build</code> (needs Node.js with npm) and start it again.</p>
<p>The interface under <code>/v1</code> works; its description is at <code>/openapi.json</code> after log-in.</p>
</html>
`

// Built reports whether the pages are part of this program.
func Built() bool { return dist != nil }

// Register adds the routes of the pages: the log-in page and what pages load (open to everyone), and every
// other path. index.html holds all pages but the log-in page and reads the address itself.
func Register(e *echo.Echo) { register(e, dist) }

func register(e *echo.Echo, files fs.FS) {
	if files == nil {
		plain := func(c echo.Context) error {
			if notPage(c) {
				return echo.ErrNotFound
			}
			return c.HTML(http.StatusOK, notBuilt)
		}
		e.GET("/login", plain)
		e.GET("/assets/*", func(echo.Context) error { return echo.ErrNotFound })
		e.GET("/*", plain)
		return
	}
	e.GET("/login", func(c echo.Context) error { return page(c, files, "login.html") })
	e.GET("/assets/*", func(c echo.Context) error {
		// Built names carry a hash of the content.
		return file(c, files, "assets/"+c.Param("*"), "public, max-age=31536000, immutable")
	})
	e.GET("/*", func(c echo.Context) error {
		name := strings.TrimPrefix(c.Request().URL.Path, "/")
		switch {
		case notPage(c):
			return echo.ErrNotFound
		case path.Ext(name) != "":
			return file(c, files, name, "no-store")
		}
		return page(c, files, "index.html")
	})
}

// notPage keeps a mistyped address of the interface from being answered with a page.
func notPage(c echo.Context) bool {
	return c.Request().URL.Path == "/v1" || strings.HasPrefix(c.Request().URL.Path, "/v1/")
}

func page(c echo.Context, files fs.FS, name string) error {
	b, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	return c.HTMLBlob(http.StatusOK, b)
}

func file(c echo.Context, files fs.FS, name, cache string) error {
	if !fs.ValidPath(name) {
		return echo.ErrNotFound
	}
	f, err := fs.Stat(files, name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && f.IsDir() {
		return echo.ErrNotFound
	}
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", cache)
	http.ServeFileFS(c.Response(), c.Request(), files, name)
	return nil
}
