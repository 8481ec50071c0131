package oidc

import (
	"encoding/json"
	"fmt"
	"slices"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
)

const (
	maxName   = 200 // bytes of a user name, as where accounts are made
	maxGroups = 1000
)

// identity reads the claims of a token whose signature, issuer, audience, time and nonce were found right.
func (p *Provider) identity(id *gooidc.IDToken) (Identity, error) {
	claims := map[string]json.RawMessage{}
	if err := id.Claims(&claims); err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	who := Identity{Issuer: id.Issuer, Subject: id.Subject, Name: p.name(claims), Groups: texts(claims[p.cfg.GroupsClaim])}
	switch {
	case who.Subject == "" || len(who.Subject) > 255: // bound of OpenID Connect Core, section 2
		return Identity{}, fmt.Errorf("%w: the token names no subject", ErrRefused)
	case len(who.Name) > maxName:
		return Identity{}, fmt.Errorf("%w: the user name has more than %d bytes", ErrRefused, maxName)
	case len(who.Groups) > maxGroups:
		return Identity{}, fmt.Errorf("%w: the token names more than %d groups", ErrRefused, maxGroups)
	}
	need := len(p.cfg.ACR) > 0 || len(p.cfg.AMR) > 0
	who.Strong = need && p.strong(claims)
	if need && !who.Strong {
		return Identity{}, ErrSecondFactor
	}
	return who, nil
}

// name is that of the account, "" when the token has none. An address of mail counts once the provider has checked it.
func (p *Provider) name(claims map[string]json.RawMessage) string {
	verified := string(claims["email_verified"]) == "true" || string(claims["email_verified"]) == `"true"`
	if p.cfg.UserClaim == "email" && !verified {
		return ""
	}
	name := text(claims[p.cfg.UserClaim])
	if name == "" && p.cfg.UserClaim == "preferred_username" && verified {
		name = text(claims["email"])
	}
	return name
}

// strong reports whether every one of ACR and AMR that is asked for is met.
func (p *Provider) strong(claims map[string]json.RawMessage) bool {
	if len(p.cfg.ACR) > 0 && !slices.Contains(p.cfg.ACR, text(claims["acr"])) {
		return false
	}
	return len(p.cfg.AMR) == 0 || slices.ContainsFunc(texts(claims["amr"]), func(m string) bool { return slices.Contains(p.cfg.AMR, m) })
}

func text(raw json.RawMessage) (s string) {
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// texts is a list of texts, or one text by itself, as some providers send.
func texts(raw json.RawMessage) (out []string) {
	if json.Unmarshal(raw, &out) == nil {
		return out
	}
	if s := text(raw); s != "" {
		return []string{s}
	}
	return nil
}
