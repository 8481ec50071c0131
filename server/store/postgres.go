package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// writing is the key of the advisory lock that a transaction holds while it writes: "fentrace" in ASCII.
const writing = 0x66656e7472616365

// connectTime is how long a database may take to answer at first, unless its address says otherwise (connect_timeout).
const connectTime = 5 * time.Second

// silence is how long the machine of the database may be silent before it is taken for lost.
const silence = 30 * time.Second

// postgres reads committed rows in every statement, also where the database was set up to do otherwise: what is read
// behind the lock must be what the writer before has stored.
var postgres = &dialect{goose: goose.DialectPostgres, migrations: "migrations/postgres", options: []goose.ProviderOption{goose.WithSessionLocker(migrating{})},
	numbered: true, isolation: sql.LevelReadCommitted, lock: "SELECT pg_advisory_xact_lock(" + strconv.Itoa(writing) + ")",
	arg: postgresArg, name: namePostgres, lost: lostPostgres, identity: "SELECT id FROM identity",
	hasTable: "SELECT to_regclass(?) IS NOT NULL"}

// session are the settings of every connection that its address does not set itself. A program that has gone away without a
// word, with its machine, must not keep the others from writing.
var session = map[string]string{
	"lock_timeout":                        "30s",
	"idle_in_transaction_session_timeout": "60s",
	"tcp_keepalives_idle":                 "15",
	"tcp_keepalives_interval":             "5",
	"tcp_keepalives_count":                "3",
	"tcp_user_timeout":                    "30s",
}

// dialer finds out that the other machine is gone, also while nothing is sent.
var dialer = net.Dialer{Control: giveUpSending, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence / 2, Interval: silence / 6, Count: 3}}

// OpenPostgres opens the PostgreSQL database at address, creating the tables as needed; the database itself must be there.
// address is a URL (postgres://user@host:port/database?sslmode=verify-full); what it does not say is taken from the
// environment and the password file of PostgreSQL's own programs (PGHOST, PGSSLMODE, ~/.pgpass and so on). No error holds
// the password. Close must be called when done. Errors wrap
// ErrAddress, ErrKeyNeeded, or ErrUnavailable when trying again may help.
func OpenPostgres(ctx context.Context, address string, options ...Option) (*Store, error) {
	config, err := parsePostgres(address)
	if err != nil {
		return nil, err
	}
	reading := maps.Clone(session)
	reading["default_transaction_read_only"] = "on"
	listen, err := listenPool(ctx, config)
	if err != nil {
		return nil, err
	}
	var bound patience // set once the tables are up to date: that may take long
	asking := config.Copy()
	asking.DialFunc = bound.dial
	jobs := openPool(asking, session)
	jobs.SetMaxOpenConns(riverConnections)
	s, err := newStore(ctx, postgres, openPool(asking, session), openPool(asking, reading), queue{on: jobs, listen: listen}, options)
	if err != nil {
		return nil, fmt.Errorf("open database %s of %s on %s, port %d: %w", config.Database, config.User, config.Host, config.Port, err)
	}
	bound.set(patient)
	s.bound = &bound
	return s, nil
}

// CheckPostgres reports what is wrong with the address of a PostgreSQL database, without its password; the error wraps
// ErrAddress.
func CheckPostgres(address string) error {
	_, err := parsePostgres(address)
	return err
}

// parsePostgres says as little of an address that cannot be read as it can: any part may be one of the password.
func parsePostgres(address string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Opaque != "" {
		return nil, fmt.Errorf("%w: it is not of the form postgres://user@host/database; in a password, / ? # @ : and %% are written %%2F %%3F %%23 %%40 %%3A %%25", ErrAddress)
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		why := err
		if under := errors.Unwrap(err); under != nil {
			why = under // without the address
		}
		return nil, fmt.Errorf("%w: %s", ErrAddress, without(secrets(u), why.Error()))
	}
	if config.Database == "" {
		config.Database = config.User // as psql does; errors then name it
	}
	config.DialFunc = dialer.DialContext
	if !u.Query().Has("connect_timeout") {
		config.ConnectTimeout = connectTime
	}
	return config, nil
}

// secrets are the passwords in an address, as they are and as they are written there.
func secrets(u *url.URL) []string {
	q := u.Query()
	found := []string{q.Get("password"), q.Get("sslpassword")}
	if p, ok := u.User.Password(); ok {
		found = append(found, p)
		_, written, _ := strings.Cut(u.User.String(), ":")
		found = append(found, written)
	}
	return slices.DeleteFunc(found, func(s string) bool { return s == "" })
}

func without(secrets []string, text string) string {
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, "...")
	}
	return text
}

func openPool(config *pgx.ConnConfig, settings map[string]string) *sql.DB {
	return stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		for name, value := range settings {
			if _, stated := config.RuntimeParams[name]; stated {
				continue
			}
			if _, err := conn.Exec(ctx, "SELECT set_config($1, $2, false)", name, value); err != nil {
				return fmt.Errorf("set %s: %w", name, err)
			}
		}
		// An answer that was given must survive a power cut, also where the database was set up to be faster than that.
		_, err := conn.Exec(ctx, "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")
		return err
	}))
}

// listenPool has the one connection that hears of new jobs; it is opened when there is somebody to tell.
func listenPool(ctx context.Context, config *pgx.ConnConfig) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	c.ConnConfig = config.Copy()
	c.MinConns, c.MaxConns = 0, 1
	return pgxpool.NewWithConfig(ctx, c)
}

// migrating lets one program at a time change the tables, and none write meanwhile.
type migrating struct{}

func (migrating) SessionLock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", writing)
	return err
}

func (migrating) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", writing)
	return err
}

// postgresArg makes of a value what SQLite takes and PostgreSQL refuses or keeps otherwise one that is the same in both:
// bytes of a text that are no text become U+FFFD, as in JSON, and not-a-number becomes NULL.
func postgresArg(a any) any {
	switch v := a.(type) {
	case string:
		return strings.ReplaceAll(strings.ToValidUTF8(v, "\uFFFD"), "\x00", "\uFFFD")
	case float64:
		if math.IsNaN(v) {
			return nil
		}
	}
	return a
}

// namePostgres knows the errors that mean there is no room, and those after which the same can be tried again. The codes
// are those of appendix A of PostgreSQL's manual.
func namePostgres(err error) error {
	var said *pgconn.PgError
	var connecting *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.As(err, &said) && (strings.HasPrefix(said.Code, "28") || said.Code == "3D000"):
		return err // who we are, or which database: trying again does not help
	case errors.As(err, &connecting):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case errors.As(err, &said):
		if said.Code == "53100" { // disk_full
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		if again(said.Code) {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	case errors.As(err, &network), errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, pgconn.ErrConnClosed), errors.Is(err, net.ErrClosed):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// again reports whether what failed with the code can be tried again as it is.
func again(code string) bool {
	switch code {
	case "58030", // io_error: the disk of the database
		"25006", // read_only_sql_transaction: the database has become the copy of another one
		"25P03", // idle_in_transaction_session_timeout
		"55P03", // lock_not_available: lock_timeout
		"57014": // query_canceled, and not by us
		return true
	}
	switch code[:min(2, len(code))] {
	case "08", // connection_exception
		"40", // transaction_rollback: serialization_failure, deadlock_detected
		"53": // insufficient_resources: too_many_connections, out_of_memory
		return true
	}
	return strings.HasPrefix(code, "57P") // shutdown, crash, starting up
}

// lostPostgres: a database that answers a commit with an ordinary error has not made it, and one that was never asked
// neither.
func lostPostgres(err error) bool {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return said.SeverityUnlocalized != "ERROR"
	}
	return !pgconn.SafeToRetry(err) && !errors.Is(err, driver.ErrBadConn)
}
