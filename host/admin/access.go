package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/wasmflow/wasmflow/connectors"
)

// access decides who may call a route.
type access struct {
	loopback   bool // only this machine can reach the server
	configured bool // the token comes from the job file
	token      [sha256.Size]byte
}

// newAccess returns the rules for a server and the token it drew, which is zero when one is
// configured.
func newAccess(loopback bool, configured connectors.Secret) (access, connectors.Secret) {
	a := access{loopback: loopback, configured: !configured.IsZero()}
	token, drawn := configured, connectors.Secret{}
	if !a.configured {
		drawn = connectors.NewSecret(rand.Text())
		token = drawn
	}
	a.token = sha256.Sum256([]byte(token.Reveal()))
	return a, drawn
}

// guard lets requests through to next that may pass.
func (a access) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		switch {
		case a.loopback && !isLoopback(hostOf(r.Host)):
			// A3: a page whose name was re-bound to this address still sends that name.
			WriteError(w, http.StatusForbidden, "call this server by a loopback address")
		case a.needsToken(r) && !a.hasToken(r):
			h.Set("WWW-Authenticate", `Bearer realm="wasmflow"`)
			WriteError(w, http.StatusUnauthorized, "send the token as Authorization: Bearer")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// needsToken applies A1 to A3. Whatever is no reading method counts as a change.
func (a access) needsToken(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return true
	}
	open := r.URL.Path == "/healthz" || r.URL.Path == "/readyz"
	return !open && (a.configured || !a.loopback)
}

// hasToken compares in constant time; the digests hide the length too.
func (a access) hasToken(r *http.Request) bool {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got := sha256.Sum256([]byte(token))
	return strings.EqualFold(kind, "Bearer") && subtle.ConstantTimeCompare(got[:], a.token[:]) == 1
}

// hostOf strips the port of a Host header.
func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
}

// isLoopback reports whether only this machine can reach host.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
