package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// manifestKind is the word for manifests in the header of a record.
const manifestKind = "manifest"

// ManifestVersion is the version of the manifest format that EncodeManifest writes. Every new key
// raises it: DecodeManifest refuses keys that it does not know, and an older one is to say that the
// record is newer, not that it is damaged. DecodeManifest reads all versions up to it.
//
//	1  the first one
//	2  modules have an offer
//	3  committables can be optional
const ManifestVersion = 3

// ManifestBytesMax bounds an encoded manifest: 10,000 splits with long names need about 2 MiB, and
// what is far beyond comes from a broken writer or is no manifest.
const ManifestBytesMax = 64 << 20

// The durable form since version 1, in which later keys are missing. It is apart from the types of
// the package so that these may change while the format does not.
type (
	manifestV1 struct {
		Kind         Kind             `json:"kind"`
		Epoch        Epoch            `json:"epoch"`
		Previous     Epoch            `json:"previous,omitempty"`
		JobID        string           `json:"job_id"`
		JobName      string           `json:"job_name"`
		Owner        ownerV1          `json:"owner"`
		Parallelism  int              `json:"parallelism"`
		Generation   uint64           `json:"generation"`
		Log          string           `json:"log"`
		Created      int64            `json:"created_unix_ms"`
		Modules      []moduleV1       `json:"modules,omitempty"`
		Committables []committableV1  `json:"committables,omitempty"`
		Held         []committableV1  `json:"held,omitempty"`
		State        []stateV1        `json:"state,omitempty"`
		Sources      []sourceV1       `json:"sources,omitempty"`
		Counts       map[string]Count `json:"counts,omitempty"`
	}
	ownerV1 struct {
		Claim uint64 `json:"claim"`
		Nonce string `json:"nonce"`
		Host  string `json:"host,omitempty"`
		PID   int    `json:"pid,omitempty"`
	}
	moduleV1 struct {
		Plugin       string `json:"plugin"`
		SHA256       string `json:"sha256"`
		Config       string `json:"config,omitempty"`
		ConfigBase64 []byte `json:"config_base64,omitempty"`
		Offer        string `json:"offer,omitempty"`
	}
	committableV1 struct {
		Sink    string `json:"sink"`
		Task    int    `json:"task"`
		Epoch   Epoch  `json:"epoch"`
		Claim   uint64 `json:"claim"`
		Version uint16 `json:"v"`
		bytesV1
		Optional bool `json:"optional,omitempty"`
	}
	stateV1 struct {
		Task    int    `json:"task"`
		Version uint16 `json:"v"`
		bytesV1
	}
	sourceV1 struct {
		Name       string     `json:"name"`
		Finished   bool       `json:"finished,omitempty"`
		Enumerator positionV1 `json:"enumerator,omitzero"`
		Splits     []splitV1  `json:"splits,omitempty"`
	}
	splitV1 struct {
		ID       string `json:"id,omitempty"`
		IDBase64 []byte `json:"id_base64,omitempty"`
		positionV1
	}
	positionV1 struct {
		Version uint16 `json:"v,omitempty"`
		bytesV1
	}
)

// bytesV1 is a byte string: in Text when it is printable, so that a person can read it, else in
// Base64. Empty and nil are the same.
type bytesV1 struct {
	Text   string `json:"data,omitempty"`
	Base64 []byte `json:"base64,omitempty"`
}

func bytesToV1(b []byte) bytesV1 {
	if isText(b) {
		return bytesV1{Text: string(b)}
	}
	return bytesV1{Base64: b}
}

// isText reports whether b survives as a JSON string and shows as it is.
func isText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) {
			return false
		}
		b = b[n:]
	}
	return true
}

// EncodeManifest returns the durable form of m. It refuses what DecodeManifest would refuse, so
// that nothing unreadable is ever decided.
func EncodeManifest(m Manifest) ([]byte, error) {
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("encoding manifest %d: %w", m.Epoch, err)
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // nobody shows it in a browser, and people read it
	if err := enc.Encode(manifestToV1(m)); err != nil {
		return nil, fmt.Errorf("encoding manifest %d: %w", m.Epoch, err)
	}
	data := EncodeRecord(manifestKind, ManifestVersion, body.Bytes())
	if len(data) > ManifestBytesMax {
		return nil, fmt.Errorf("encoding manifest %d: %d bytes are more than %d",
			m.Epoch, len(data), ManifestBytesMax)
	}
	return data, nil
}

func manifestToV1(m Manifest) manifestV1 {
	out := manifestV1{
		Kind: m.Kind, Epoch: m.Epoch, Previous: m.Previous,
		JobID: m.JobID, JobName: m.JobName,
		Owner: ownerV1{
			Claim: m.Owner.Number, Nonce: m.Owner.Nonce, Host: m.Owner.Host, PID: m.Owner.PID,
		},
		Parallelism: m.Parallelism, Generation: m.Generation, Log: m.Log,
		Created:      m.CreatedMillis,
		Counts:       m.Counts,
		Modules:      mapSlice(m.Modules, moduleToV1),
		Committables: mapSlice(m.Committables, committableToV1),
		Held:         mapSlice(m.Held, committableToV1),
		State: mapSlice(m.State, func(s StateHandle) stateV1 {
			return stateV1{Task: s.Task, Version: s.Version, bytesV1: bytesToV1(s.Data)}
		}),
		Sources: mapSlice(m.Sources, sourceToV1),
	}
	return out
}

func moduleToV1(m Module) moduleV1 {
	config := bytesToV1(m.Config)
	return moduleV1{
		Plugin: m.Plugin, SHA256: m.SHA256, Config: config.Text, ConfigBase64: config.Base64,
		Offer: m.Offer,
	}
}

func committableToV1(c Committable) committableV1 {
	return committableV1{
		Sink: c.Sink, Task: c.Task, Epoch: c.Epoch, Claim: c.Claim, Version: c.Version,
		bytesV1: bytesToV1(c.Data), Optional: c.Optional,
	}
}

func sourceToV1(s SourceState) sourceV1 {
	return sourceV1{
		Name: s.Name, Finished: s.Finished, Enumerator: positionToV1(s.Enumerator),
		Splits: mapSlice(s.Splits, splitToV1),
	}
}

func splitToV1(s Split) splitV1 {
	id := bytesToV1([]byte(s.ID))
	return splitV1{ID: id.Text, IDBase64: id.Base64, positionV1: positionToV1(s.Position)}
}

func positionToV1(p Position) positionV1 {
	return positionV1{Version: p.Version, bytesV1: bytesToV1(p.Data)}
}

// mapSlice converts every element; nil stays nil.
func mapSlice[A, B any](in []A, f func(A) B) []B {
	if len(in) == 0 {
		return nil
	}
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = f(a)
	}
	return out
}
