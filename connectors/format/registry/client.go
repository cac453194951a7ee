package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/wasmflow/wasmflow/connectors"
)

// Bounds.
const (
	answerBytesMax = 8 << 20               // a schema with its escapes; larger ones are mistakes
	referencesMax  = 1000                  // schemas that one schema may bring along
	backoffMin     = 50 * time.Millisecond // first pause before asking again
	backoffMax     = 5 * time.Second       // longest one
	idleMax        = 90 * time.Second      // an unused connection is closed before a proxy does it
	detailsWait    = 5 * time.Second       // for the reasons of an incompatibility
	userAgent      = "wasmflow"
)

var errTooLong = errors.New("the answer is too long")

// Type is the language of a schema.
type Type int

// The languages.
const (
	Avro Type = iota
	Protobuf
	JSON
)

// String returns the name of t.
func (t Type) String() string { return t.wire().String() }

func (t Type) wire() sr.SchemaType {
	switch t {
	case Protobuf:
		return sr.TypeProtobuf
	case JSON:
		return sr.TypeJSON
	default:
		return sr.TypeAvro
	}
}

func typeOf(t sr.SchemaType) Type {
	switch t {
	case sr.TypeProtobuf:
		return Protobuf
	case sr.TypeJSON:
		return JSON
	default:
		return Avro
	}
}

// Schema is a schema as the registry keeps it.
type Schema struct {
	ID         uint32
	Type       Type
	Text       string
	References []Reference
}

// Dependency is a schema that another refers to by name.
type Dependency struct{ Name, Text string }

// Client asks one registry. It is used by one goroutine at a time.
type Client struct {
	addresses []*sr.Client // one for each
	good      int          // the one that answered last
	http      *http.Client
	urls      string // for messages
	patience  time.Duration
}

// Open returns a client. It reads the files of tls and asks nothing yet.
func Open(ctx context.Context, env connectors.Env, o *Options) (*Client, error) {
	trip := &http.Transport{
		Proxy: http.ProxyFromEnvironment, IdleConnTimeout: idleMax,
		TLSHandshakeTimeout: o.Timeout.D(), ForceAttemptHTTP2: true,
	}
	if o.TLS != nil {
		config, err := o.TLS.Load(ctx, env)
		if err != nil {
			return nil, connectors.Permanent(fmt.Errorf("registry.%w", err))
		}
		trip.TLSClientConfig = config
	}
	c := &Client{
		http: &http.Client{Transport: bounded{trip}, Timeout: o.Timeout.D()},
		urls: strings.Join(o.URLs, ", "), patience: o.Patience.D(),
	}
	opts := []sr.ClientOpt{sr.HTTPClient(c.http), sr.UserAgent(userAgent)}
	switch {
	case o.Username != "":
		opts = append(opts, sr.BasicAuth(o.Username, o.Password.Reveal()))
	case !o.Token.IsZero():
		opts = append(opts, sr.BearerToken(o.Token.Reveal()))
	}
	for _, address := range o.URLs {
		one, err := sr.NewClient(append(opts, sr.URLs(address))...)
		if err != nil {
			return nil, connectors.Permanent(fmt.Errorf("opening a client of schema registry %s: %w",
				address, err))
		}
		c.addresses = append(c.addresses, one)
	}
	return c, nil
}

// Close closes the connections that are not in use.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// bounded refuses answers that are too long: the library reads them whole.
type bounded struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: answerBytesMax}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// ask calls f until the registry gives an answer, for the length of the patience (R2).
func (c *Client) ask(ctx context.Context, doing string, f func(*sr.Client) error) error {
	deadline := time.Now().Add(c.patience)
	for pause := backoffMin; ; pause = min(2*pause, backoffMax) {
		err := c.askAll(f)
		if err == nil {
			return nil
		}
		if !again(err) {
			return fmt.Errorf("%s from schema registry %s: %w", doing, c.urls, word(err))
		}
		if left := time.Until(deadline); left < pause && ctx.Err() == nil {
			return connectors.Retryable(fmt.Errorf("%s from schema registry %s: %w for %v: %w; "+
				"check registry.urls", doing, c.urls, ErrUnreachable, c.patience, err))
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%s from schema registry %s: %w: %w", doing, c.urls, ctx.Err(), err)
		}
	}
}

// askAll calls f with one address after the other, from the one that answered last, until one has
// an answer. It returns the last error.
func (c *Client) askAll(f func(*sr.Client) error) (err error) {
	for range c.addresses {
		if err = f(c.addresses[c.good]); err == nil || !again(err) {
			return err
		}
		c.good = (c.good + 1) % len(c.addresses)
	}
	return err
}

// ByID returns the schema of an id, or ErrUnknownID.
func (c *Client) ByID(ctx context.Context, id uint32) (Schema, error) {
	var s sr.Schema
	err := c.ask(ctx, fmt.Sprintf("asking for schema %d", id), func(r *sr.Client) (err error) {
		s, err = r.SchemaByID(ctx, int(id))
		return err
	})
	return schemaOf(id, s), err
}

func schemaOf(id uint32, s sr.Schema) Schema {
	out := Schema{ID: id, Type: typeOf(s.Type), Text: s.Schema}
	for _, r := range s.References {
		out.References = append(out.References, Reference{r.Name, r.Subject, r.Version})
	}
	return out
}

func (s *Schema) wire() sr.Schema {
	out := sr.Schema{Schema: s.Text, Type: s.Type.wire()}
	for _, r := range s.References {
		out.References = append(out.References,
			sr.SchemaReference{Name: r.Name, Subject: r.Subject, Version: r.Version})
	}
	return out
}

// Register adds s to subject, unless it is there, and returns its id.
func (c *Client) Register(ctx context.Context, subject string, s Schema) (uint32, error) {
	doing, id := fmt.Sprintf("registering a schema under subject %q", subject), 0
	err := c.ask(ctx, doing, func(r *sr.Client) (err error) {
		id, err = r.RegisterSchema(ctx, subject, s.wire(), -1, -1)
		return err
	})
	if errors.Is(err, ErrIncompatible) {
		if reasons := c.reasons(ctx, subject, &s); reasons != "" {
			err = connectors.Permanent(fmt.Errorf("%w (%s)", err, reasons))
		}
	}
	return uint32(id), err
}

// reasons asks why s does not fit into subject. It returns "" when the registry does not say.
func (c *Client) reasons(ctx context.Context, subject string, s *Schema) string {
	ctx, cancel := context.WithTimeout(ctx, detailsWait)
	defer cancel()
	result, err := c.addresses[c.good].CheckCompatibility(sr.WithParams(ctx, sr.Verbose), subject, -1,
		s.wire())
	if err != nil {
		return "" // the refusal itself is known
	}
	return said(&sr.ResponseError{Message: strings.Join(result.Messages, "; ")})
}

// Find returns the id of s below subject, or ErrSubject or ErrNotRegistered.
func (c *Client) Find(ctx context.Context, subject string, s Schema) (uint32, error) {
	var found sr.SubjectSchema
	doing := fmt.Sprintf("looking a schema up under subject %q", subject)
	err := c.ask(ctx, doing, func(r *sr.Client) (err error) {
		found, err = r.LookupSchema(ctx, subject, s.wire())
		return err
	})
	if errors.Is(err, ErrUnknownID) { // the code for a schema that is not there
		err = connectors.Permanent(fmt.Errorf("%s in schema registry %s: %w", doing, c.urls,
			ErrNotRegistered))
	}
	return uint32(found.ID), err
}

// Latest returns the latest schema of subject, or ErrSubject.
func (c *Client) Latest(ctx context.Context, subject string) (Schema, error) {
	return c.version(ctx, subject, -1)
}

func (c *Client) version(ctx context.Context, subject string, version int) (Schema, error) {
	which := fmt.Sprintf("version %d", version)
	if version < 0 {
		which = "the latest version"
	}
	of := ctx
	if version > 0 {
		// A reference may lead to what was deleted since: old values were written with it.
		of = sr.WithParams(ctx, sr.ShowDeleted)
	}
	var found sr.SubjectSchema
	err := c.ask(ctx, fmt.Sprintf("asking for %s of subject %q", which, subject),
		func(r *sr.Client) (err error) {
			found, err = r.SchemaByVersion(of, subject, version)
			return err
		})
	return schemaOf(uint32(found.ID), found.Schema), err
}

// Dependencies returns the schemas that refs name and those that these refer to, every one after
// those it needs itself.
func (c *Client) Dependencies(ctx context.Context, refs []Reference) ([]Dependency, error) {
	var out []Dependency
	seen := map[string]bool{}
	var visit func(refs []Reference) error
	visit = func(refs []Reference) error {
		for _, r := range refs {
			if seen[r.Name] {
				continue
			}
			if seen[r.Name] = true; len(seen) > referencesMax {
				return connectors.Permanent(fmt.Errorf("following the references of a schema: "+
					"there are more than %d", referencesMax))
			}
			s, err := c.version(ctx, r.Subject, r.Version)
			if err != nil {
				return fmt.Errorf("following the reference to %s: %w", r.Name, err)
			}
			if err := visit(s.References); err != nil {
				return err
			}
			out = append(out, Dependency{Name: r.Name, Text: s.Text})
		}
		return nil
	}
	if err := visit(refs); err != nil {
		return nil, err
	}
	return out, nil
}

// Ping asks for something that needs no subject, to see whether the registry answers.
func (c *Client) Ping(ctx context.Context) error {
	return c.ask(ctx, "asking for the rules of all subjects", func(r *sr.Client) error {
		return r.Compatibility(ctx)[0].Err
	})
}

// Check sees whether the registry of o, if there is one, answers and takes the credentials.
func Check(ctx context.Context, env connectors.Env, o *Options) error {
	if !o.On() {
		return nil
	}
	c, err := Open(ctx, env, o)
	if err != nil {
		return err
	}
	return errors.Join(c.Ping(ctx), c.Close())
}
