package modules

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	dialTimeout   = 10 * time.Second // also of the TLS handshake
	headerTimeout = 30 * time.Second // from the request to the first byte of the answer
	redirectsMax  = 5                // a release page takes two
)

// fetch is one Load.
type fetch struct {
	*Loader
	source Source
	ref    Reference
}

var (
	errPlain     = errors.New("the way leads over http://, which is not protected")
	errRedirects = fmt.Errorf("more than %d redirects", redirectsMax)
)

// access returns what is known about the server of ref: nothing unless it is that of Home (M3).
func (f *fetch) access(ref Reference) Access {
	if f.source.Home == "" || f.source.Home == f.source.Ref {
		if ref.server() == f.ref.server() {
			return f.source.Access
		}
		return Access{}
	}
	if home, err := Parse(f.source.Home); err == nil && home.server() == ref.server() {
		return f.source.Access
	}
	return Access{}
}

// client returns a client for the server of ref, and what frees its connections. plain allows
// http:// to this machine.
func (f *fetch) client(ctx context.Context, ref Reference) (*http.Client, func(), error) {
	access := f.access(ref)
	config, err := access.TLS.Load(ctx, connectors.Env{FileSystems: f.cfg.FileSystems})
	if err != nil {
		return nil, nil, refuse(SettingTLS, err.Error(), "name PEM files that are there", err)
	}
	home, away := newTransport(config), newTransport(f.cfg.elsewhere.Clone())
	guarded := &guard{home: home, away: away, plain: access.PlainHTTP && ref.Loopback()}
	done := func() {
		home.CloseIdleConnections()
		away.CloseIdleConnections()
	}
	return &http.Client{Transport: guarded, CheckRedirect: follow}, done, nil
}

func newTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: headerTimeout,
		// What is read is what was hashed and signed, and a small answer stays small (M4).
		DisableCompression: true,
	}
}

// guard keeps requests from going without TLS, wherever they come from: a redirect, or the address
// of a server of tokens (M2). It keeps the client certificate from other servers, and what the job
// file says of the server's own certificate from being held against theirs (M3).
type guard struct {
	home  http.RoundTripper // with what the job file says of TLS
	away  http.RoundTripper // where a redirect leads to another server
	plain bool              // http:// is allowed to this machine
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !(g.plain && isLoopback(r.URL.Hostname())) {
		if r.Body != nil {
			_ = r.Body.Close() // the contract of RoundTrip; there is nothing to learn from it
		}
		return nil, errPlain
	}
	if atHome(r) {
		return g.home.RoundTrip(r)
	}
	resp, err := g.away.RoundTrip(r)
	if err != nil {
		return nil, &awayError{err}
	}
	return resp, nil
}

// atHome reports whether r goes to the server that was asked before any redirect.
func atHome(r *http.Request) bool {
	first := r
	for first.Response != nil { // that of a redirect, which has led to this request
		first = first.Response.Request
	}
	return r.URL.Host == first.URL.Host
}

// awayError is why another server, to which a redirect leads, did not answer.
type awayError struct{ err error }

func (e *awayError) Error() string { return e.err.Error() }
func (e *awayError) Unwrap() error { return e.err }

// follow bounds redirects and keeps credentials from other servers, sub-domains included (M3).
func follow(next *http.Request, via []*http.Request) error {
	if len(via) > redirectsMax {
		return errRedirects
	}
	if next.URL.Host != via[0].URL.Host {
		next.Header.Del("Authorization")
	}
	return nil
}

// https returns the module at an https URL.
func (f *fetch) https(ctx context.Context) ([]byte, error) {
	if f.source.SHA256 != "" {
		if data, ok := f.cache.get(f.source.SHA256, f.source.SizeMax); ok {
			return data, nil
		}
	}
	data, contentType, err := f.get(ctx, f.ref, f.source.SizeMax)
	if err != nil {
		return nil, err
	}
	return data, checkMagic(data, contentType)
}

// get returns what stands at an https URL, at most sizeMax bytes.
func (f *fetch) get(ctx context.Context, ref Reference, sizeMax int64,
) (data []byte, contentType string, err error) {
	client, done, err := f.client(ctx, ref)
	if err != nil {
		return nil, "", err
	}
	defer done()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ref.text, nil)
	if err != nil {
		return nil, "", refuse(SettingPath, "it is no address of a file",
			"write https://host/path/x.wasm", nil)
	}
	req.Header.Set("User-Agent", userAgent)
	switch a := f.access(ref); {
	case !a.Token.IsZero():
		req.Header.Set("Authorization", "Bearer "+a.Token.Reveal())
	case a.Username != "":
		req.SetBasicAuth(a.Username, a.Password.Reveal())
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", explain(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, "", explainStatus(resp.StatusCode, f.access(ref))
	}
	if resp.ContentLength > sizeMax {
		return nil, "", tooLarge(resp.ContentLength, sizeMax)
	}
	data, err = io.ReadAll(io.LimitReader(resp.Body, sizeMax+1))
	switch {
	case err != nil:
		return nil, "", explain(err)
	case int64(len(data)) > sizeMax:
		return nil, "", tooLarge(-1, sizeMax)
	}
	return data, resp.Header.Get("Content-Type"), nil
}

const userAgent = "wasmflow"

// tooLarge words that something of size bytes, -1 for unknown, is beyond a limit.
func tooLarge(size, sizeMax int64) error {
	reason := fmt.Sprintf("is larger than the limit of %d bytes", sizeMax)
	if size >= 0 {
		reason = fmt.Sprintf("has %d bytes; the limit is %d", size, sizeMax)
	}
	return refuse(SettingModule, reason, "strip it (Go: -ldflags='-s -w', others: wasm-strip) or "+
		"raise limits.module", nil)
}

// explainStatus words an answer that is no module.
func explainStatus(status int, a Access) error {
	answer := fmt.Sprintf("the server answers %d %s", status, http.StatusText(status))
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		switch {
		case !a.Token.IsZero():
			return refuse(SettingToken, answer, "give a token that may read it", nil)
		case a.Username != "":
			return refuse(SettingPassword, answer, "correct user name and password, or grant the user "+
				"the right to read it", nil)
		}
		return refuse(SettingFetch, answer, "give fetch.token, or fetch.username and fetch.password, "+
			"for the server of path", nil)
	case http.StatusNotFound, http.StatusGone:
		return refuse(SettingPath, answer, "correct the address, or publish the module there", nil)
	}
	return passing(answer, "try again, or ask those who run it", nil)
}

// explain words why there was no answer, or only part of one. It leaves the URL out: that of a
// redirect may hold a secret (M6).
func explain(err error) error {
	var outer *url.Error
	for errors.As(err, &outer) {
		err = outer.Err
	}
	if e := explainTLS(err); e != nil {
		if away := new(awayError); errors.As(err, &away) {
			return refuse(SettingPath, "it is redirected to another server, whose certificate is not "+
				"trusted here", "name the place where the module really is, with the fetch.tls of that "+
				"server", err)
		}
		return e
	}
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, errPlain), errors.Is(err, errRedirects):
		return refuse(SettingPath, err.Error(), "name the place where the module really is", err)
	case errors.As(err, &dns) && dns.IsNotFound:
		return passing("there is no host "+dns.Name, "correct its name", err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return passing("the server took too long", "try again, or look at what is between here and "+
			"there", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return passing("the connection broke in the middle of it", "try again", err)
	}
	return passing("cannot be fetched: "+err.Error(), "see whether the server is there", err)
}

// explainTLS words what is wrong with a certificate, or returns nil.
func explainTLS(err error) error {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		until := ""
		if invalid.Cert != nil {
			until = fmt.Sprintf("; it is valid from %s until %s",
				invalid.Cert.NotBefore.UTC().Format(time.DateTime),
				invalid.Cert.NotAfter.UTC().Format(time.DateTime))
		}
		return refuse(SettingPath, "the certificate of the server has expired, or is not valid yet"+until,
			"renew it, or correct the clock of this machine", err)
	case errors.As(err, &unknown):
		return refuse(SettingCA, "the certificate of the server is signed by an authority that is not "+
			"known here", "name the PEM file of that authority in fetch.tls.ca", err)
	case errors.As(err, &name):
		return refuse(SettingPath, "the certificate of the server is for another name: "+name.Error(),
			"correct the name of the host, or set fetch.tls.server_name", err)
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS"):
		return refuse(SettingPath, "the server does not speak TLS", "correct the port; a registry on "+
			"this machine may be used without, with fetch.plain_http = true", err)
	case errors.As(err, &invalid):
		return refuse(SettingPath, "the certificate of the server is not valid: "+invalid.Error(),
			"have it replaced", err)
	}
	return nil
}
