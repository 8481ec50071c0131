package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"fentrace/server"
	"fentrace/server/auth"
	"fentrace/server/oidc"
)

// maxSecretFile is how long a file with a secret may be, bytes.
const maxSecretFile = 4096

// doorFlags say how browsers reach a server and how people log in besides by code and password.
type doorFlags struct {
	PublicURL string `name:"public-url" placeholder:"URL" help:"How browsers know this server, when that is not --listen: behind a proxy."`

	AutoNames     []string `name:"tls-auto" placeholder:"NAME" help:"Have TLS certificates for these names issued and renewed automatically, by Let's Encrypt unless --tls-auto-directory says otherwise, whose terms you agree to. Needs port 443, or --tls-auto-http."`
	AutoDirectory string   `name:"tls-auto-directory" placeholder:"URL" help:"Another ACME server."`
	AutoEmail     string   `name:"tls-auto-email" placeholder:"ADDRESS" help:"Who is told of trouble with certificates."`
	AutoHTTP      string   `name:"tls-auto-http" placeholder:"HOST:PORT" help:"Answer the ACME server by HTTP there, such as :80, and lead everyone else to https."`
	AutoRoots     string   `name:"tls-auto-roots" placeholder:"FILE.pem" help:"What the certificate of a private ACME server is checked with."`

	Issuer       string   `name:"oidc-issuer" placeholder:"URL" help:"Let people log in with this OpenID Connect provider as well. Its return address is /v1/login/provider/return."`
	ClientID     string   `name:"oidc-client-id" placeholder:"ID" help:"What the provider calls this server."`
	ClientSecret string   `name:"oidc-client-secret-file" placeholder:"FILE" help:"File with the secret that the provider knows this server by; without one PKCE alone is used."`
	ProviderName string   `name:"oidc-name" placeholder:"NAME" help:"What people call the provider, on the log-in page."`
	UserClaim    string   `name:"oidc-user-claim" placeholder:"CLAIM" help:"Which claim is the name of the account: preferred_username by default, or a verified email where that is missing. Only the first log-in goes by it."`
	GroupsClaim  string   `name:"oidc-groups-claim" placeholder:"CLAIM" help:"Which claim holds groups (groups)."`
	GroupRoles   []string `name:"oidc-role" placeholder:"GROUP=ROLE" help:"Which role a group gives, at each log-in; the first that fits counts, and whoever is in none is not let in."`
	Create       string   `name:"oidc-create" placeholder:"ROLE" help:"Make an account with this role at the first log-in; by default one must exist."`
	ACR          []string `name:"oidc-acr" placeholder:"VALUE" help:"Authentication contexts one of which the provider must have used, for a second factor."`
	AMR          []string `name:"oidc-amr" placeholder:"VALUE" help:"Authentication methods one of which it must have used, such as mfa."`
	Scopes       []string `name:"oidc-scope" placeholder:"SCOPE" help:"What to ask the provider for besides openid, profile and email, such as groups."`
	Subject      string   `name:"oidc-subject" placeholder:"SUBJECT" help:"Have this subject of the provider open the account of --user from now on, and end."`
}

// doors fills in config.
func (f doorFlags) doors(config *server.Config) error {
	config.PublicURL = f.PublicURL
	switch {
	case len(f.AutoNames) > 0 && config.Certificate != "":
		return usagef("--tls-auto and --tls-cert: one or the other")
	case len(f.AutoNames) > 0:
		config.AutoTLS = &server.AutoTLS{Names: f.AutoNames, Directory: f.AutoDirectory, Email: f.AutoEmail, HTTPListen: f.AutoHTTP, Roots: f.AutoRoots}
	case f.AutoDirectory+f.AutoEmail+f.AutoHTTP+f.AutoRoots != "":
		return usagef("say with --tls-auto which names certificates are for")
	}
	if f.Issuer == "" {
		if f.ClientID+f.ClientSecret+f.Create+f.Subject != "" || len(f.GroupRoles) > 0 {
			return usagef("say with --oidc-issuer which provider people log in with")
		}
		return nil
	}
	p := &server.LoginProvider{Config: oidc.Config{Issuer: f.Issuer, ClientID: f.ClientID, Name: f.ProviderName, UserClaim: f.UserClaim,
		GroupsClaim: f.GroupsClaim, Scopes: f.Scopes, ACR: f.ACR, AMR: f.AMR}, ProviderRules: auth.ProviderRules{Create: f.Create}}
	for _, g := range f.GroupRoles {
		group, role, ok := strings.Cut(g, "=")
		if !ok {
			return usagef("--oidc-role %s: GROUP=ROLE is needed", g)
		}
		p.Groups = append(p.Groups, auth.GroupRole{Group: group, Role: role})
	}
	if f.ClientSecret != "" {
		secret, err := readSecret(f.ClientSecret)
		if err != nil {
			return fmt.Errorf("--oidc-client-secret-file: %w", err)
		}
		p.ClientSecret = secret
	}
	config.LoginProvider = p
	return nil
}

// readSecret is the first line of a file.
func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	secret := strings.TrimSpace(string(raw))
	if err == nil && (secret == "" || len(raw) > maxSecretFile || strings.ContainsAny(secret, "\r\n")) {
		err = fmt.Errorf("%s: one line with the secret is needed", path)
	}
	return secret, err
}
