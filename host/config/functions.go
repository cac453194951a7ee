package config

import (
	"slices"

	"github.com/wasmflow/wasmflow/connectors"
)

// function checks that ref can be resolved. builtins is nil where only a plugin's function will do.
func (l *loader) function(ref connectors.FunctionRef, key string, builtins []Builtin) {
	line := l.root.lineOf(key)
	switch {
	case ref.IsZero():
	case ref.Plugin != "":
		names := sortedNames(l.tables("plugins"))
		if !slices.Contains(names, ref.Plugin) {
			path := join(key, "plugin")
			l.addf(l.root.lineOf(path), path, "%s", unknown("plugin", ref.Plugin, names))
			return
		}
		l.used[ref.Plugin] = true
		if ref.Function == "" {
			path := join(key, "function")
			l.addf(l.root.lineOf(path), path, "required; name a function of the plugin, "+
				"`wasmflow inspect` lists them")
		}
	default:
		names := make([]string, len(builtins))
		for i, b := range builtins {
			names[i] = b.Name
		}
		slices.Sort(names)
		if !slices.Contains(names, ref.Builtin) {
			l.addf(line, key, "%s", unknown("built-in function", ref.Builtin, names))
		}
	}
}

// keyFunction checks a function that works on the keys of source or sink n: a built-in one that
// makes one key of each.
func (l *loader) keyFunction(ref *connectors.FunctionRef, n *node, key, name string,
	builtins []Builtin,
) {
	path := join(key, name)
	if ref.Plugin != "" {
		l.addf(l.root.lineOf(path), path, "a plugin cannot work on keys alone; "+
			"its other functions see and set the key of a record")
		return
	}
	builtins = slices.DeleteFunc(slices.Clone(builtins), func(b Builtin) bool { return !b.Keys })
	l.function(*ref, path, builtins)
	l.options(ref, n.table[name], path, builtins)
}

// options decodes what stands beside the name in { format = "name", ... } into ref. n is nil where
// the key is not set. A name alone stands for the defaults, which not every function can do with.
func (l *loader) options(ref *connectors.FunctionRef, n *node, key string, builtins []Builtin) {
	if n == nil || ref.Builtin == "" {
		return
	}
	var named struct {
		Format string `toml:"format"`
	}
	for _, b := range builtins {
		switch {
		case b.Name != ref.Builtin:
		case b.NewOptions == nil && n.table == nil:
		case b.NewOptions == nil:
			l.table(n, key, &named)
		case n.table == nil:
			l.validate(n, key, b.NewOptions().Validate)
		default:
			ref.Options = b.NewOptions()
			l.table(n, key, &named, ref.Options)
			l.validate(n, key, ref.Options.Validate)
		}
	}
}

// timestamp checks a function that gives timestamps: so far no guest can.
func (l *loader) timestamp(ref connectors.FunctionRef, key string) {
	if ref.Plugin != "" {
		l.addf(l.root.lineOf(key), key, "guests cannot give timestamps as a function of their own in "+
			"this version; set the timestamp in a deserializer or transform")
		return
	}
	l.function(ref, key, l.reg.Timestamps)
}
