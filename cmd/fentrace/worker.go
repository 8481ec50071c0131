package main

import (
	"fmt"
	"os"
	"path/filepath"

	"fentrace/server"
	"fentrace/server/client"
)

type workerCommand struct {
	IndexFrom      string `placeholder:"URL" help:"Fentrace server to fetch the prepared references from, where it has them: quicker than preparing a large library here."`
	IndexTokenFile string `placeholder:"FILE" help:"File with an access token for it (made there with --new-token NAME --token-for read), readable by you only (chmod 600)."`
	LogLevel       string `default:"warn" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"What is logged: ${enum} (${default})."`
	LogFormat      string `default:"text" enum:"text,json" placeholder:"FORMAT" help:"How: ${enum} (${default})."`
	dataFlags
	keyFlags
	libraryFlags
}

func (workerCommand) Help() string {
	return `Answers the files of batches that were handed to a server, beside it or on another machine: all it needs is the database and
the same library. It takes only jobs that ask for its library and version, and says so when no server does. Ctrl-C lets what
runs finish or puts it back; what a worker leaves that was killed is done by the others. --data is where prepared references
are kept.

Examples:

    fentrace worker --db postgres://fentrace@db.example.org/fentrace
    fentrace worker --db postgres://fentrace@db.example.org/fentrace \
        --library lab.db --index-from https://fentrace.example.org \
        --index-token-file token`
}

func (c *workerCommand) Run(env *environment) error {
	if c.DB == "" {
		return usagef("--db: a worker needs the PostgreSQL database that the servers use; a folder has a server of its own")
	}
	address, err := c.address()
	if err != nil {
		return err
	}
	dir, err := c.cache()
	if err != nil {
		return err
	}
	from, err := c.source()
	if err != nil {
		return err
	}
	stack, err := c.open(env.ctx)
	if err != nil {
		return err
	}
	ring, err := c.ring()
	if err != nil {
		return err
	}
	s, err := server.New(env.ctx, server.Config{DataDir: dir, Database: address, Keys: ring, Library: stack, Worker: true, IndexFrom: from,
		Logger: (&serveCommand{LogLevel: c.LogLevel, LogFormat: c.LogFormat}).logger(env.stderr), Version: programVersion().Version})
	if err != nil {
		return err
	}
	defer s.Close() // a second time after Work, which does no harm
	if _, err := fmt.Fprintf(env.stdout, "Takes jobs that ask for library %s. Ctrl-C ends it.\n", stack.Version()); err != nil {
		return err
	}
	return s.Work(env.ctx)
}

// cache is the folder named, or one in the user's cache.
func (c *workerCommand) cache() (string, error) {
	if c.Data != "" {
		return c.Data, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", usagef("name a folder for prepared references with --data: %w", err)
	}
	return filepath.Join(dir, "fentrace-worker"), nil
}

func (c *workerCommand) source() (*server.IndexSource, error) {
	if c.IndexFrom == "" {
		if c.IndexTokenFile != "" {
			return nil, usagef("--index-token-file without --index-from: name the server too")
		}
		return nil, nil
	}
	u, err := client.ParseAddress("--index-from", c.IndexFrom)
	if err != nil {
		return nil, usageError{err}
	}
	if c.IndexTokenFile == "" {
		return nil, usagef("--index-from %s: name the file with an access token for it with --index-token-file", c.IndexFrom)
	}
	token := func() (string, error) { return client.ReadToken(c.IndexTokenFile) }
	if _, err := token(); err != nil {
		return nil, usageError{err}
	}
	return &server.IndexSource{URL: u, Token: token}, nil
}
