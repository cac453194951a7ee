package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"github.com/wasmflow/wasmflow/connectors"
)

// runFileVersion is the version of the run file's form.
const runFileVersion = 1

// RunFile is how a client finds the server of a job: the engine keeps it in the job's private
// store while the server listens.
type RunFile struct {
	Address string            // host:port on Host
	Token   connectors.Secret // drawn by the server; zero when the job file sets one
	Host    string            // machine the job runs on
	PID     int
	// Certificate is the fingerprint of the server's certificate, for PinnedTLS; empty without TLS.
	Certificate string
}

// runFileBody is the JSON of a run file.
type runFileBody struct {
	Version int    `json:"version"`
	Address string `json:"address"`
	Token   string `json:"token,omitempty"`
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	Pinned  string `json:"certificate_sha256,omitempty"`
}

// Marshal returns the content of the file. It names the token: whoever may read the file may stop
// the job.
func (f RunFile) Marshal() ([]byte, error) {
	data, err := json.Marshal(runFileBody{
		runFileVersion, f.Address, f.Token.Reveal(), f.Host, f.PID, f.Certificate,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the run file: %w", err)
	}
	return append(data, '\n'), nil
}

// ParseRunFile decodes the content of a run file.
func ParseRunFile(data []byte) (RunFile, error) {
	var body runFileBody
	if err := json.Unmarshal(data, &body); err != nil {
		// The decoder's own words may quote the token (A5).
		return RunFile{}, errors.New("decoding the run file: not the JSON of a run file")
	}
	if body.Version != runFileVersion {
		return RunFile{}, fmt.Errorf("decoding the run file: version %d, this program knows %d",
			body.Version, runFileVersion)
	}
	if _, _, err := net.SplitHostPort(body.Address); err != nil {
		return RunFile{}, fmt.Errorf("decoding the run file: address %q is not host:port",
			body.Address)
	}
	return RunFile{
		Address: body.Address, Token: connectors.NewSecret(body.Token), Host: body.Host, PID: body.PID,
		Certificate: body.Pinned,
	}, nil
}
