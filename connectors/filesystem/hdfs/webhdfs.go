package hdfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	hdfsclient "github.com/colinmarc/hdfs/v2"
)

// answerBytesMax bounds an answer of WebHDFS, which is a line or a stack trace.
const answerBytesMax = 1 << 20

// remoteError is an exception that WebHDFS answered.
type remoteError struct {
	Exception string `json:"exception"`
	Message   string `json:"message"`
}

func (e *remoteError) Error() string { return e.Exception + ": " + e.Message }

// renameExclusive gives the file from the name to unless that is taken, which the client library
// cannot do. It is false for a taken name and for a missing file.
func (f *FileSystem) renameExclusive(
	ctx context.Context, from, to string,
) (renamed bool, err error) {
	err = f.meta(ctx, func(*hdfsclient.Client, bool) error {
		var failures []error
		for _, base := range f.options.WebHDFS {
			renamed, err = f.renameAt(ctx, base, from, to)
			if err == nil || !isAway(err) {
				return err
			}
			failures = append(failures, err) // the standby of a pair, or one that is down
		}
		return errors.Join(failures...)
	})
	return renamed, err
}

func (f *FileSystem) renameAt(ctx context.Context, base, from, to string) (bool, error) {
	query := url.Values{"op": {"RENAME"}, "destination": {to}}
	if f.kerberos == nil {
		query.Set("user.name", f.user)
	}
	target := strings.TrimSuffix(base, "/") + (&url.URL{Path: "/webhdfs/v1" + from}).EscapedPath() +
		"?" + query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, target, http.NoBody)
	if err != nil {
		return false, fmt.Errorf("asking WebHDFS: %w", err)
	}
	if f.kerberos != nil {
		if err := f.kerberos.authorize(req); err != nil {
			return false, err
		}
	}
	resp, err := f.web.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		return false, fmt.Errorf("asking WebHDFS: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return false, fmt.Errorf("reading the answer of WebHDFS: %w", err)
	}
	return parseRename(base, resp.StatusCode, body)
}

// parseRename reads the answer to a rename.
func parseRename(base string, status int, body []byte) (bool, error) {
	var answer struct {
		Boolean         *bool        `json:"boolean"`
		RemoteException *remoteError `json:"RemoteException"`
	}
	err := json.Unmarshal(body, &answer)
	switch {
	case err == nil && answer.RemoteException != nil:
		return false, answer.RemoteException
	case err == nil && answer.Boolean != nil && status == http.StatusOK:
		return *answer.Boolean, nil
	}
	return false, fmt.Errorf("asking WebHDFS at %s: it answers %d %s, which is none of WebHDFS; "+
		"name the HTTP address of the NameNode", base, status, http.StatusText(status))
}
