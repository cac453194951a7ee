package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/wasmflow/wasmflow/connectors"
)

// What a registry can refuse. The errors of Client wrap them.
var (
	// ErrUnreachable is returned when no registry answered for as long as Options.Patience.
	ErrUnreachable = errors.New("the schema registry does not answer")
	// ErrCredentials is returned for credentials that the registry refuses.
	ErrCredentials = errors.New("the schema registry refuses the credentials; " +
		"check registry.username and registry.password, or registry.token")
	// ErrCertificate is returned for a server that is not the one to be trusted.
	ErrCertificate = errors.New("the certificate of the schema registry is not trusted; " +
		"check registry.tls.ca and registry.tls.server_name")
	// ErrSubject is returned for a subject, or a version of one, that is not there.
	ErrSubject = errors.New("the subject or its version is not there; check subject, " +
		"subject_name and references, or set registration = \"register\"")
	// ErrNotRegistered is returned by Lookup for a schema that the subject does not hold.
	ErrNotRegistered = errors.New("the subject does not hold this schema; " +
		"register it, or set registration = \"register\"")
	// ErrIncompatible is returned when the rules of a subject forbid a schema.
	ErrIncompatible = errors.New("the schema is not compatible with earlier ones of the subject")
	// ErrInvalid is returned when the registry cannot read a schema.
	ErrInvalid = errors.New("the schema registry refuses the schema")
	// ErrNoRegistry is returned when something else answers.
	ErrNoRegistry = errors.New("what answers is no schema registry; check registry.urls")
	// ErrUnknownID is returned by ByID for an id that no schema has.
	ErrUnknownID = errors.New("the schema registry has no schema of this id")
)

// again reports whether err may be gone in a moment.
func again(err error) bool {
	var response *sr.ResponseError
	if !errors.As(err, &response) {
		var untrusted *tls.CertificateVerificationError
		return !errors.As(err, &untrusted) && !errors.Is(err, context.Canceled) &&
			!errors.Is(err, errTooLong)
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusRequestTimeout:
		return true
	}
	return response.StatusCode >= http.StatusInternalServerError &&
		response.StatusCode != http.StatusNotImplemented
}

// word turns an answer that asking again does not mend into one of the errors above.
func word(err error) error {
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return connectors.Permanent(fmt.Errorf("%w: %w", ErrCertificate, untrusted))
	}
	var response *sr.ResponseError
	if !errors.As(err, &response) {
		return err
	}
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return connectors.Permanent(fmt.Errorf("%w (HTTP %d)", ErrCredentials, response.StatusCode))
	case http.StatusConflict:
		return connectors.Permanent(fmt.Errorf("%w: %s", ErrIncompatible, said(response)))
	case http.StatusUnprocessableEntity:
		return connectors.Permanent(fmt.Errorf("%w: %s", ErrInvalid, said(response)))
	}
	switch response.ErrorCode {
	case sr.ErrSubjectNotFound.Code, sr.ErrVersionNotFound.Code, sr.ErrSubjectSoftDeleted.Code,
		sr.ErrSchemaVersionSoftDeleted.Code:
		return connectors.Permanent(ErrSubject)
	case sr.ErrSchemaNotFound.Code:
		return ErrUnknownID
	}
	return connectors.Permanent(fmt.Errorf("%w (HTTP %d: %s)", ErrNoRegistry, response.StatusCode,
		said(response)))
}

// saidBytesMax bounds what an error repeats of an answer.
const saidBytesMax = 1000

// said returns what the registry said, on one line.
func said(r *sr.ResponseError) string {
	text := strings.Join(strings.Fields(r.Error()), " ")
	if len(text) > saidBytesMax {
		text = strings.ToValidUTF8(text[:saidBytesMax], "") + "..."
	}
	return text
}
