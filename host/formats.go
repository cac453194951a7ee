package host

import (
	"context"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/config"
)

// sourceContext says for which source a built-in function is opened.
func (e *Engine) sourceContext(jobID string, s *config.Source) connectors.FunctionContext {
	fc := connectors.FunctionContext{Env: e.env(jobID, s.Name)}
	if p, ok := s.Config.(connectors.Placer); ok {
		fc.Place = p.Place
	}
	return fc
}

// sinkContext is the same for a sink.
func (e *Engine) sinkContext(jobID string, s *config.Sink) connectors.FunctionContext {
	fc := connectors.FunctionContext{Env: e.env(jobID, s.Name)}
	if t, ok := s.Config.(connectors.TopicNamer); ok {
		fc.Topic = t.DefaultTopic()
	}
	return fc
}

// checkFormats has every built-in function look at the files it is configured with. All problems
// are in the error, a *config.Error.
func (e *Engine) checkFormats(ctx context.Context) error {
	job := e.cfg.Job
	var errs []error
	for _, f := range job.Formats() {
		checker, ok := f.Ref.Options.(connectors.FileChecker)
		if !ok {
			continue
		}
		var problems connectors.Problems
		checker.CheckFiles(ctx, e.env("", f.Name), &problems)
		for _, p := range problems.List {
			errs = append(errs, job.Refuse(f.Key+"."+p.Key, p.Text))
		}
	}
	return joinProblems(errs)
}
