package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/wasmflow/wasmflow/connectors"
)

// access decides who may call a route.
type access struct {
	loopback   bool // only this machine can reach the server
	configured bool // the token comes from the job file
	token      [sha256.Size]byte
	hosts      []string                 // further names of the server
	leaf       func() *x509.Certificate // of the server; nil without TLS
	open       map[string]bool          // paths of routes that need no credentials
}

// newAccess returns the rules for a server and the token it drew, which is zero when one is
// configured.
func newAccess(loopback bool, configured connectors.Secret) (access, connectors.Secret) {
	a := access{loopback: loopback, configured: !configured.IsZero(), open: map[string]bool{}}
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
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", "frame-ancestors 'none'")
		switch {
		case !a.isNamed(hostOf(r.Host)): // A3
			WriteProblem(w, Problem{Status: http.StatusForbidden,
				Detail: "the server does not answer to the host of the request", Remedy: a.nameRemedy()})
		case !sameOrigin(r): // A6
			WriteProblem(w, Problem{Status: http.StatusForbidden,
				Detail: "a web page of another origin sent the request",
				Remedy: "open the address by itself, or call it with a program"})
		case a.needsCredentials(r) && !hasCertificate(r) && !a.hasToken(r):
			h.Set("WWW-Authenticate", `Bearer realm="wasmflow"`)
			WriteProblem(w, Problem{Status: http.StatusUnauthorized,
				Detail: "the token is missing or wrong",
				Remedy: "send the token as Authorization: Bearer, or a client certificate where " +
					"admin.tls.client_ca is set"})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isNamed applies A3. A page whose name was bound anew to the address of this server still sends
// that name. Where a token is all that lets somebody in, a name matters less: no page has the
// token.
func (a access) isNamed(host string) bool {
	if isLoopback(host) || slices.ContainsFunc(a.hosts, func(h string) bool {
		return strings.EqualFold(h, host)
	}) {
		return true
	}
	if a.loopback || len(a.hosts) > 0 && !isAddress(host) {
		return false
	}
	// A browser shows a certificate by itself, to the names of the server's.
	return isAddress(host) || a.leaf == nil || a.leaf().VerifyHostname(host) == nil
}

func (a access) nameRemedy() string {
	if a.loopback {
		return "call this server by a loopback address, or add the name to admin.hosts"
	}
	return "call this server by its address, or add the name to admin.hosts"
}

// sameOrigin tells requests of programs and of people from those that a page of another origin
// makes a browser send. Browsers say so in the headers; programs send neither.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// needsCredentials applies A1 to A3. Whatever is no reading method counts as a change.
func (a access) needsCredentials(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return true
	}
	return !a.open[r.URL.Path] && (a.configured || !a.loopback)
}

// hasCertificate reports whether the caller showed a certificate of an authority that the job file
// names. One of anybody else ends the connection before it comes to a request.
func hasCertificate(r *http.Request) bool {
	return r.TLS != nil && len(r.TLS.VerifiedChains) > 0
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

// isAddress reports whether host is a number, which nobody can bind to another machine.
func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
