package server

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"fentrace/server/auth"
)

const testPassword = "correct horse battery"

// withFactor sets a password and a second factor up in a browser; the clock is moved to the next code after it was used.
func (r *running) withFactor(t *testing.T) (secret string, recovery []string) {
	t.Helper()
	cookie := r.session()
	r.browser(cookie, "PUT", "/v1/me/password", `{"password":"`+testPassword+`"}`).want(t, http.StatusNoContent)
	var setup struct{ Secret, URI, QR string }
	r.browser(cookie, "POST", "/v1/me/second-factor", "").want(t, http.StatusCreated).into(t, &setup)
	if setup.Secret == "" || setup.URI == "" || setup.QR == "" {
		t.Fatalf("%+v", setup)
	}
	r.browser(cookie, "PUT", "/v1/me/second-factor", `{"code":"000000"}`).want(t, http.StatusUnprocessableEntity)
	var confirmed struct {
		RecoveryCodes []string `json:"recovery_codes"`
	}
	r.browser(cookie, "PUT", "/v1/me/second-factor", `{"code":"`+r.appCode(t, setup.Secret)+`"}`).want(t, http.StatusOK).into(t, &confirmed)
	r.browser(cookie, "GET", "/v1/me", "").want(t, http.StatusOK).mentions(t, `"second_factor":true`)
	r.browser(cookie, "POST", "/v1/me/second-factor", "").want(t, http.StatusConflict)
	r.clock.advance(30 * time.Second)
	return setup.Secret, confirmed.RecoveryCodes
}

// appCode is what an authenticator app shows now.
func (r *running) appCode(t *testing.T, secret string) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, r.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// passwordLogin logs the operator in with a password and a second factor.
func (r *running) passwordLogin(second string) answer {
	return r.login(map[string]string{"user": DefaultUser, "password": testPassword, "second": second})
}

func TestTheSecondFactorIsAskedForAndOpensOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		secret, recovery := r.withFactor(t)
		var p struct{ Type string }
		a := r.login(map[string]string{"user": DefaultUser, "password": testPassword}).want(t, http.StatusUnauthorized)
		if err := json.Unmarshal(a.body, &p); err != nil || p.Type != "urn:fentrace:second-factor" {
			t.Errorf("without a code: %s", a.body)
		}
		// Who does not know the password does not learn that there is a second factor.
		wrong := r.login(map[string]string{"user": DefaultUser, "password": "wrong horse battery", "second": r.appCode(t, secret)}).want(t, http.StatusUnauthorized)
		p.Type = ""
		if err := json.Unmarshal(wrong.body, &p); err != nil || p.Type == "urn:fentrace:second-factor" {
			t.Errorf("with a wrong password: %s", wrong.body)
		}
		code := r.appCode(t, secret)
		r.passwordLogin(code).want(t, http.StatusNoContent)
		r.passwordLogin(code).want(t, http.StatusUnauthorized) // seen over a shoulder
		r.clock.advance(30 * time.Second)
		r.passwordLogin(r.appCode(t, secret)).want(t, http.StatusNoContent)
		r.clock.advance(auth.AccountWindow)
		r.passwordLogin(" "+recovery[3]+" ").want(t, http.StatusNoContent)
		r.passwordLogin(recovery[3]).want(t, http.StatusUnauthorized)
		// A link that the program prints is for whoever has lost everything.
		r.session()
	})
}

func TestGuessingCodesIsThrottled(t *testing.T) {
	r := start(t)
	secret, _ := r.withFactor(t)
	r.clock.advance(auth.AccountWindow)
	for range auth.MaxFailures {
		r.passwordLogin("123456").want(t, http.StatusUnauthorized)
	}
	r.passwordLogin(r.appCode(t, secret)).want(t, http.StatusTooManyRequests)
	r.clock.advance(2 * auth.AccountWindow)
	r.passwordLogin(r.appCode(t, secret)).want(t, http.StatusNoContent)
}

func TestTheSecondFactorIsTakenOffByItsOwnCodesOnly(t *testing.T) {
	r := start(t)
	secret, recovery := r.withFactor(t)
	cookie := r.session()
	r.browser(cookie, "POST", "/v1/me/second-factor/remove", `{"code":"999999"}`).want(t, http.StatusUnprocessableEntity)
	// An access token changes nothing about how its user logs in.
	for method, path := range map[string]string{"POST": "/v1/me/second-factor/remove", "PUT": "/v1/me/second-factor"} {
		r.do(method, path, map[string]string{"code": recovery[0]}).want(t, http.StatusForbidden)
	}
	r.browser(cookie, "POST", "/v1/me/second-factor/remove", `{"code":"`+r.appCode(t, secret)+`"}`).want(t, http.StatusNoContent)
	r.passwordLogin("").want(t, http.StatusNoContent)
	r.passwordLogin(recovery[1]).want(t, http.StatusNoContent) // not looked at
	var again struct{ Secret string }
	r.browser(cookie, "POST", "/v1/me/second-factor", "").want(t, http.StatusCreated).into(t, &again)
	if again.Secret == secret {
		t.Error("a new factor has the secret of the old one")
	}
}
