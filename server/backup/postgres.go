package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"fentrace/server/store/pgtools"
	"fentrace/spectra/durable"
)

// Errors about PostgreSQL; test with errors.Is.
var (
	// ErrPrograms: pg_dump or pg_restore is missing, or older than what it is for.
	ErrPrograms = errors.New("the programs of PostgreSQL on this machine cannot be used")
	// ErrTables: a backup is only ever restored into a database without tables.
	ErrTables = errors.New("the database is not empty; restore into a new one (createdb NAME)")
	// ErrKind: a backup of a data folder was to be restored into PostgreSQL, or the other way round.
	ErrKind = errors.New("the backup is of the other kind of database")
)

// PostgresFile is what pg_dump has written, in its custom format.
const PostgresFile = "fentrace.pgdump"

// PostgresTo writes a backup of the PostgreSQL database at address, with what the server has learnt from the data folder dir, to path:
// whole or not at all, readable by its owner only. The database is as it is at one moment; whoever writes to it goes on. It needs room
// for one more copy in the system's folder for temporary files. Errors wrap ErrPrograms.
func PostgresTo(ctx context.Context, dir, address, path, version string, now time.Time) (m Manifest, err error) {
	m = Manifest{Format: format, Made: now.UTC(), Version: version}
	work, err := os.MkdirTemp("", "fentrace-backup-")
	if err != nil {
		return m, fmt.Errorf("back up: %w", err)
	}
	defer os.RemoveAll(work)
	dump := filepath.Join(work, PostgresFile)
	if m.Scans, err = dumpTo(ctx, address, dump); err != nil {
		return m, fmt.Errorf("back up the database: %w", err)
	}
	learned := filepath.Join(work, learnedFile)
	err = copyDatabase(ctx, filepath.Join(dir, learnedFile), learned)
	if _, missing := os.Stat(filepath.Join(dir, learnedFile)); errors.Is(missing, fs.ErrNotExist) {
		learned, err = "", nil
	}
	if err != nil {
		return m, fmt.Errorf("back up %s: %w", learnedFile, err)
	}
	for _, p := range []string{dump, learned} {
		if p == "" {
			continue
		}
		member, err := describe(p)
		if err != nil {
			return m, fmt.Errorf("back up: %w", err)
		}
		m.Members = append(m.Members, member)
	}
	err = durable.WriteAs(path, 0o600, func(w io.Writer) error { return m.write(w, work) })
	return m, err
}

// dumpTo writes the database to path and counts its scans, both in one snapshot.
func dumpTo(ctx context.Context, address, path string) (scans int, err error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tool, err := program(ctx, conn, "pg_dump")
	if err != nil {
		return 0, err
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return 0, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	var snapshot string
	if _, err := tx.Exec(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
		return 0, err
	}
	if err := tx.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&snapshot); err != nil {
		return 0, err
	}
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM scans").Scan(&scans); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoData, err)
	}
	return scans, tool.run(ctx, address, "--format=custom", "--compress=0", "--no-owner", "--no-privileges", "--snapshot="+snapshot, "--file="+path)
}

// PostgresRestore puts a backup of PostgresTo into the PostgreSQL database at address, which must have no tables, and what the server
// had learnt into the folder dir. Everything is compared with the manifest before, and the database is changed in one transaction: it
// is restored whole or not at all. Errors wrap ErrDamaged, ErrNotEmpty, ErrTables, ErrKind and ErrPrograms.
func PostgresRestore(ctx context.Context, r io.Reader, dir, address string) (m Manifest, err error) {
	if err := emptyOrMissing(dir); err != nil {
		return m, fmt.Errorf("restore into %s: %w", dir, err)
	}
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tool, err := program(ctx, conn, "pg_restore")
	if err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	var tables int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND relnamespace = current_schema()::regnamespace").Scan(&tables); err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	if tables > 0 {
		return m, fmt.Errorf("restore: %w", ErrTables)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	part, err := os.MkdirTemp(parent, durable.Part+"*")
	if err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	defer os.RemoveAll(part)
	if m, err = unpack(r, part); err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	if m.Members[0].Name != PostgresFile {
		return m, fmt.Errorf("restore: %w: leave out --db", ErrKind)
	}
	for _, member := range m.Members[1:] {
		if err := check(ctx, filepath.Join(part, member.Name)); err != nil {
			return m, fmt.Errorf("restore %s: %w", member.Name, err)
		}
	}
	dump := filepath.Join(part, PostgresFile)
	if err := tool.run(ctx, address, "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", dump); err != nil {
		return m, fmt.Errorf("restore the database: %w", err)
	}
	var n int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM scans").Scan(&n); err != nil || n != m.Scans {
		return m, fmt.Errorf("restore: %w: %d scans are there, %d belong there (%v)", ErrDamaged, n, m.Scans, err)
	}
	if err := errors.Join(os.Remove(dump), removeIfThere(dir)); err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	return m, os.Rename(part, dir)
}

func removeIfThere(dir string) error {
	if err := os.Remove(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// tool is a program of PostgreSQL.
type tool string

var toolVersion = regexp.MustCompile(`\(PostgreSQL\) ([0-9]+)`)

// program finds one that is not older than the server.
func program(ctx context.Context, conn *pgx.Conn, name string) (tool, error) {
	path, err := pgtools.Find(name)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPrograms, err)
	}
	var server int
	var text string
	if err := conn.QueryRow(ctx, "SHOW server_version_num").Scan(&text); err != nil {
		return "", err
	}
	if server, err = strconv.Atoi(text); err != nil {
		return "", fmt.Errorf("version of the server: %w", err)
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s --version: %w", ErrPrograms, name, err)
	}
	found := toolVersion.FindSubmatch(out)
	if found == nil {
		return "", fmt.Errorf("%w: %s says its version is %q", ErrPrograms, name, out)
	}
	if have, err := strconv.Atoi(string(found[1])); err != nil || have < server/10000 {
		return "", fmt.Errorf("%w: %s is of version %s, the server of %d: install the programs of PostgreSQL %d", ErrPrograms, name, found[1], server/10000, server/10000)
	}
	return tool(path), nil
}

// run runs it with the database at address. A password is not among the arguments, which every user of the machine can see.
func (t tool) run(ctx context.Context, address string, args ...string) error {
	target, env, err := libpq(address)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, string(t), append([]string{"--dbname=" + target}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(string(t)), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// libpqKnows are the parameters of addresses that PostgreSQL's own programs know as well. The others set the session of the server.
var libpqKnows = []string{"host", "hostaddr", "port", "user", "dbname", "passfile", "connect_timeout", "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl",
	"sslnegotiation", "application_name", "target_session_attrs", "channel_binding", "gssencmode", "krbsrvname", "options", "keepalives"}

// libpq is an address as PostgreSQL's own programs take it, without its password, which is in env.
func libpq(address string) (target string, env []string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", nil, errors.New("the address of the database cannot be read")
	}
	q := u.Query()
	password, stated := u.User.Password()
	if p := q.Get("password"); p != "" {
		password, stated = p, true
	}
	if q.Get("sslpassword") != "" {
		return "", nil, fmt.Errorf("%w: they take no sslpassword; use a key without one", ErrPrograms)
	}
	if stated {
		env = append(env, "PGPASSWORD="+password)
		if u.User != nil {
			u.User = url.User(u.User.Username())
		}
	}
	for name := range q {
		if slices.Contains(libpqKnows, name) {
			continue
		}
		if name == "search_path" {
			q.Set("options", strings.TrimSpace(q.Get("options")+" -c search_path="+strings.ReplaceAll(q.Get(name), " ", `\ `)))
		}
		q.Del(name)
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String(), env, nil
}
