package registry

import (
	"net/url"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/transport"
)

// Defaults of Options.
const (
	timeoutDefault  = 5 * time.Second
	patienceDefault = 30 * time.Second
)

// Options are the table registry of a format.
type Options struct {
	URLs     []string            `toml:"urls" doc:"addresses of the schema registry, such as http://127.0.0.1:8081; the next is asked when one does not answer. Empty for no registry."`
	Username string              `toml:"username" doc:"name for basic authentication"`
	Password connectors.Secret   `toml:"password" doc:"password for basic authentication"`
	Token    connectors.Secret   `toml:"token" doc:"bearer token, instead of name and password"`
	TLS      *transport.TLS      `toml:"tls"`
	Timeout  connectors.Duration `toml:"timeout" doc:"longest wait for one answer"`
	Patience connectors.Duration `toml:"patience" doc:"how long a registry that does not answer is asked again before the attempt fails"`
}

// NewOptions returns the defaults.
func NewOptions() Options {
	return Options{
		Timeout: connectors.Duration(timeoutDefault), Patience: connectors.Duration(patienceDefault),
	}
}

// On reports whether there is a registry.
func (o *Options) On() bool { return len(o.URLs) > 0 }

// Validate reports every problem, under the key registry.
func (o *Options) Validate(p *connectors.Problems) {
	for _, address := range o.URLs {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			p.Addf("registry.urls", "%q is no address of a registry; write one such as "+
				"\"http://127.0.0.1:8081\"", address)
		} else if u.User != nil {
			// The address stands in messages.
			p.Addf("registry.urls", "an address holds credentials; "+
				"write them as registry.username and registry.password")
		}
	}
	if !o.On() {
		if o.Username != "" || !o.Password.IsZero() || !o.Token.IsZero() || o.TLS != nil {
			p.Addf("registry.urls", "required with the other keys of registry; name the registry")
		}
		return
	}
	if o.Username == "" && !o.Password.IsZero() {
		p.Addf("registry.username", "required with password; name the user")
	}
	if o.Username != "" && o.Password.IsZero() {
		p.Addf("registry.password", "required with username; give the password")
	}
	if o.Username != "" && !o.Token.IsZero() {
		p.Addf("registry.token", "not together with username; leave one of them out")
	}
	if o.Timeout <= 0 {
		p.Addf("registry.timeout", "want a time above 0, such as \"5s\"")
	}
	if o.TLS != nil {
		var inner connectors.Problems
		o.TLS.Validate(&inner)
		for _, x := range inner.List {
			p.Addf("registry."+x.Key, "%s", x.Text)
		}
	}
}

// Ways to find the schema that a serializer names in a message.
const (
	Register = "register"
	Lookup   = "lookup"
	Latest   = "latest"
)

// Ways to name a subject.
const (
	ByTopic       = "topic"
	ByRecord      = "record"
	ByTopicRecord = "topic-record"
)

// WriteOptions are what serializers ask a registry with.
type WriteOptions struct {
	Registry     Options     `toml:"registry"`
	Registration string      `toml:"registration" doc:"register (the schema, if the subject lacks it), lookup (it has to be there) or latest (write with the latest one of the subject)"`
	Subject      string      `toml:"subject" doc:"name of the subject; empty to make it by subject_name"`
	SubjectName  string      `toml:"subject_name" doc:"topic (topic-value, and topic-key for keys), record (name of the record in the schema) or topic-record (topic-record)"`
	References   []Reference `toml:"references"`
}

// Reference is a schema of a subject that another schema refers to by name.
type Reference struct {
	Name    string `toml:"name" doc:"what the schema calls it: a full name in Avro, a file to import in Protobuf, a URL in JSON Schema"`
	Subject string `toml:"subject" doc:"subject that holds it"`
	Version int    `toml:"version" doc:"its version, from 1"`
}

// NewWriteOptions returns the defaults.
func NewWriteOptions() WriteOptions {
	return WriteOptions{Registry: NewOptions(), Registration: Register, SubjectName: ByTopic}
}

// Validate reports every problem. hasSchema tells whether the format has a schema of its own.
func (o *WriteOptions) Validate(p *connectors.Problems, hasSchema bool) {
	o.Registry.Validate(p)
	p.OneOf("registration", o.Registration, Register, Lookup, Latest)
	p.OneOf("subject_name", o.SubjectName, ByTopic, ByRecord, ByTopicRecord)
	switch {
	case !o.Registry.On():
		if o.Subject != "" || len(o.References) > 0 || o.Registration != Register {
			p.Addf("registry.urls", "required with subject, references and registration; "+
				"name the registry")
		}
	case o.Registration == Latest && hasSchema:
		p.Addf("registration", "\"latest\" takes the schema from the registry; "+
			"leave the schema out, or choose register or lookup")
	case o.Registration == Latest && o.Subject == "" && o.SubjectName != ByTopic:
		p.Addf("subject_name", "%q is made of the schema, which \"latest\" does not know yet; "+
			"name the subject", o.SubjectName)
	}
	for _, r := range o.References {
		if r.Name == "" || r.Subject == "" || r.Version < 1 {
			p.Addf("references", "want { name = \"...\", subject = \"...\", version = 1 }")
		}
	}
}
