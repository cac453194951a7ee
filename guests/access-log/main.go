package main

import (
	"bytes"
	"strconv"
	"strings"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/json"
)

// settings is the plugin's configuration.
type settings struct {
	// A '*' at the end of a path stands for anything.
	DropPaths  []string `json:"drop_paths" doc:"paths whose requests are dropped; may end in '*'"`
	DropAgents []string `json:"drop_agents" doc:"user agents that begin so are dropped"`
	BotAgents  []string `json:"bot_agents" doc:"user agents that contain one of these are bots"`
	Key        string   `json:"key" enum:"keep,client,path,status" doc:"becomes the record's key"`
	EventTime  bool     `json:"event_time" doc:"the line's time becomes the record's timestamp"`
}

func (s *settings) Validate() error {
	for i, path := range s.DropPaths {
		if !strings.HasPrefix(path, "/") && path != "*" {
			return wasmflow.BadField("drop_paths["+strconv.Itoa(i)+"]", "does not begin with '/'")
		}
	}
	for i, agent := range s.BotAgents {
		if agent == "" {
			return wasmflow.BadField("bot_agents["+strconv.Itoa(i)+"]", "is empty")
		}
		s.BotAgents[i] = strings.ToLower(agent)
	}
	return nil
}

func init() {
	s := &settings{
		DropPaths: []string{
			"/health", "/healthz", "/livez", "/ping", "/ready", "/readyz",
		},
		DropAgents: []string{"ELB-HealthChecker/", "GoogleHC/", "kube-probe/"},
		BotAgents: []string{
			"bot", "crawler", "curl/", "python-requests", "slurp", "spider", "wget/",
		},
		Key:       "keep",
		EventTime: true,
	}
	wasmflow.Plugin("access-log", "1.0.0")
	wasmflow.Config(s)
	f := &function{settings: s}
	wasmflow.OnOpen(f.open)
	wasmflow.Transform("access_log", f.transform,
		wasmflow.Doc("turns lines of the combined log format into JSON"))
}

func main() {}

type function struct {
	settings  *settings
	line      line
	botStarts [256]bool // bytes that names of robots begin with
}

func (f *function) open() error {
	for c := range f.botStarts {
		f.botStarts[c] = false
		for _, bot := range f.settings.BotAgents {
			f.botStarts[c] = f.botStarts[c] || toLower(byte(c)) == bot[0]
		}
	}
	return nil
}

func (f *function) transform(_ *wasmflow.Context, r wasmflow.Record,
	out *wasmflow.Emitter) error {
	text := bytes.TrimRight(r.Value(), "\r\n")
	if len(text) == 0 {
		return nil
	}
	if err := f.line.parse(text); err != nil {
		return err
	}
	if f.isHealthCheck() {
		return nil
	}
	// Escapes make bytes longer; two bytes for one and the names of the fields are a good guess.
	w := json.NewWriter(out.Buffer(2*len(text) + 256))
	f.write(&w)
	e := out.Value(w.Bytes())
	if key, ok := f.key(); ok {
		e.Key(key)
	}
	if f.settings.EventTime {
		e.Timestamp(f.line.seconds * 1000)
	}
	return nil
}

func (f *function) key() ([]byte, bool) {
	switch f.settings.Key {
	case "client":
		return f.line.client, true
	case "path":
		return f.line.path, true
	case "status":
		return f.line.statusText, true
	}
	return nil, false
}

func (f *function) isHealthCheck() bool {
	for _, path := range f.settings.DropPaths {
		prefix, any := strings.CutSuffix(path, "*")
		if string(f.line.path) == path || any && bytes.HasPrefix(f.line.path, []byte(prefix)) {
			return true
		}
	}
	for _, agent := range f.settings.DropAgents {
		if len(f.line.agent) >= len(agent) && string(f.line.agent[:len(agent)]) == agent {
			return true
		}
	}
	return false
}

// isBot looks for the names of robots in the user agent, in one pass and without regard to case.
func (f *function) isBot() bool {
	agent := f.line.agent
	for i, c := range agent {
		if !f.botStarts[c] {
			continue
		}
		for _, bot := range f.settings.BotAgents {
			if len(bot) <= len(agent)-i && equalFold(agent[i:i+len(bot)], bot) {
				return true
			}
		}
	}
	return false
}

// equalFold compares text with a lower-case string of the same length.
func equalFold(text []byte, lower string) bool {
	for i, c := range text {
		if toLower(c) != lower[i] {
			return false
		}
	}
	return true
}

func toLower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func (f *function) write(w *json.Writer) {
	l := &f.line
	var stamp [20]byte
	w.BeginObject()
	w.Name(nameTime)
	w.StringBytes(appendTime(stamp[:0], l.seconds))
	writeText(w, nameClient, l.client)
	writeText(w, nameUser, l.user)
	writeText(w, nameMethod, l.method)
	writeText(w, namePath, l.path)
	writeText(w, nameQuery, l.query)
	writeText(w, nameProtocol, l.protocol)
	w.Name(nameStatus)
	w.Raw(l.statusText)
	w.Name(nameClass)
	w.String(classes[l.status/100])
	w.Name(nameBytes)
	w.Int(l.bytes)
	writeText(w, nameReferrer, l.referrer)
	writeText(w, nameAgent, l.agent)
	w.Name(nameBot)
	w.Bool(f.isBot())
	w.EndObject()
}

// The names of the members.
var (
	nameTime     = json.NewName("time")
	nameClient   = json.NewName("client")
	nameUser     = json.NewName("user")
	nameMethod   = json.NewName("method")
	namePath     = json.NewName("path")
	nameQuery    = json.NewName("query")
	nameProtocol = json.NewName("protocol")
	nameStatus   = json.NewName("status")
	nameClass    = json.NewName("class")
	nameBytes    = json.NewName("bytes")
	nameReferrer = json.NewName("referrer")
	nameAgent    = json.NewName("agent")
	nameBot      = json.NewName("bot")
)

// classes are the classes of status codes by their first digit; parse accepts no others.
var classes = [...]string{"", "1xx", "2xx", "3xx", "4xx", "5xx"}

// writeText writes a field; what the line does not say is null.
func writeText(w *json.Writer, name json.Name, text []byte) {
	w.Name(name)
	if text == nil {
		w.Null()
		return
	}
	w.StringBytes(text)
}
