package config

import (
	"github.com/wasmflow/wasmflow/connectors"
)

// CrashPolicy says what happens once a plugin has spent its crash budget.
type CrashPolicy string

// The policies.
const (
	CrashFail       CrashPolicy = "fail"
	CrashDeadLetter CrashPolicy = "dead-letter"
	CrashPass       CrashPolicy = "pass"
)

// CrashBudget bounds how often a plugin may trap.
type CrashBudget struct {
	Traps  int                 `toml:"traps" doc:"So many traps of the plugin, in all tasks, within that time spend its crash budget: code that failed, limits that were passed, deadlines that were missed. What a plugin refuses in an orderly way is no trap. 0 is no budget."`
	Within connectors.Duration `toml:"within" doc:"Window of time in which traps are counted."`
	Policy CrashPolicy         `toml:"policy" doc:"What a spent budget does, until another version of the plugin is swapped in or the job is started again: fail ends the job; dead-letter sends every record to the dead letters, whatever on_error says, and pass hands every record on as it is, both without calling the plugin. pass is for transforms only."`
}

func (l *loader) checkCrashBudget(b *CrashBudget, key string) {
	bounded(l, key+".traps", b.Traps, 0, crashTrapsMax)
	bounded(l, key+".within", b.Within, duration(guestTimeMin), duration(crashWithinMax))
	policy := key + ".policy"
	l.oneOf(policy, string(b.Policy), string(CrashFail), string(CrashDeadLetter), string(CrashPass))
	if b.Policy == CrashDeadLetter && l.root.table[DeadLetterName] == nil {
		l.addf(l.root.lineOf(policy), policy, "\"dead-letter\" needs a sink; add a [dead_letter] table")
	}
}

// checkCrashPolicies refuses policies for which a plugin works in the wrong places.
func (l *loader) checkCrashPolicies() {
	for i := range l.job.Plugins {
		p := &l.job.Plugins[i]
		policy := join("plugins", p.Name) + ".crash_budget.policy"
		switch p.CrashBudget.Policy {
		case CrashPass:
			for _, at := range l.job.rolesOf(p.Name) {
				l.addf(l.root.lineOf(policy), policy, "only a transform can hand records on as they are, "+
					"and the plugin is also %s; choose fail or dead-letter", at)
			}
		case CrashDeadLetter:
			if d := l.job.DeadLetter; d != nil && len(sinkRolesOf(d, DeadLetterName, p.Name)) > 0 {
				l.addf(l.root.lineOf(policy), policy, "the dead letters need the plugin themselves; "+
					"choose fail, or write them without it")
			}
		}
	}
}

// rolesOf lists the keys at which the job names plugin for something else than a transform.
func (j *Job) rolesOf(plugin string) []string {
	var at []string
	for i := range j.Sources {
		if s := &j.Sources[i]; s.Deserializer.Plugin == plugin {
			at = append(at, join("sources", s.Name)+".deserializer")
		}
	}
	for i := range j.Sinks {
		at = append(at, sinkRolesOf(&j.Sinks[i], join("sinks", j.Sinks[i].Name), plugin)...)
	}
	if j.DeadLetter != nil {
		at = append(at, sinkRolesOf(j.DeadLetter, DeadLetterName, plugin)...)
	}
	return at
}

// sinkRolesOf is rolesOf for one sink, which stands at key.
func sinkRolesOf(s *Sink, key, plugin string) []string {
	var at []string
	if s.Serializer.Plugin == plugin {
		at = append(at, key+".serializer")
	}
	if s.Partitioner.Plugin == plugin {
		at = append(at, key+".partitioner")
	}
	if b, ok := s.Config.(connectors.Bucketed); ok {
		if ref, guest := b.BucketerRef(); guest && ref.Plugin == plugin {
			at = append(at, key+".bucketer")
		}
	}
	return at
}
