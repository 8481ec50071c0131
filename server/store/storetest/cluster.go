package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"fentrace/server/store/pgtools"
)

// startTime is how long a cluster may take to answer.
const startTime = time.Minute

// Cluster is a PostgreSQL server of one test program, reached by a socket in its folder. It trusts everyone who may enter
// that folder.
type Cluster struct {
	programs, dir string
	as            *syscall.SysProcAttr // PostgreSQL refuses to run as root
	databases     atomic.Int64

	pipe  io.WriteCloser // to the shell that keeps the server
	ended chan struct{}  // closed when that shell has ended
}

// NewCluster starts a cluster. End ends it; the error wraps pgtools.ErrNotInstalled where PostgreSQL is not installed.
func NewCluster() (*Cluster, error) {
	initdb, err := pgtools.Find("initdb")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "fentrace-pg")
	if err != nil {
		return nil, err
	}
	c := &Cluster{programs: filepath.Dir(initdb), dir: dir}
	if c.as, err = owner(dir); err == nil {
		err = c.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

// owner returns as whom to run, in a session of its own so that Ctrl-C reaches the test program only, and gives dir to
// that user.
func owner(dir string) (*syscall.SysProcAttr, error) {
	as := &syscall.SysProcAttr{Setsid: true}
	if os.Getuid() != 0 {
		return as, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, fmt.Errorf("find a user to run PostgreSQL as: %w", err)
		}
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return as, os.Chown(dir, uid, gid)
}

// keeper makes a cluster and runs the server until it reads a line, or the end of its input: then it also removes the folder.
// The server is stopped as by a crash, which is quick and loses nothing that was committed. Its own rules of comparing are not
// those of bytes, so that tests notice what depends on them.
const keeper = `[ -d "$2/data" ] || "$1/initdb" -D "$2/data" -U fentrace -A trust -E UTF8 --no-sync \
	--locale=C --locale-provider=icu --icu-locale=en-US || exit
"$1/postgres" -D "$2/data" -k "$2" -p 5432 -c listen_addresses= &
read -r line; ended=$?
kill -QUIT $!; wait $!
[ $ended = 0 ] || rm -rf "$2"`

// Start starts the server after Stop and returns when it answers.
func (c *Cluster) Start() error {
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	shell := exec.Command("sh", "-c", keeper, "sh", c.programs, c.dir)
	shell.SysProcAttr, shell.Dir, shell.Stdout, shell.Stderr = c.as, c.dir, log, log
	if c.pipe, err = shell.StdinPipe(); err != nil {
		return err
	}
	if err := shell.Start(); err != nil {
		return err
	}
	c.ended = make(chan struct{})
	go func() {
		shell.Wait() // the exit code is that of its last command
		close(c.ended)
	}()
	return c.answers(log.Name())
}

// answers returns when the server does; an error holds what the server has written to its log.
func (c *Cluster) answers(log string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.address("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-time.After(20 * time.Millisecond):
			continue
		case <-c.ended:
		case <-ctx.Done():
		}
		said, _ := os.ReadFile(log)
		return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, said)
	}
}

// Stop stops the server as a crash would; Start brings it back with what was committed.
func (c *Cluster) Stop() error {
	_, err := io.WriteString(c.pipe, "stop\n")
	<-c.ended
	return err
}

// End stops the server and removes its folder.
func (c *Cluster) End() {
	c.pipe.Close()
	<-c.ended
	os.RemoveAll(c.dir)
}

func (c *Cluster) address(database string) string {
	return "postgres:///" + database + "?" + url.Values{"host": {c.dir}, "port": {"5432"}, "user": {"fentrace"}}.Encode()
}

// NewDatabase makes an empty database and returns its address.
func (c *Cluster) NewDatabase() (string, error) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, c.address("postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	name := fmt.Sprint("test", c.databases.Add(1))
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return c.address(name), nil
}
