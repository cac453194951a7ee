package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/connectors"
)

// Own is the schema that a serializer is configured with, and what it made of it.
type Own[T any] struct {
	Schema Schema
	Record string // name of the record in the schema, for subjects that are named after it
	Of     T
}

// Subjects finds the schemas that a serializer writes with: its own below an id of the registry, or
// the latest one of a subject.
type Subjects[T any] struct {
	client  *Client
	options *WriteOptions
	fc      connectors.FunctionContext
	own     Own[T]
	parse   Parse[T]
	known   map[string]written[T] // by subject
	topic   string                // of the record before
	last    *written[T]           // for it
}

type written[T any] struct {
	id uint32
	of T
}

// NewSubjects returns what finds the schemas for the serializer of fc. own is not looked at when
// the options say Latest, parse only then.
func NewSubjects[T any](c *Client, o *WriteOptions, fc connectors.FunctionContext, own Own[T],
	parse Parse[T],
) *Subjects[T] {
	return &Subjects[T]{
		client: c, options: o, fc: fc, own: own, parse: parse, known: map[string]written[T]{},
	}
}

// Subject returns the name of the subject for records to topic.
func (s *Subjects[T]) Subject(topic string) (string, error) {
	how := s.options.SubjectName
	switch {
	case s.options.Subject != "":
		return s.options.Subject, nil
	case how != ByTopic && s.own.Record == "":
		return "", connectors.Permanent(fmt.Errorf(
			"naming a subject by %s: the schema has no name; set subject", how))
	case how == ByRecord:
		return s.own.Record, nil
	case topic == "":
		return "", connectors.Permanent(fmt.Errorf(
			"naming a subject by %s: the sink has no topic; set subject", how))
	case how == ByTopicRecord:
		return topic + "-" + s.own.Record, nil
	case s.fc.Key:
		return topic + "-key", nil
	default:
		return topic + "-value", nil
	}
}

// Warm finds the schema of the sink's own topic, so that what is wrong with it shows before the
// first record. It does nothing when only records can tell their subject.
func (s *Subjects[T]) Warm(ctx context.Context) error {
	if s.fc.Topic == "" && s.options.Subject == "" && s.options.SubjectName != ByRecord {
		return nil
	}
	_, _, err := s.Get(ctx, s.fc.Topic)
	return err
}

// Get returns the id and the schema to write records to topic with; an empty topic is the sink's.
func (s *Subjects[T]) Get(ctx context.Context, topic string) (id uint32, of T, err error) {
	if topic == "" {
		topic = s.fc.Topic
	}
	if s.last != nil && s.topic == topic {
		return s.last.id, s.last.of, nil
	}
	subject, err := s.Subject(topic)
	if err != nil {
		return 0, of, err
	}
	w, ok := s.known[subject]
	if !ok {
		if w, err = s.find(ctx, subject); err != nil {
			return 0, of, err
		}
		if len(s.known) >= subjectsMax {
			clear(s.known)
		}
		s.known[subject] = w
	}
	s.topic, s.last = topic, &w
	return w.id, w.of, nil
}

func (s *Subjects[T]) find(ctx context.Context, subject string) (w written[T], err error) {
	w.of = s.own.Of
	switch {
	case s.options.Registration == Latest:
		return s.latest(ctx, subject)
	case s.options.Registration == Lookup:
		w.id, err = s.client.Find(ctx, subject, s.own.Schema)
	case s.fc.Dry: // R5
		w.id, err = s.client.Find(ctx, subject, s.own.Schema)
		if errors.Is(err, ErrSubject) || errors.Is(err, ErrNotRegistered) {
			err = nil // it would be registered now
		}
	default:
		w.id, err = s.client.Register(ctx, subject, s.own.Schema)
	}
	return w, err
}

func (s *Subjects[T]) latest(ctx context.Context, subject string) (w written[T], err error) {
	schema, err := s.client.Latest(ctx, subject)
	if err != nil {
		return w, err
	}
	if schema.Type != s.own.Schema.Type {
		return w, connectors.Permanent(fmt.Errorf("subject %q holds a schema of %v, not of %v",
			subject, schema.Type, s.own.Schema.Type))
	}
	needs, err := s.client.Dependencies(ctx, schema.References)
	if err != nil {
		return w, err
	}
	w.id = schema.ID
	if w.of, err = s.parse(schema.Text, needs); err != nil {
		err = connectors.Permanent(fmt.Errorf("using the latest schema of subject %q: %w", subject,
			err))
	}
	return w, err
}
