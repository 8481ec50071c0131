package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/labstack/gommon/bytes"

	"fentrace/device"
	"fentrace/device/calibrated"
	"fentrace/server"
	"fentrace/server/auth"
	"fentrace/server/observe"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/server/webhook"
)

type serveCommand struct {
	Listen    string `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on (${default}). Anything but this machine needs TLS: --tls-cert, or a proxy before it."`
	NewLogin  bool   `help:"Print a new log-in link for the server that runs on this folder and address, and end."`
	NewToken  string `placeholder:"NAME" help:"Print a new access token for a program or another server, and end. It is shown this once."`
	TokenFor  string `default:"all" enum:"all,read,upload" placeholder:"SCOPE" help:"What --new-token's token may be used for: ${enum} (${default}). A unit in the field needs upload only."`
	TokenDays int    `placeholder:"DAYS" help:"After how many days it expires; without this it does not by itself."`
	User      string `placeholder:"NAME" help:"Whose log-in link or token --new-login and --new-token make; the operator's by default."`
	Role      string `placeholder:"ROLE" help:"What --user may do: technician (scan), chemist (also enter laboratory results), reviewer (also decide on references), analyst (look at all of it together), disseminator (hand records to partners), auditor (read the log), administrator (people and agencies, no case data), public (what is marked CLEAR) or operator (everything in the own agency). Needed for a new user."`
	Agency    string `placeholder:"ID" help:"Which agency --user belongs to; the page Admin lists and adds them. A new user is of the agency \"local\" without this."`
	Clearance string `placeholder:"TLP" help:"The strictest marking --user may see in the agency: clear, green, amber, amber+strict or red. A new user has that of the role without this."`
	Mark      string `default:"amber" placeholder:"TLP" help:"How scans are marked whose upload does not say (${default})."`
	Of        string `name:"machine-agency" default:"local" placeholder:"ID" help:"Whose machine this is: the agency whose people use --port, and whose scans --upstream sends on (${default})."`
	MaxUpload string `default:"32MiB" placeholder:"SIZE" help:"Largest file accepted (${default})."`

	Idle      time.Duration `name:"session-idle" placeholder:"TIME" help:"After how long a browser that does nothing has to log in again, such as 30m. By default that is 30m, with --port never: gloves are in the way."`
	LogLevel  string        `default:"warn" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"What is logged: ${enum}; info has a line for each request (${default})."`
	LogFormat string        `default:"text" enum:"text,json" placeholder:"FORMAT" help:"How: ${enum} (${default})."`
	TLSCert   string        `name:"tls-cert" placeholder:"FILE.pem" help:"Speak TLS with this certificate (its chain in the same file); needs --tls-key. Both are read again when they change."`
	TLSKey    string        `name:"tls-key" placeholder:"FILE.pem" help:"The key of the certificate."`
	Reasons   bool          `name:"require-dissemination-reason" help:"Hand out evidence packs, STIX and reports only if it is said who is given them and why."`
	Hooks     []string      `name:"webhook-allow" placeholder:"NETWORK" help:"Let webhooks go to this network though it is not public, such as 10.1.0.0/16."`
	Metrics   string        `placeholder:"HOST:PORT" help:"Answer Prometheus under /metrics there, without log-in."`
	doorFlags
	dataFlags
	upstreamFlags
	portFlags
	gpsFlags
	exposureFlags
	libraryFlags
}

func (serveCommand) Help() string {
	return `Prints a link that logs in once, within 15 minutes. Ctrl-C lets running requests finish and ends it. With --port the
pages can scan. With --upstream every scan stored here is sent on to that server, in order, as soon as it can be reached;
what waits is kept in the folder. With --encryption-key-file raw
bytes and spectra are stored encrypted (fentrace help key new). Every flag can also be set by an environment variable, FENTRACE_LISTEN for
--listen, or in the file that --config names: one line for each, such as listen = "127.0.0.1:8080". The command
line counts most, then the environment. GET /healthz and /readyz say whether the server is well.

Examples:

    fentrace serve --data ~/fentrace-data
    fentrace serve --data ~/fentrace-data --port /dev/ttyUSB0 --laser-nm 785
    fentrace serve --data ~/fentrace-data \
        --db postgres://fentrace@db.example.org/fentrace
    fentrace serve --data ~/fentrace-data --new-login
    fentrace serve --data ~/fentrace-data --new-token van-7 --token-for upload
    fentrace serve --data ~/fentrace-data --new-login --user ada --role chemist
    fentrace serve --data ~/fentrace-data --new-login \
        --user root --role administrator
    fentrace serve --data ~/fentrace-data \
        --upstream https://fentrace.example.org --upstream-token-file token`
}

func (c *serveCommand) Run(env *environment) error {
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return usagef("--tls-cert and --tls-key belong together")
	case c.Idle < 0:
		return usagef("--session-idle %v: a time such as 30m is needed", c.Idle)
	case c.TokenDays < 0 || time.Duration(c.TokenDays)*24*time.Hour > auth.MaxTokenLife:
		return usagef("--token-days %d: from 1 to %d", c.TokenDays, int(auth.MaxTokenLife.Hours()/24))
	case c.User != "" && !c.NewLogin && c.NewToken == "" && c.Subject == "":
		return usagef("--user %s: say with --new-login or --new-token what to make for this person", c.User)
	case c.Subject != "" && c.User == "":
		return usagef("--oidc-subject: say with --user whose account it opens")
	case c.Role != "" && c.User == "":
		return usagef("--role %s: say with --user whose role it is", c.Role)
	case c.User == "" && (c.Agency != "" || c.Clearance != ""):
		return usagef("--agency and --clearance: say with --user whose they are")
	case c.Role != "" && !slices.Contains(auth.Roles, c.Role):
		return usagef("--role %s: use one of %s", c.Role, strings.Join(auth.Roles, ", "))
	}
	config, err := c.config(env)
	if err != nil {
		return err
	}
	s, err := server.New(env.ctx, config)
	if err != nil {
		return err
	}
	defer s.Close() // a second time after Run, which does no harm
	if c.User != "" {
		if err := c.setRole(env.ctx, s); err != nil {
			return err
		}
		if err := c.setAgency(env.ctx, s); err != nil {
			return err
		}
	}
	if c.Subject != "" {
		return s.BindLogin(env.ctx, c.User, c.Subject)
	}
	if c.NewLogin {
		return printLogin(env, s, c.User)
	}
	if c.NewToken != "" {
		token, err := s.NewToken(env.ctx, c.User, c.NewToken, c.TokenFor, time.Duration(c.TokenDays)*24*time.Hour)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(env.stdout, token)
		return err
	}
	if err := s.Listen(); err != nil {
		return err
	}
	c.warnings(env)
	if err := printLogin(env, s, ""); err != nil {
		return err
	}
	return s.Run(env.ctx)
}

// defaultIdle is what the CJIS Security Policy (AC-11) is understood to ask of devices that show such data.
const defaultIdle = 30 * time.Minute

func (c *serveCommand) idle() time.Duration {
	if c.Idle == 0 && c.Port == "" {
		return defaultIdle
	}
	return c.Idle
}

// setRole gives --user the role. A new user without one is refused: who is made by accident must not be an operator.
func (c *serveCommand) setRole(ctx context.Context, s *server.Server) error {
	if c.Role != "" {
		return s.SetRole(ctx, c.User, c.Role)
	}
	known, err := s.HasUser(ctx, c.User)
	if err == nil && !known {
		err = usagef("--user %s: there is no such user yet; say with --role what the person may do: %s", c.User, strings.Join(auth.Roles, ", "))
	}
	return err
}

// setAgency gives --user the agency and the clearance.
func (c *serveCommand) setAgency(ctx context.Context, s *server.Server) error {
	var change store.PersonChange
	if c.Agency != "" {
		change.Agency = &c.Agency
	}
	if c.Clearance != "" {
		level, err := tlp.Parse(c.Clearance)
		if err != nil {
			return usagef("--clearance: %v", err)
		}
		change.Clearance = &level
	}
	if change == (store.PersonChange{}) {
		return nil
	}
	return s.ChangePerson(ctx, c.User, change)
}

// config reads the libraries and fills in the defaults.
func (c *serveCommand) config(env *environment) (server.Config, error) {
	size, err := bytes.Parse(c.MaxUpload)
	if err != nil || size < 1 {
		return server.Config{}, usagef("--max-upload %s: a size like 32MiB is needed", c.MaxUpload)
	}
	for name, address := range map[string]string{"listen": c.Listen, "metrics": c.Metrics} {
		if _, _, err := net.SplitHostPort(address); err != nil && address != "" {
			return server.Config{}, usagef("--%s %s: an address like 127.0.0.1:8080 is needed", name, address)
		}
	}
	dir, err := c.folder()
	if err != nil {
		return server.Config{}, err
	}
	database, err := c.address()
	if err != nil {
		return server.Config{}, err
	}
	ring, err := c.ring()
	if err != nil {
		return server.Config{}, err
	}
	mark, err := tlp.Parse(c.Mark)
	if err != nil {
		return server.Config{}, usagef("--mark: %v", err)
	}
	upstream, err := c.upstreamFlags.config()
	if err != nil {
		return server.Config{}, err
	}
	hooks, err := webhook.ParseAllowed(c.Hooks)
	if err != nil {
		return server.Config{}, usagef("--webhook-allow %v", err)
	}
	stack, err := c.open(env.ctx)
	if err != nil {
		return server.Config{}, err
	}
	config := server.Config{
		DataDir: dir, Database: database, Keys: ring, RequireReason: c.Reasons, UploadTLP: mark, Agency: c.Of, Upstream: upstream, Listen: c.Listen, Library: stack, MaxUpload: size,
		Acquire: c.settings(c.portFlags), Logger: c.logger(env.stderr), MetricsListen: c.Metrics, Certificate: c.TLSCert, Key: c.TLSKey, SessionIdle: c.idle(), Version: programVersion().Version, WebhookAllow: hooks,
	}
	if err := c.doors(&config); err != nil {
		return server.Config{}, err
	}
	if c.Port != "" {
		config.OpenDevice = func(ctx context.Context) (device.Spectrometer, error) { return c.openDevice(ctx, env) }
		config.Calibration = func(info device.Info) (*calibrated.Calibration, error) { return c.calibration(info, c.Relative) }
	}
	if w := c.watch(env.ctx); w != nil {
		config.Position = w.Last
	}
	return config, nil
}

// logger leaves out what is below --log-level.
func (c *serveCommand) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelWarn // the flag allows none that is not known
	}
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if c.LogFormat == "json" {
		h = slog.NewJSONHandler(w, options)
	}
	return slog.New(observe.Handler(h))
}

// logger leaves out what happens all the time.
func logger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// printLogin prints where the server is and the link that logs user in once.
func printLogin(env *environment, s *server.Server, user string) error {
	link, err := s.LoginLink(env.ctx, user)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "Fentrace is at %s\nLog in once, within 15 minutes: %s\n", s.URL(), link)
	return err
}

// warnings says what the person who starts the server has to know.
func (c *serveCommand) warnings(env *environment) {
	if dir, err := c.folder(); err == nil {
		if path := c.inFolder(dir); path != "" {
			fmt.Fprintf(env.stderr, "Warning: the key %s lies in the folder that it protects: move it to another place.\n", plain(path))
		}
	}
	if c.TLSCert != "" || len(c.AutoNames) > 0 {
		return
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(host); err == nil && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		fmt.Fprintf(env.stderr, "Warning: %s can be reached from other machines, and what is sent is not encrypted: use --tls-cert, or put TLS before it.\n", plain(c.Listen))
	}
}
