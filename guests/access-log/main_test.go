package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

const common = `127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.0" 200 2326`

func combined(request, agent string) string {
	return fmt.Sprintf(`10.0.0.1 - - [01/Mar/2024:00:00:00 +0130] "%s" 404 - "-" "%s"`,
		request, agent)
}

func TestLines(t *testing.T) {
	g := sdktest.Open(t, "")
	tests := []struct{ name, line, want string }{
		{"combined", common + ` "http://x/" "curl/8"`,
			`{"time":"2000-10-10T20:55:36Z","client":"127.0.0.1","user":"frank","method":"GET",
			"path":"/a","query":"b=c","protocol":"HTTP/1.0","status":200,"class":"2xx",
			"bytes":2326,"referrer":"http://x/","agent":"curl/8","bot":true}`},
		{"common", common,
			`{"time":"2000-10-10T20:55:36Z","client":"127.0.0.1","user":"frank","method":"GET",
			"path":"/a","query":"b=c","protocol":"HTTP/1.0","status":200,"class":"2xx",
			"bytes":2326,"referrer":null,"agent":null,"bot":false}`},
		{"dashes", combined("-", "-"),
			`{"time":"2024-02-29T22:30:00Z","client":"10.0.0.1","user":null,"method":null,
			"path":null,"query":null,"protocol":null,"status":404,"class":"4xx","bytes":0,
			"referrer":null,"agent":null,"bot":false}`},
		{"escapes", combined(`GET /\"\\\x41\t\q HTTP/1.1`, `a\"b`),
			`{"time":"2024-02-29T22:30:00Z","client":"10.0.0.1","user":null,"method":"GET",
			"path":"/\"\\A\t\\q","query":null,"protocol":"HTTP/1.1","status":404,"class":"4xx",
			"bytes":0,"referrer":null,"agent":"a\"b","bot":false}`},
		{"no request", combined(`\x16\x03\x01 x`, "Googlebot/2.1"),
			`{"time":"2024-02-29T22:30:00Z","client":"10.0.0.1","user":null,
			"method":"\u0016\u0003\u0001","path":"x","query":null,"protocol":null,"status":404,
			"class":"4xx","bytes":0,"referrer":null,"agent":"Googlebot/2.1","bot":true}`},
		{"old request", combined("GET /x y", "x") + ` 0.003 "extra"` + "\r",
			`{"time":"2024-02-29T22:30:00Z","client":"10.0.0.1","user":null,"method":"GET",
			"path":"/x y","query":null,"protocol":null,"status":404,"class":"4xx","bytes":0,
			"referrer":null,"agent":"x","bot":false}`},
		{"not UTF-8", combined("GET /\xff HTTP/1.1", "x"),
			`{"time":"2024-02-29T22:30:00Z","client":"10.0.0.1","user":null,"method":"GET",
			"path":"/\ufffd","query":null,"protocol":"HTTP/1.1","status":404,"class":"4xx",
			"bytes":0,"referrer":null,"agent":"x","bot":false}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := g.Run("access_log", sdktest.KeyValue("key", tt.line))
			require.Len(t, out, 1)
			require.Nil(t, out[0].Error)
			require.JSONEq(t, tt.want, string(out[0].Value))
			require.Equal(t, "key", string(out[0].Key))
			var got struct{ Time time.Time }
			require.NoError(t, json.Unmarshal(out[0].Value, &got))
			require.True(t, got.Time.Equal(out[0].Timestamp), "%v %v", got.Time, out[0].Timestamp)
		})
	}
}

func TestMalformedLines(t *testing.T) {
	g := sdktest.Open(t, "")
	tests := []struct{ line, want string }{
		{" ", "client: missing"},
		{"hello", "user: missing"},
		{"hello world", "user: missing"},
		{"a b c d", "time: not in square brackets"},
		{"a - - [10/Oct/2000:13:55:36 -0700", "time: not in square brackets"},
		{"a - - [10/Okt/2000:13:55:36 -0700] ", "time: not like"},
		{"a - - [31/Sep/2000:13:55:36 -0700] ", "time: not like"},
		{"a - - [29/Feb/2023:13:55:36 -0700] ", "time: not like"},
		{"a - - [10/Oct/2000:24:55:36 -0700] ", "time: not like"},
		{"a - - [10/Oct/2000:13:55:36 *0700] ", "time: not like"},
		{"a - - [1o/Oct/2000:13:55:36 -0700] ", "time: not like"},
		{"a - - [10/Oct/2000:13:55:36 -0700] GET", "request: not in double quotes"},
		{`a - - [10/Oct/2000:13:55:36 -0700] "GET`, "request: not in double quotes"},
		{`a - - [10/Oct/2000:13:55:36 -0700] "GET\"`, "request: not in double quotes"},
		{`a - - [10/Oct/2000:13:55:36 -0700] "-" 99 1`, "status: not a number"},
		{`a - - [10/Oct/2000:13:55:36 -0700] "-" 600 1`, "status: not a number"},
		{`a - - [10/Oct/2000:13:55:36 -0700] "-" 0200 1`, "status: not a number"},
		{`a - - [10/Oct/2000:13:55:36 -0700] "-" 200 x`, "bytes: neither a number"},
		{`a - - [10/Oct/2000:13:55:36 -0700] "-" 200`, "bytes: neither a number"},
		{`a - - [10/Oct/2000:13:55:36 -0700] "-" 200 1 x`, "referrer: not in double quotes"},
		{`a - - [10/Oct/2000:13:55:36 -0700] "-" 200 1 "x" y`, "user agent: not in double quotes"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			out := g.Run("access_log", sdktest.Value(tt.line))
			require.Len(t, out, 1)
			require.NotNil(t, out[0].Error)
			require.EqualValues(t, codeMalformed, out[0].Error.Code)
			require.Contains(t, out[0].Error.Text, tt.want)
		})
	}
}

func TestDropped(t *testing.T) {
	lines := []string{
		"", "\r\n", combined("GET /healthz HTTP/1.1", "x"), combined("GET /ping?a HTTP/1.1", "x"),
		combined("GET /", "kube-probe/1.29"), combined("GET /x HTTP/1.1", "x"),
	}
	var in []sdktest.Record
	for _, l := range lines {
		in = append(in, sdktest.Value(l))
	}
	out := sdktest.Open(t, "").Run("access_log", in...)
	require.Len(t, out, 1)
	require.Equal(t, 5, out[0].Parent)
	out = sdktest.Open(t, `{"drop_paths": ["/x*"], "drop_agents": []}`).Run("access_log", in...)
	require.Len(t, out, 3)
	require.Equal(t, 2, out[0].Parent)
}

func TestKeys(t *testing.T) {
	for key, want := range map[string]string{
		"keep": "key", "client": "127.0.0.1", "path": "/a", "status": "200",
	} {
		g := sdktest.Open(t, `{"key": "`+key+`", "event_time": false}`)
		out := g.Run("access_log", sdktest.KeyValue("key", common))
		require.Equal(t, want, string(out[0].Key))
		require.True(t, out[0].Timestamp.IsZero())
	}
}

func TestBots(t *testing.T) {
	g := sdktest.Open(t, `{"bot_agents": ["NASTY"]}`)
	for agent, want := range map[string]bool{"a NaStY one": true, "curl/8": false} {
		out := g.Run("access_log", sdktest.Value(combined("GET /", agent)))
		var got struct{ Bot bool }
		require.NoError(t, json.Unmarshal(out[0].Value, &got))
		require.Equal(t, want, got.Bot, agent)
	}
}

func TestRefusedSettings(t *testing.T) {
	require.Equal(t, "drop_paths[1]", sdktest.Refusal(t, `{"drop_paths": ["/a", "b"]}`).Field)
	require.Equal(t, "bot_agents[0]", sdktest.Refusal(t, `{"bot_agents": [""]}`).Field)
	require.Equal(t, "key", sdktest.Refusal(t, `{"key": "agent"}`).Field)
}

// TestTimes compares the times read and written by hand with package time.
func TestTimes(t *testing.T) {
	const layout = "02/Jan/2006:15:04:05 -0700"
	zone := time.FixedZone("", -7*3600+1800)
	const step = 8_641_969 * time.Second
	for at := time.Date(1, 1, 1, 12, 0, 0, 0, zone); at.Year() < 2500; at = at.Add(step) {
		got, ok := parseTime([]byte(at.Format(layout)))
		require.True(t, ok)
		require.Equal(t, at.Unix(), got, "%v", at)
		require.Equal(t, at.UTC().Format(time.RFC3339), string(appendTime(nil, got)))
	}
	leap, ok := parseTime([]byte("31/Dec/2016:23:59:60 +0000"))
	require.True(t, ok)
	require.Equal(t, "2017-01-01T00:00:00Z", string(appendTime(nil, leap)))
}

func TestNothingIsAllocatedPerLine(t *testing.T) {
	f := &function{settings: &settings{BotAgents: []string{"bot"}}}
	require.NoError(t, f.open())
	text := []byte(common + ` "http://x/" "Mozilla/5.0 \"q\""`)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if err := f.line.parse(text); err != nil {
			t.Fatal(err)
		}
		if f.isBot() || f.isHealthCheck() {
			t.Fatal("neither a bot nor a health check")
		}
	}))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(common + ` "http://x/" "curl/8"`))
	f.Add([]byte(combined(`GET /\"\\\x41\t\q HTTP/1.1`, `a\"b`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		g := sdktest.Open(t, "")
		for _, o := range g.Run("access_log", sdktest.Record{Value: text}) {
			if o.Error != nil {
				require.NotContains(t, o.Error.Text, "panic")
				continue
			}
			require.True(t, json.Valid(o.Value), "%s", o.Value)
		}
	})
}
