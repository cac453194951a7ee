package registry

import (
	"context"
	"errors"
	"time"

	"github.com/wasmflow/wasmflow/connectors/format"
)

// Bounds of what a task keeps.
const (
	schemasMax  = 1000             // ids with what was made of their schemas
	subjectsMax = 1000             // subjects with the schemas to write
	unknownKept = 10 * time.Second // an id that is not there may be soon; records must not wait
)

// Schemas keeps what a format made of the schemas that records name by id (R1).
type Schemas[T any] struct {
	client *Client
	typ    Type
	parse  Parse[T]
	known  map[uint32]made[T]
	lastID uint32
	last   *T // of lastID: nearly every record has the schema of the one before
}

type made[T any] struct {
	of      T
	refused error     // why nothing could be made; a *format.Refusal
	until   time.Time // zero for ever
}

// NewSchemas returns a cache over a client, for schemas of one language. What parse refuses is
// refused for every record of the schema.
func NewSchemas[T any](c *Client, t Type, parse Parse[T]) *Schemas[T] {
	return &Schemas[T]{client: c, typ: t, parse: parse, known: map[uint32]made[T]{}}
}

// Get returns what was made of the schema of id. An error is a *format.Refusal, or one of the
// registry.
func (s *Schemas[T]) Get(ctx context.Context, id uint32) (T, error) {
	if s.last != nil && s.lastID == id {
		return *s.last, nil
	}
	m, ok := s.known[id]
	if !ok || !m.until.IsZero() && time.Now().After(m.until) {
		var err error
		if m, err = s.make(ctx, id); err != nil {
			return m.of, err
		}
		if len(s.known) >= schemasMax {
			clear(s.known)
		}
		s.known[id] = m
	}
	if m.refused == nil {
		s.last, s.lastID = &m.of, id
	}
	return m.of, m.refused
}

func (s *Schemas[T]) make(ctx context.Context, id uint32) (m made[T], err error) {
	schema, err := s.client.ByID(ctx, id)
	if errors.Is(err, ErrUnknownID) { // R3
		return made[T]{refused: &format.Refusal{Err: err}, until: time.Now().Add(unknownKept)}, nil
	}
	if err != nil {
		return m, err
	}
	if schema.Type != s.typ {
		m.refused = format.Refuse("schema %d is of %v, not of %v", id, schema.Type, s.typ)
		return m, nil
	}
	needs, err := s.client.Dependencies(ctx, schema.References)
	if err != nil {
		return m, err
	}
	if m.of, err = s.parse(schema.Text, needs); err != nil {
		m.refused = format.Refuse("using schema %d: %w", id, err)
	}
	return m, nil
}
