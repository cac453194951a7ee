package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// Codes of errors that are told apart.
const (
	codeAccessDenied   = "AccessDenied"
	codeNoSuchUpload   = "NoSuchUpload"
	codeInvalidPart    = "InvalidPart"
	codeInvalidRange   = "InvalidRange"
	codeNotImplemented = "NotImplemented"
	codePrecondition   = "PreconditionFailed"
	codeNoCredentials  = "NoCredentials" // our own
)

// errClosed is what a call after Close gets.
var errClosed = errors.New("file system is closed")

// errCut is an answer that ends before it says what came of the call: the outcome is unknown (O4).
var errCut = fmt.Errorf("the answer is cut short: %w", io.ErrUnexpectedEOF)

// wrap says what was being done to which object. What heals by itself is marked retryable.
func (f *FileSystem) wrap(doing, p string, err error) error {
	if err == nil {
		return nil
	}
	out := fmt.Errorf("%s %s://%s%s: %w", doing, Scheme, f.bucket, p, f.explain(err))
	if isAway(err) || f.hadCredentials(err) {
		return connectors.Retryable(out)
	}
	return out
}

// hadCredentials tells credentials that cannot be renewed from those that were never there: whoever
// gives them out is away.
func (f *FileSystem) hadCredentials(err error) bool {
	return codeOf(err) == codeNoCredentials && f.met.Load()
}

// explain finds the sentinel of err and words for what the server answered.
func (f *FileSystem) explain(err error) error {
	var already *filesystem.Explained
	if errors.As(err, &already) || errors.Is(err, context.Canceled) {
		return err
	}
	var away *awayError
	if errors.As(err, &away) {
		return filesystem.Explain(away.say(f.explain(away.err)), err, nil)
	}
	code := codeOf(err)
	if text, sentinel := f.words(code, err); text != "" {
		return filesystem.Explain(text, err, sentinel)
	}
	if text := connectionWords(err); text != "" {
		return filesystem.Explain(fmt.Sprintf("%s at %s; check AWS_ENDPOINT_URL_S3 and the network", text,
			f.server()), err, nil)
	}
	if code != "" {
		return filesystem.Explain(code+": "+messageOf(err), err, nil)
	}
	return err
}

// words returns what a code means here and what to do about it.
func (f *FileSystem) words(code string, err error) (text string, sentinel error) {
	switch code {
	case "NoSuchBucket":
		return fmt.Sprintf("there is no bucket %q at %s; correct the path, or make the bucket",
			f.bucket, f.server()), nil
	case "InvalidBucketName":
		return fmt.Sprintf("%q is no name of a bucket; correct the path", f.bucket), nil
	case "NoSuchKey", "NotFound":
		if isMeeting(err) {
			return fmt.Sprintf("%s knows no bucket %q; correct the path or AWS_ENDPOINT_URL_S3",
				f.server(), f.bucket), nil
		}
		return "no such object", filesystem.ErrNotFound
	case codeNoCredentials:
		if f.hadCredentials(err) {
			return fmt.Sprintf("the credentials cannot be renewed: %v", err), nil
		}
		return "no credentials are found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or " +
			"AWS_PROFILE", filesystem.ErrReadOnly
	case "InvalidAccessKeyId", "XAdminUserNotFound":
		return fmt.Sprintf("%s does not know the access key; correct AWS_ACCESS_KEY_ID or the profile",
			f.server()), filesystem.ErrReadOnly
	case "SignatureDoesNotMatch":
		return "the secret key does not belong to the access key; correct AWS_SECRET_ACCESS_KEY or the " +
			"profile", filesystem.ErrReadOnly
	case "ExpiredToken", "TokenRefreshRequired", "InvalidToken":
		return "the session's token has expired or is not valid; renew AWS_SESSION_TOKEN",
			filesystem.ErrReadOnly
	case "RequestTimeTooSkewed", "RequestExpired":
		return fmt.Sprintf("the clock of this machine and that of %s differ too much; set this "+
			"machine's", f.server()), filesystem.ErrReadOnly
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException",
		"AuthorizationQueryParametersError", "MovedPermanently":
		return fmt.Sprintf("bucket %q is not in region %s%s; set AWS_REGION", f.bucket,
			f.client.Options().Region, regionHint(err)), nil
	case codeAccessDenied, "Forbidden", "AllAccessDisabled", "AccountProblem", "MethodNotAllowed":
		if off := clockOff(err, time.Now()); code == "Forbidden" && off > clockOffMax {
			return fmt.Sprintf("the clock of this machine and that of %s differ by %s; set this "+
				"machine's", f.server(), off.Truncate(time.Second)), filesystem.ErrReadOnly
		}
		return "permission denied" + doneBy(err) + "; grant the right, or use other credentials",
			filesystem.ErrReadOnly
	case "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage":
		return "the bucket or its server is full: " + messageOf(err), filesystem.ErrNoSpace
	}
	return "", nil
}

// clockOffMax is from where on servers refuse a request for its time.
const clockOffMax = 15 * time.Minute

// clockOff returns how far the server's clock is from now. The answer to a HEAD has no body that
// says why the request was refused; every answer has a date.
func clockOff(err error, now time.Time) time.Duration {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil {
		return 0
	}
	at, parsed := http.ParseTime(response.Response.Header.Get("Date"))
	if parsed != nil {
		return 0
	}
	return now.Sub(at).Abs()
}

// doneBy names the call that was refused: rights are granted by such names.
func doneBy(err error) string {
	var operation *smithy.OperationError
	if !errors.As(err, &operation) {
		return ""
	}
	switch name := operation.Operation(); name {
	case "HeadObject":
		return " to s3:GetObject or s3:ListBucket" // without the second a missing key is denied
	case "ListObjectsV2":
		return " to s3:ListBucket"
	case "CopyObject":
		return " to s3:GetObject or s3:PutObject"
	case "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload":
		return " to s3:PutObject"
	case "ListMultipartUploads":
		return " to s3:ListBucketMultipartUploads"
	default:
		return " to s3:" + name
	}
}

// regionHint returns the region that the server named, if it did.
func regionHint(err error) string {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.Response != nil {
		if region := response.Response.Header.Get("X-Amz-Bucket-Region"); region != "" {
			return " but in " + region
		}
	}
	return ""
}

// codeOf returns the code of the server's answer, or "" where there was none.
func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() != "UnknownError" {
		return api.ErrorCode()
	}
	switch statusOf(err) {
	case http.StatusForbidden:
		return "Forbidden"
	case http.StatusNotFound:
		return "NotFound"
	case http.StatusMovedPermanently:
		return "MovedPermanently"
	case http.StatusPreconditionFailed:
		return codePrecondition
	case http.StatusInsufficientStorage:
		return "InsufficientStorage"
	}
	// The library has no type for this one.
	if err != nil && strings.Contains(err.Error(), "get credentials") {
		return codeNoCredentials
	}
	return ""
}

func messageOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorMessage() != "" {
		return api.ErrorMessage()
	}
	return err.Error()
}

// statusOf returns the status of the server's answer, or 0.
func statusOf(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// isNotFound tells that an object is not there. A missing bucket is another matter.
func isNotFound(err error) bool {
	code := codeOf(err)
	return (code == "NoSuchKey" || code == "NotFound") && !isMeeting(err)
}

// isAway tells errors of a server that is away, starting or busy: the same call may succeed in a
// while.
func isAway(err error) bool {
	switch codeOf(err) {
	case "SlowDown", "RequestTimeout", "OperationAborted", "ConditionalRequestConflict",
		"TooManyRequests", "Throttling", "ThrottlingException":
		return true
	case codeNoCredentials, "InsufficientStorage", "XMinioStorageFull", "QuotaExceeded":
		return false
	}
	switch status := statusOf(err); {
	case status == http.StatusNotImplemented:
		return false
	case status >= http.StatusInternalServerError, status == http.StatusTooManyRequests:
		return true
	case status != 0 && status != http.StatusOK:
		return false
	}
	return connectionWords(err) != "" && !isCertificate(err)
}

// connectionWords says why there was no whole answer; "" is that there was one.
func connectionWords(err error) string {
	var network net.Error
	var unreachable *net.DNSError
	switch {
	case errors.As(err, &unreachable):
		return "no host " + unreachable.Name
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused: nobody listens"
	case isCertificate(err):
		return "no trusted certificate"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &network) && network.Timeout():
		return "no answer in time"
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE):
		return "the connection broke"
	}
	var sent *smithyhttp.RequestSendError
	if errors.As(err, &sent) {
		return "no connection"
	}
	return ""
}

// isCertificate tells connections that fail for what the server shows, which time does not mend.
func isCertificate(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &certificate) || errors.As(err, &record) ||
		err != nil && strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}
