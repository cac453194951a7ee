package examples

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryExampleIsRun keeps the tests below complete.
func TestEveryExampleIsRun(t *testing.T) {
	jobs, err := filepath.Glob("*/job.toml")
	require.NoError(t, err)
	require.Equal(t, []string{
		"access-log/job.toml", "csv-to-json/job.toml", "log-enrich/job.toml",
		"log-routing/job.toml", "order-route/job.toml", "orders/job.toml", "pii-mask/job.toml",
		"socket/job.toml", "uppercase/job.toml",
	}, jobs)
}

func TestAccessLog(t *testing.T) {
	r := clone(t)
	out, _ := r.run("./examples/access-log/run.sh", "build")
	require.Contains(t, out,
		"200000 records read = 169447 written + 24299 dropped + 6254 dead letters\n")
	require.Contains(t, out, "  169447 lines in build/access-log/output:\n")

	lines := r.lines("build/access-log/output")
	require.Len(t, lines, 169_447)
	for _, line := range lines[:100] {
		var request struct{ Time, Path string }
		require.NoError(t, json.Unmarshal([]byte(line), &request), line)
		require.NotEqual(t, "/healthz", request.Path)
	}
	hours, err := filepath.Glob(r.path("build/access-log/output/2026-*"))
	require.NoError(t, err)
	require.Len(t, hours, 5)
	letters := r.lines("build/access-log/dead-letters")
	require.Len(t, letters, 6254)
	for _, letter := range letters {
		require.Contains(t, letter, " OOPS ")
	}
}

// TestOrders is what make run shows: a broker, a producer, a reader, and a job that is killed.
func TestOrders(t *testing.T) {
	r := clone(t)
	out, _ := r.run("./examples/orders/run.sh", "build")
	require.Contains(t, out, "40000 records read = 31015 written + 5101 dropped + 3884 dead letters\n")
	require.Contains(t, out, "  31015 enriched, 31015 of them different\n")
	require.Contains(t, out, "  31015 seen by the reader that was there all the time\n")

	orders := r.lines("build/orders/enriched.jsonl")
	require.Len(t, orders, 31_015)
	seen := map[int]bool{}
	for _, line := range orders {
		var order struct {
			Order, Quantity, Cents int
			TotalCents             int `json:"total_cents"`
			Region                 string
		}
		require.NoError(t, json.Unmarshal([]byte(line), &order), line)
		require.False(t, seen[order.Order], line)
		seen[order.Order] = true
		require.Equal(t, order.Quantity*order.Cents, order.TotalCents, line)
		require.NotEmpty(t, order.Region, line)
	}
}

func TestLogRouting(t *testing.T) {
	r := clone(t)
	out, _ := r.run("wasmflow", "run", "examples/log-routing/job.toml")
	require.Contains(t, out, "9 records read = 6 written + 1 dropped + 2 skipped + 0 dead letters\n")
	require.Equal(t, []string{
		`{"level":"error","msg":"disk full","path":"/var"}`, `{"level":"fatal","msg":"out of memory"}`,
	}, r.lines("build/log-routing/errors"))
	require.Equal(t, []string{
		`{"level":"audit","msg":"login","user":"anna"}`, `{"level":"audit","msg":"logout","user":"anna"}`,
	}, r.lines("build/log-routing/audit"))
	require.Equal(t, []string{
		`{"level":"info","msg":"started","port":8080}`, `{"level":"warn","msg":"slow query","ms":1840}`,
	}, r.lines("build/log-routing/rest"))
}

func TestCSVToJSON(t *testing.T) {
	r := clone(t)
	out, _ := r.run("wasmflow", "run", "examples/csv-to-json/job.toml")
	require.Contains(t, out, "9 records read = 6 written + 1 dropped + 2 dead letters\n")
	require.Equal(t, []string{
		`{"id":1,"country":"de","item":"tea, green","cents":250,"gift":false}`,
		`{"id":3,"country":"de","item":"cup \"XL\"","cents":990,"gift":false}`,
	}, r.lines("build/csv-to-json/output/country=de"))
	require.Len(t, r.lines("build/csv-to-json/output/country=fr"), 2)
	require.Len(t, r.lines("build/csv-to-json/output/country=_none"), 1)
	letters := strings.Join(r.lines("build/csv-to-json/dead-letters"), "\n")
	require.Contains(t, letters, `\"much\" is not a number`)
	require.Contains(t, letters, "4 fields for 5 columns")

	// A later run reads nothing twice, also with another number of tasks.
	job := r.path("examples/csv-to-json/job.toml")
	text, err := os.ReadFile(job)
	require.NoError(t, err)
	text = []byte(strings.Replace(string(text), "parallelism = 2", "parallelism = 3", 1))
	require.NoError(t, os.WriteFile(job, text, 0o644))
	out, _ = r.run("wasmflow", "run", "examples/csv-to-json/job.toml")
	require.Contains(t, out, "9 of them were read by earlier runs\n")
	require.Len(t, r.lines("build/csv-to-json/output"), 6)
}

func TestUppercase(t *testing.T) {
	r := clone(t)
	cmd := r.command("wasmflow", "run", "examples/uppercase/job.toml")
	cmd.Stdin = strings.NewReader("tea\ncoffee\n")
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "TEA\nCOFFEE\n", string(out))
}

func TestSocket(t *testing.T) {
	r := clone(t)
	server, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer server.Close()
	cmd := r.command("wasmflow", "run", "examples/socket/job.toml")
	cmd.Env = append(cmd.Env, "ADDRESS="+server.Addr().String())
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	conn, err := server.Accept()
	require.NoError(t, err)
	_, err = conn.Write([]byte("nonsense\n" +
		`10.0.0.1 - - [12/Oct/2026:13:00:00 +0000] "GET /tea HTTP/1.1" 200 5 "-" "x"` + "\n"))
	require.NoError(t, err)
	var request struct{ Path string }
	require.NoError(t, json.NewDecoder(out).Decode(&request))
	require.Equal(t, "/tea", request.Path)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), "a first signal ends a job cleanly")
	require.NoError(t, conn.Close())
}
