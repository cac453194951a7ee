package filesystem

// Explained is an error of a server in words for people. It wraps what the server said and, where
// there is one, a sentinel of this package.
type Explained struct {
	text          string
	err, sentinel error
}

// Explain returns err in other words. sentinel may be nil.
func Explain(text string, err, sentinel error) *Explained { return &Explained{text, err, sentinel} }

// Error implements error.
func (e *Explained) Error() string { return e.text }

// Unwrap returns what the error is, too.
func (e *Explained) Unwrap() []error {
	if e.sentinel == nil {
		return []error{e.err}
	}
	return []error{e.sentinel, e.err}
}
