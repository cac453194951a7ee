package config

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
)

// isName reports whether s may name a plugin, source, transform, sink or output. A name stands in
// file names, metrics and, with a dot behind it, in edges.
func isName(s string) bool { return len(s) <= nameMax && wordOf(s, "_-") }

// isJobName reports whether s may name a job: it also stands in names of topics.
func isJobName(s string) bool { return len(s) <= jobNameMax && wordOf(s, "._-") }

// wordOf reports whether s is made of ASCII letters, digits and the bytes of extra, and begins
// with a letter or digit, so that it is neither hidden nor an option.
func wordOf(s, extra string) bool {
	for i := range len(s) {
		b := s[i]
		alnum := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
		if !alnum && (i == 0 || strings.IndexByte(extra, b) < 0) {
			return false
		}
	}
	return s != ""
}

// checkName checks the name of the table n that stands at key.
func (l *loader) checkName(name, key string, n *node) {
	switch {
	case name == DeadLetterName:
		l.addf(n.line, key, "the name is reserved for the [dead_letter] sink; choose another")
	case !isName(name):
		l.addf(n.line, key, "not a name; use letters, digits, _ and -, beginning with a letter or "+
			"digit, at most %d", nameMax)
	}
}

func (l *loader) checkPlugin(p *Plugin, key string, n *node) {
	l.checkModule(p, key, n)
	l.checkLimits(&p.Limits, key+".limits.")
	l.checkCrashBudget(&p.CrashBudget, key+".crash_budget")
	bounded(l, key+".swap.sample", p.Swap.Sample, 0, sampleMax)
	bounded(l, key+".swap.sample_wait", p.Swap.SampleWait, 0, duration(guestTimeMax))
	bounded(l, key+".swap.probation", p.Swap.Probation, 0, probationMax)
	bounded(l, key+".swap.error_budget", p.Swap.ErrorBudget, 0, 1)
}

func (l *loader) checkLimits(p *PluginLimits, key string) {
	bounded(l, key+"memory", p.Memory, memoryMin, memoryMax)
	bounded(l, key+"table", p.Table, 1, tableMax)
	bounded(l, key+"stack", p.Stack, stackMin, stackMax)
	bounded(l, key+"time_per_batch", p.TimePerBatch, duration(guestTimeMin), duration(guestTimeMax))
	bounded(l, key+"time_per_record", p.TimePerRecord, duration(guestTimeMin), duration(guestTimeMax))
	bounded(l, key+"time_to_start", p.TimeToStart, duration(guestTimeMin), duration(guestTimeMax))
	bounded(l, key+"output_records", p.OutputRecords, 1, outputsMax)
	bounded(l, key+"output_bytes", p.OutputBytes, 1, outputBytesMax)
	bounded(l, key+"log_lines", p.LogLines, 1, logLinesMax)
	bounded(l, key+"module", p.Module, 1, moduleMax)
	bounded(l, key+"compile_memory", p.CompileMemory, compileMemMin, compileMemMax)
	bounded(l, key+"compile_time", p.CompileTime, duration(compileTimeMin), duration(guestTimeMax))
}

// checkScheme refuses a URL whose file system this build does not have.
func (l *loader) checkScheme(key, url, what string) {
	if name, _, isURL := strings.Cut(url, "://"); isURL && !slices.Contains(l.reg.Schemes, name) {
		l.addf(l.root.lineOf(key), key, "%s on %s are not in this version; use a path, or one of %s",
			what, name, joined(l.reg.Schemes))
	}
}

// checkSections checks what decoding could not: bounds, words, and what belongs together.
func (l *loader) checkSections(f *file) {
	switch {
	case f.Name == "":
		l.required(l.root, "", "name", false, "name the job in the first line")
	case !isJobName(f.Name):
		l.addf(l.root.lineOf("name"), "name", "%q is not a name; use letters, digits, '.', _ and -, "+
			"beginning with a letter or digit, at most %d", f.Name, jobNameMax)
	}
	if id := f.Settings.ID; id != "" && !isJobName(id) {
		l.addf(l.root.lineOf("job.id"), "job.id", "use letters, digits, '.', _ and -, beginning with "+
			"a letter or digit, at most %d", jobNameMax)
	}
	bounded(l, "job.parallelism", f.Settings.Parallelism, 0, parallelismMax)
	bounded(l, "job.batch.records", f.Settings.Batch.Records, 1, batchRecordsMax)
	bounded(l, "job.batch.bytes", f.Settings.Batch.Bytes, 1<<10, batchBytesMax)
	bounded(l, "job.batch.linger", f.Settings.Batch.Linger, 0, duration(lingerMax))
	l.checkCheckpoint(&l.job.Checkpoint)
	l.checkRestart(&f.Restart)
	l.checkAdmin(&f.Admin)
	l.checkCapture(&l.job.Capture)
	for _, p := range l.job.Plugins {
		if !l.used[p.Name] {
			key := join("plugins", p.Name)
			l.warnf(l.root.lineOf(key), key, "nothing uses it; name it in a transform or remove it")
		}
	}
	l.checkCrashPolicies()
	l.chooseDecider()
	if len(l.problems) == 0 { // a configuration with problems cannot tell what it guarantees
		l.warnOfGuarantees()
		l.warnOfManyFiles()
	}
}

func (l *loader) checkCheckpoint(c *Checkpoint) {
	l.oneOf("checkpoint.mode", string(c.Mode), string(ExactlyOnce), string(AtLeastOnce))
	bounded(l, "checkpoint.interval", c.Interval, duration(intervalMin), duration(spanMax))
	bounded(l, "checkpoint.timeout", c.Timeout, duration(intervalMin), duration(spanMax))
	bounded(l, "checkpoint.min_pause", c.MinPause, 0, duration(spanMax))
	bounded(l, "checkpoint.tolerable_failures", c.TolerableFailures, 0, 1<<31-1)
	bounded(l, "checkpoint.retain", c.Retain, 1, retainMax)
	// The default is a relative path as well; a path of the file is absolute by now.
	c.Store = l.expand.path(c.Store)
	if c.Store == "" {
		l.addf(l.root.lineOf("checkpoint.store"), "checkpoint.store",
			"names no folder; name one, or leave it out")
	}
	l.checkScheme("checkpoint.store", c.Store, "checkpoint stores")
	l.checkFile(l.root.lineOf("checkpoint.store"), "checkpoint.store", c.Store)
}

func (l *loader) checkRestart(r *Restart) {
	strategies := []string{string(RestartNone), string(RestartFixedDelay),
		string(RestartExponentialDelay), string(RestartFailureRate)}
	l.oneOf("restart.strategy", string(r.Strategy), strategies...)
	if n := l.root.table["restart"]; n != nil && slices.Contains(strategies, string(r.Strategy)) {
		known := restartKeys(r.Strategy)
		for _, k := range n.keys() {
			if path := join("restart", k); k != "strategy" && !slices.Contains(known, k) && !l.has(path) {
				l.addf(n.table[k].line, path, "strategy %q does not read it; %s", r.Strategy,
					readBy(k, strategies))
			}
		}
	}
	bounded(l, "restart.attempts", r.Attempts, 1, 1<<31-1)
	bounded(l, "restart.delay", r.Delay, 0, duration(spanMax))
	bounded(l, "restart.initial_backoff", r.InitialBackoff, duration(time.Millisecond),
		duration(spanMax))
	bounded(l, "restart.max_backoff", r.MaxBackoff, r.InitialBackoff, duration(spanMax))
	bounded(l, "restart.backoff_multiplier", r.BackoffMultiplier, 1, 1000)
	bounded(l, "restart.jitter_factor", r.JitterFactor, 0, 1)
	bounded(l, "restart.reset_backoff_threshold", r.ResetBackoffThreshold,
		duration(time.Millisecond), duration(spanMax))
	bounded(l, "restart.max_failures_per_interval", r.MaxFailuresPerInterval, 1, 1<<31-1)
	bounded(l, "restart.failure_rate_interval", r.FailureRateInterval, duration(time.Millisecond),
		duration(spanMax))
}

// readBy tells which strategies read key.
func readBy(key string, strategies []string) string {
	var by []string
	for _, s := range strategies {
		if slices.Contains(restartKeys(RestartStrategy(s)), key) {
			by = append(by, s)
		}
	}
	return "it belongs to " + strings.Join(by, ", ")
}

func (l *loader) checkAdmin(a *Admin) {
	l.checkAdminTLS(&a.TLS)
	if a.Address == AdminAuto || a.Address == AdminOff || l.has("admin.address") {
		return
	}
	const key = "admin.address"
	host, port, err := net.SplitHostPort(a.Address)
	number, portErr := strconv.Atoi(port)
	switch {
	case err != nil || portErr != nil || number < 0 || number > 65535:
		l.addf(l.root.lineOf(key), key, "%q is no address; write host:port, auto or off", a.Address)
	case !isLoopback(host) && a.Token.IsZero() && !l.has("admin.token") && a.TLS.ClientCA == "":
		l.addf(l.root.lineOf(key), "admin.token", "required when address is not a loopback one; "+
			"set it, for example token = { env = \"NAME\" }, or tls.client_ca")
	}
}

func (l *loader) checkAdminTLS(t *AdminTLS) {
	const key = "admin.tls"
	switch {
	case t.Cert != "" && t.Key == "":
		l.addf(l.root.lineOf(key), key+".key", "required with cert; name the PEM file of its key")
	case t.Cert == "" && (t.Key != "" || t.ClientCA != ""):
		l.addf(l.root.lineOf(key), key+".cert", "required with key and client_ca; name the PEM file of "+
			"the server's certificate")
	}
}

// isLoopback reports whether only this machine can reach host.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// warnOfGuarantees names what cannot keep the promise of exactly-once.
func (l *loader) warnOfGuarantees() {
	if l.job.Checkpoint.Mode != ExactlyOnce {
		return
	}
	for _, s := range l.job.Sources {
		if s.Config != nil && s.Config.Guarantee() != connectors.ExactlyOnce {
			key := join("sources", s.Name)
			l.warnf(l.root.lineOf(key), key, "%s gives %s: %s", s.Connector, s.Config.Guarantee(),
				meaning(s.Config.Guarantee()))
		}
	}
	for _, s := range l.allSinks() {
		if s.Config != nil && s.Config.Guarantee() != connectors.ExactlyOnce {
			key := sinkKey(s)
			l.warnf(l.root.lineOf(key), key, "%s gives %s: %s", s.Connector, s.Config.Guarantee(),
				meaning(s.Config.Guarantee()))
		}
	}
}

func meaning(g connectors.Guarantee) string {
	if g == connectors.AtMostOnce {
		return "records may be lost after a crash"
	}
	return "records may appear twice after a crash"
}

// allSinks returns the sinks, the one of dead letters included.
func (l *loader) allSinks() []Sink {
	if l.job.DeadLetter == nil {
		return l.job.Sinks
	}
	return append(slices.Clone(l.job.Sinks), *l.job.DeadLetter)
}

func sinkKey(s Sink) string {
	if s.Name == DeadLetterName {
		return DeadLetterName
	}
	return join("sinks", s.Name)
}

// oneOf checks that value is one of allowed.
func (l *loader) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) && !l.has(key) {
		l.addf(l.root.lineOf(key), key, "%s", unknown("value", value, allowed))
	}
}

// bounded checks that x lies in lo..hi, both included.
func bounded[T cmp.Ordered](l *loader, key string, x, lo, hi T) {
	if (x < lo || x > hi) && !l.has(key) {
		l.addf(l.root.lineOf(key), key, "want %v to %v, not %v", lo, hi, x)
	}
}

// joined lists words for a message.
func joined(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
