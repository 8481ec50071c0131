package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
)

// within are databases of a PostgreSQL server that is there already.
type within struct {
	address *url.URL
	made    []string
}

// inServer makes databases at the server of an address.
func inServer(address string) (*within, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, fmt.Errorf("-db %q: write it like postgres://user@host/database", address)
	}
	return &within{address: u}, nil
}

// new makes an empty one.
func (w *within) new() (string, error) {
	name := fmt.Sprintf("fentrace_bench_%d", len(w.made)+1)
	if err := w.do("CREATE DATABASE " + name); err != nil {
		return "", fmt.Errorf("make a database to measure with: %w", err)
	}
	w.made = append(w.made, name)
	u := *w.address
	u.Path = "/" + name
	return u.String(), nil
}

// drop removes those that were made.
func (w *within) drop() (err error) {
	for _, name := range w.made {
		err = errors.Join(err, w.do("DROP DATABASE "+name+" WITH (FORCE)"))
	}
	return err
}

func (w *within) do(statement string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, w.address.String())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}
