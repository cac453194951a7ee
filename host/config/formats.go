package config

import "github.com/wasmflow/wasmflow/connectors"

// Format is a function of a source or sink that is named in the job file.
type Format struct {
	Key  string // where it is named
	Name string // of the source or sink
	Ref  connectors.FunctionRef
}

// Formats returns the deserializers and serializers that the job names, those of keys among them.
func (j *Job) Formats() []Format {
	var out []Format
	add := func(section, name, key string, ref connectors.FunctionRef) {
		if !ref.IsZero() {
			out = append(out, Format{Key: join(section, key), Name: name, Ref: ref})
		}
	}
	for _, s := range j.Sources {
		add(join("sources", s.Name), s.Name, "deserializer", s.Deserializer)
		add(join("sources", s.Name), s.Name, "key_deserializer", s.KeyDeserializer)
	}
	for _, s := range j.Sinks {
		add(join("sinks", s.Name), s.Name, "serializer", s.Serializer)
		add(join("sinks", s.Name), s.Name, "key_serializer", s.KeySerializer)
	}
	if s := j.DeadLetter; s != nil {
		add(DeadLetterName, s.Name, "serializer", s.Serializer)
		add(DeadLetterName, s.Name, "key_serializer", s.KeySerializer)
	}
	return out
}
