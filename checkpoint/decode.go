package checkpoint

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// nonceBytes is the length of an owner's nonce: 8 hex digits.
const nonceBytes = 8

// DecodeManifest reads the durable form of a manifest. Empty byte strings come back as nil.
// Damage of any kind, and content that no writer makes, is ErrCorrupt; a version that this binary
// does not know is ErrNewerFormat. The caller's error names the file.
func DecodeManifest(data []byte) (Manifest, error) {
	if len(data) > ManifestBytesMax {
		return Manifest{}, fmt.Errorf("%w: %d bytes are more than %d",
			ErrCorrupt, len(data), ManifestBytesMax)
	}
	version, body, err := DecodeRecord(manifestKind, ManifestVersion, data)
	if err != nil {
		return Manifest{}, err
	}
	var v manifestV1
	if err := unmarshalStrict(body, &v); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	m := manifestFromV1(v)
	if err := errors.Join(m.validate(), m.fits(version)); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return m, nil
}

// fits refuses what no writer of a version knew. The version stands before the checksum, so this is
// what tells a damaged one.
func (m *Manifest) fits(version int) error {
	offered := slices.ContainsFunc(m.Modules, func(x Module) bool { return x.Offer != "" })
	optional := func(c Committable) bool { return c.Optional }
	if version < 2 && offered || version < 3 &&
		(slices.ContainsFunc(m.Committables, optional) || slices.ContainsFunc(m.Held, optional)) {
		return fmt.Errorf("version %d has no such keys", version)
	}
	return nil
}

// unmarshalStrict decodes exactly one JSON value and refuses keys it does not know.
func unmarshalStrict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

func manifestFromV1(v manifestV1) Manifest {
	return Manifest{
		Kind: v.Kind, Epoch: v.Epoch, Previous: v.Previous,
		JobID: v.JobID, JobName: v.JobName,
		Owner: Owner{
			Number: v.Owner.Claim, Nonce: v.Owner.Nonce, Host: v.Owner.Host, PID: v.Owner.PID,
		},
		Parallelism: v.Parallelism, Generation: v.Generation, Log: v.Log,
		CreatedMillis: v.Created,
		Counts:        v.Counts,
		Modules: mapSlice(v.Modules, func(m moduleV1) Module {
			config := bytesV1{Text: m.Config, Base64: m.ConfigBase64}
			return Module{Plugin: m.Plugin, SHA256: m.SHA256, Config: config.bytes(), Offer: m.Offer}
		}),
		Committables: mapSlice(v.Committables, committableFromV1),
		Held:         mapSlice(v.Held, committableFromV1),
		State: mapSlice(v.State, func(s stateV1) StateHandle {
			return StateHandle{Task: s.Task, Version: s.Version, Data: s.bytes()}
		}),
		Sources: mapSlice(v.Sources, func(s sourceV1) SourceState {
			return SourceState{
				Name: s.Name, Finished: s.Finished, Enumerator: positionFromV1(s.Enumerator),
				Splits: mapSlice(s.Splits, splitFromV1),
			}
		}),
	}
}

func committableFromV1(c committableV1) Committable {
	return Committable{
		Sink: c.Sink, Task: c.Task, Epoch: c.Epoch, Claim: c.Claim, Version: c.Version,
		Data: c.bytes(), Optional: c.Optional,
	}
}

func splitFromV1(s splitV1) Split {
	id := s.ID
	if len(s.IDBase64) > 0 {
		id = string(s.IDBase64)
	}
	return Split{ID: id, Position: positionFromV1(s.positionV1)}
}

func positionFromV1(p positionV1) Position {
	return Position{Version: p.Version, Data: p.bytes()}
}

func (b bytesV1) bytes() []byte {
	switch {
	case len(b.Base64) > 0:
		return b.Base64
	case b.Text != "":
		return []byte(b.Text)
	}
	return nil
}

// validate checks what every manifest holds, whoever wrote it.
func (m *Manifest) validate() error {
	switch m.Kind {
	case KindClaim:
	case KindEpoch:
		if m.Parallelism < 1 {
			return fmt.Errorf("parallelism is %d", m.Parallelism)
		}
	case KindSeal:
		if m.Log == "" {
			return errors.New("seal names no log")
		}
	default:
		return fmt.Errorf("kind %q is none of claim, epoch, seal", m.Kind)
	}
	switch {
	case m.Epoch == 0:
		return errors.New("epoch is 0")
	case m.Previous >= m.Epoch:
		return fmt.Errorf("epoch %d stands before epoch %d", m.Previous, m.Epoch)
	case m.JobID == "" || m.JobName == "":
		return errors.New("job has no id or no name")
	case m.Owner.Number == 0:
		return errors.New("claim number is 0")
	case !isNonce(m.Owner.Nonce):
		return fmt.Errorf("nonce %q is not %d hex digits", m.Owner.Nonce, nonceBytes)
	case m.Parallelism < 0:
		return fmt.Errorf("parallelism is %d", m.Parallelism)
	}
	return errors.Join(m.validateSources(), m.validateCommittables())
}

func isNonce(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == nonceBytes
}

func (m *Manifest) validateSources() error {
	for i, s := range m.Sources {
		switch {
		case s.Name == "":
			return errors.New("source has no name")
		case i > 0 && m.Sources[i-1].Name >= s.Name:
			return fmt.Errorf("source %q is not in order", s.Name)
		case s.Finished && len(s.Splits) > 0:
			return fmt.Errorf("source %q is finished and has %d splits", s.Name, len(s.Splits))
		}
		if id, ok := duplicateID(s.Splits); ok {
			return fmt.Errorf("source %q has split %q twice", s.Name, id)
		}
	}
	return nil
}

func (m *Manifest) validateCommittables() error {
	for _, c := range m.Committables {
		if c.Sink == "" || c.Epoch == 0 || c.Epoch > m.Epoch || c.Task < 0 {
			return fmt.Errorf("committable of sink %q, task %d, epoch %d in manifest %d",
				c.Sink, c.Task, c.Epoch, m.Epoch)
		}
	}
	for _, c := range m.Held {
		if c.Sink == "" || c.Task < 0 {
			return fmt.Errorf("held part of sink %q, task %d", c.Sink, c.Task)
		}
	}
	return nil
}
