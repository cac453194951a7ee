package conformance

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/guest"
)

func checkDescribe(b *bench) error {
	d, err := b.module.Describe(b.ctx)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(d, b.module.Description()) {
		return errors.New("a second instance describes itself differently")
	}
	in, err := b.module.Instantiate(b.ctx, guest.InstanceConfig{
		Config: b.config, Time: batchTime().UnixNano(),
	})
	if err != nil {
		return err
	}
	defer func() { _ = in.Close(b.ctx) }() // freeing memory cannot fail a guest
	// What holds for every reserve: aligned, in memory, and none too small or too large to ask for.
	for _, n := range []uint32{0, 1, 8, 100_000, 1 << 20, 10} {
		region, err := in.Reserve(b.ctx, n)
		if err != nil {
			return fmt.Errorf("reserving %d bytes: %w", n, err)
		}
		for i := range region {
			region[i] = 0xa5
		}
	}
	return nil
}

// checkRandom: the numbers follow from the record, not from the instance.
func checkRandom(b *bench) error {
	in := newBatch(texts("a", "b", "c", "d", "e", "f")...)
	var first []answer
	for _, m := range []mode{
		{"in frames of 2 records", 2, false}, {"with instances replaced", 2, true},
	} {
		got, err := b.run(m, in)
		if err != nil {
			return err
		}
		seen := map[string]int{}
		for i := range got {
			if len(got[i].records) != 1 {
				return fmt.Errorf("%s: record %d: made %d records; it must make 1",
					m.name, i, len(got[i].records))
			}
			v := string(got[i].records[0].Value)
			if raw, err := hex.DecodeString(v); err != nil || len(raw) != 16 {
				return fmt.Errorf("%s: record %d: %q is not 16 bytes in hexadecimal", m.name, i, v)
			}
			if j, ok := seen[v]; ok {
				return fmt.Errorf("%s: records %d and %d drew the same numbers", m.name, j, i)
			}
			seen[v] = i
			if first != nil && v != string(first[i].records[0].Value) {
				return fmt.Errorf("record %d: drew other numbers in a replay", i)
			}
		}
		first = got
	}
	return nil
}

// checkLog: what a record that fails logged is as if it had not been.
func checkLog(b *bench) error {
	in := newBatch(numbers(8)...)
	lines := []string{"INFO 0", "INFO 2", "INFO 4", "INFO 6"}
	for _, m := range modes() {
		b.log = &recorder{}
		got, err := b.run(m, in)
		if err != nil {
			return err
		}
		for i := range got {
			if odd(in.Records[i].Value) != (got[i].fault != nil) {
				return fmt.Errorf("%s: record %d: exactly records with odd values must fail", m.name, i)
			}
		}
		if !slices.Equal(lines, b.log.lines) {
			return fmt.Errorf("%s: logged %q; it must log %q", m.name, b.log.lines, lines)
		}
		if n := b.log.counted["logged"]; n != 4 {
			return fmt.Errorf("%s: counter logged is %g; it must be 4", m.name, n)
		}
	}
	return nil
}

// checkMetrics: numbers of all kinds arrive, but for those of records that fail.
func checkMetrics(b *bench) error {
	in := newBatch(numbers(8)...)
	for _, m := range modes() {
		b.log = &recorder{}
		if _, err := b.run(m, in); err != nil {
			return err
		}
		seen := b.log.observed["seen"]
		switch {
		case b.log.counted["sum"] != 12:
			return fmt.Errorf("%s: counter sum is %g; it must be 12", m.name, b.log.counted["sum"])
		case b.log.set["last"] != 6:
			return fmt.Errorf("%s: gauge last is %g; it must be 6", m.name, b.log.set["last"])
		case !slices.Equal(seen, []float64{0, 2, 4, 6}):
			return fmt.Errorf("%s: histogram seen observed %g; it must observe 0, 2, 4, 6",
				m.name, seen)
		}
	}
	return nil
}

// checkHoard: who has no memory left says so, and costs nobody else anything.
func checkHoard(b *bench) error {
	in := newBatch(texts("0", "1", "2")...)
	for _, m := range modes() {
		got, err := b.run(m, in)
		if err != nil {
			return err
		}
		for _, i := range []int{0, 2} {
			if d := diff(wantSame(&in.Records[i]), got[i]); d != "" {
				return fmt.Errorf("%s: record %d: %s", m.name, i, d)
			}
		}
		fault := got[1].fault
		if fault == nil {
			return fmt.Errorf("%s: record 1 did not fail; it must fail for want of memory", m.name)
		}
		text := strings.ToLower(fault.Text)
		if !strings.Contains(text, "memory") && !strings.Contains(text, "alloc") {
			return fmt.Errorf("%s: record 1: %s; the text must be about memory or allocation",
				m.name, failed(fault))
		}
	}
	return nil
}

func checkSettings(b *bench) error {
	for _, c := range []struct{ config, value string }{
		{`{}`, "times=1 loud=false"},
		{`{"loud":true,"greeting":"x","times":-12}`, "times=-12 loud=true"},
	} {
		b.config = json.RawMessage(c.config)
		err := expect(someWords, func(r *connectors.Record) answer {
			return makes(with(r, []byte(c.value)))
		})(b)
		if err != nil {
			return fmt.Errorf("with configuration %s: %w", c.config, err)
		}
	}
	return errors.Join(
		refuses(b, `{"times":"3"}`, "times"), refuses(b, `{"times":1.5}`, "times"),
		refuses(b, `{"loud":1}`, "loud"), refuses(b, `{"laud":true}`, "laud"))
}

func checkGreet(b *bench) error {
	for _, c := range []struct{ config, greeting string }{
		{`{}`, "hello "}, {`{"greeting":"h\u00ed, \n"}`, "h\u00ed, \n"},
	} {
		b.config = json.RawMessage(c.config)
		err := expect(someWords, func(r *connectors.Record) answer {
			return makes(with(r, append([]byte(c.greeting), r.Value...)))
		})(b)
		if err != nil {
			return fmt.Errorf("with configuration %s: %w", c.config, err)
		}
	}
	return errors.Join(refuses(b, `{"greeting":""}`, "greeting"),
		refuses(b, `{"greeting":[]}`, "greeting"))
}

// refuses checks that the guest refuses a configuration and names the field.
func refuses(b *bench, config, field string) error {
	in, err := b.module.Instantiate(b.ctx, guest.InstanceConfig{Config: json.RawMessage(config)})
	if err == nil {
		_ = in.Close(b.ctx) // freeing memory cannot fail a guest
		return fmt.Errorf("configuration %s was not refused", config)
	}
	var refusal *abi.ConfigError
	if !errors.As(err, &refusal) {
		return fmt.Errorf("configuration %s: %w", config, err)
	}
	if refusal.Field != field {
		return fmt.Errorf("configuration %s was refused naming field %q; it must be %q",
			config, refusal.Field, field)
	}
	if refusal.Message == "" {
		return fmt.Errorf("configuration %s was refused without a message", config)
	}
	return nil
}

func checkLines(b *bench) error {
	in := newBatch(texts("a\nb\n", "", "\n\nc", "no newline", "END", "d\ne")...)
	want := [][]string{{"a", "b"}, nil, {"c"}, {"no newline"}, nil, nil}
	for _, m := range modes() {
		got, err := b.run(m, in)
		if err != nil {
			return err
		}
		for i := range got {
			if d := diffLines(want[i], got[i]); d != "" {
				return fmt.Errorf("%s: record %d with value %s: %s",
					m.name, i, show(in.Records[i].Value), d)
			}
		}
	}
	return nil
}

func diffLines(want []string, got answer) string {
	if got.fault != nil {
		return failed(got.fault) + "; it must not fail"
	}
	var lines []string
	for _, r := range got.records {
		lines = append(lines, string(r.Value))
	}
	if !slices.Equal(want, lines) {
		return fmt.Sprintf("made %q; it must make %q", lines, want)
	}
	return ""
}

// anyFunction is the check of a function that is not in the kit: whatever it does, it does so in a
// new instance too.
func anyFunction(f abi.Function) Check {
	return Check{
		Name: "function " + f.Name, Group: GroupAny, Function: f.Name, Role: f.Role, run: checkReplace,
	}
}

func checkReplace(b *bench) error {
	in := newBatch(b.mixed(100)...)
	// Frames are cut alike, since randomness is keyed by the frame.
	want, err := b.run(mode{"in one instance", 5, false}, in)
	if err != nil {
		return err
	}
	got, err := b.run(mode{"with instances replaced at random", 5, true}, in)
	if err != nil {
		return err
	}
	for i := range want {
		if d := diff(want[i], got[i]); d != "" {
			return fmt.Errorf("a new instance answers differently: record %d with value %s: %s",
				i, show(in.Records[i].Value), d)
		}
	}
	return nil
}
