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
	query := url.Values{"op": {"RENAME"}, "destination": {to}}
	err = f.ask(ctx, http.MethodPut, from, query, func(base string, status int, body []byte) error {
		renamed, err = parseRename(base, status, body)
		return err
	})
	return renamed, err
}

// checkAccess asks whether the user may use p in every way that action names, such as "-wx".
func (f *FileSystem) checkAccess(ctx context.Context, p, action string) error {
	query := url.Values{"op": {"CHECKACCESS"}, "fsaction": {action}}
	return f.ask(ctx, http.MethodGet, p, query, func(base string, status int, body []byte) error {
		if status == http.StatusOK {
			return nil
		}
		_, err := parseRename(base, status, body)
		return err
	})
}

// ask sends one request to the NameNodes until one answers that is active, and gives the answer to
// read.
func (f *FileSystem) ask(
	ctx context.Context, method, p string, query url.Values,
	read func(base string, status int, body []byte) error,
) error {
	if f.kerberos == nil {
		query.Set("user.name", f.user)
	}
	return f.meta(ctx, "asking WebHDFS for "+p, func(*hdfsclient.Client, bool) error {
		var failures []error
		for _, base := range f.options.WebHDFS {
			status, body, err := f.askAt(ctx, method, base, p, query)
			if err == nil {
				err = read(base, status, body)
			}
			if err == nil || !isAway(err) {
				return err
			}
			failures = append(failures, err) // the standby of a pair, or one that is down
		}
		return errors.Join(failures...)
	})
}

func (f *FileSystem) askAt(
	ctx context.Context, method, base, p string, query url.Values,
) (status int, body []byte, err error) {
	target := strings.TrimSuffix(base, "/") + (&url.URL{Path: "/webhdfs/v1" + p}).EscapedPath() +
		"?" + query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, target, http.NoBody)
	if err != nil {
		return 0, nil, fmt.Errorf("asking WebHDFS: %w", err)
	}
	if f.kerberos != nil {
		if err := f.kerberos.authorize(req); err != nil {
			return 0, nil, err
		}
	}
	resp, err := f.web.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return 0, nil, ctx.Err()
		}
		return 0, nil, fmt.Errorf("asking WebHDFS: %w", err)
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return 0, nil, fmt.Errorf("reading the answer of WebHDFS: %w", err)
	}
	return resp.StatusCode, body, nil
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
