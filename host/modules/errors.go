package modules

import "strings"

// The settings of a [plugins.x] table that an Error can blame.
const (
	SettingPath      = "path"
	SettingSHA256    = "sha256"
	SettingSignature = "signature"
	SettingPublicKey = "public_key"
	SettingFetch     = "fetch"
	SettingToken     = "fetch.token"
	SettingPassword  = "fetch.password"
	SettingPlainHTTP = "fetch.plain_http"
	SettingTLS       = "fetch.tls"
	SettingCA        = "fetch.tls.ca"
	SettingModule    = "limits.module"
)

// An Error says why a module was not loaded, and what to do about it. Parse and Load return it.
// Nothing of the module was looked at.
type Error struct {
	Ref     string // as Reference.String shows it
	Setting string // of the plugin's table that is to blame, "sha256"
	Reason  string // what is wrong, to be read after Ref
	Remedy  string // what to do
	Err     error  // the cause, or nil; the text of Error does not repeat it
	// Passing says that the server or the way to it is the reason: it may be over by itself.
	Passing bool
}

// Error returns "oci://r.example/x:1: there is no such tag; correct path".
func (e *Error) Error() string {
	var b strings.Builder
	if e.Ref != "" {
		b.WriteString(e.Ref + ": ")
	}
	b.WriteString(e.Reason)
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// refuse returns an Error whose Ref is filled in later, by at.
func refuse(setting, reason, remedy string, err error) *Error {
	return &Error{Setting: setting, Reason: reason, Remedy: remedy, Err: err}
}

// passing is refuse for what may be over by itself.
func passing(reason, remedy string, err error) *Error {
	return &Error{Setting: SettingPath, Reason: reason, Remedy: remedy, Err: err, Passing: true}
}

// at names the reference that e is about, unless it names one.
func (e *Error) at(ref string) *Error {
	if e.Ref == "" {
		e.Ref = ref
	}
	return e
}
