package wasmflow

import "github.com/wasmflow/wasmflow/sdk/go/json"

// describe returns the description of the plugin as JSON; the guest keeps it.
func (g *guest) describe() []byte {
	w := json.NewWriter(nil)
	w.BeginObject()
	w.Key("name")
	w.String(g.name)
	w.Key("version")
	w.String(g.version)
	w.Key("functions")
	w.BeginArray()
	for _, f := range g.functions {
		f.describe(&w)
	}
	w.EndArray()
	if g.config != nil {
		w.Key("config_schema")
		w.Raw(g.config.schema)
	}
	if g.stateVersion != 0 {
		w.Key("state_version")
		w.Int(int64(g.stateVersion))
	}
	w.EndObject()
	g.description = w.Bytes()
	return g.description
}

func (f *function) describe(w *json.Writer) {
	w.BeginObject()
	w.Key("name")
	w.String(f.name)
	w.Key("role")
	w.String(string(f.role))
	if len(f.columns) > 0 {
		w.Key("columns")
		w.BeginArray()
		for _, c := range f.columns {
			w.String(string(c))
		}
		w.EndArray()
	}
	if len(f.outputs) > 0 {
		w.Key("outputs")
		w.BeginArray()
		for _, name := range f.outputs {
			w.String(name)
		}
		w.EndArray()
	}
	if f.doc != "" {
		w.Key("doc")
		w.String(f.doc)
	}
	w.EndObject()
}
