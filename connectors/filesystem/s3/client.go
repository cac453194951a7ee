package s3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	client "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

const (
	// dialMax bounds the opening of a connection, and of TLS on it.
	dialMax = 5 * time.Second
	// headerMax bounds the wait for the beginning of an answer.
	headerMax = 60 * time.Second
	// callMax bounds a call that carries little. Completing an upload of ten thousand parts takes
	// Amazon minutes, while it sends blanks.
	callMax = 5 * time.Minute
	// partMax bounds the upload of one part: 17 kB a second are not worth waiting for.
	partMax = 5 * time.Minute
	// attemptsMax is how often the library does a request by itself, with pauses of attemptPauseMax at
	// most: for a blink of the network, and for a clock that is off.
	attemptsMax     = 3
	attemptPauseMax = 200 * time.Millisecond
	// firstMax bounds the wait for a server that has never answered: more likely its address is
	// wrong than that it is starting.
	firstMax = 6 * time.Second
	// awayMax bounds the wait for a server that was there before. A longer absence ends the attempt,
	// and the job's restart strategy goes on waiting.
	awayMax = 2 * time.Minute
	// Pauses between two tries.
	pauseMin = 50 * time.Millisecond
	pauseMax = 2 * time.Second
	// connectionsMax bounds the idle connections that are kept: parts of all tasks share them.
	connectionsMax = 64
	// transportBytes is the buffer of a connection in each direction.
	transportBytes = 64 << 10
)

// connect makes the client of the library, whose calls are watched. It sends nothing.
func connect(o Options) *client.Client {
	return client.NewFromConfig(o.Config, func(c *client.Options) {
		if c.Region == "" {
			c.Region = regionDefault
		}
		c.UsePathStyle = o.Addressing == ByPath || o.Addressing == "" && c.BaseEndpoint != nil
		c.HTTPClient = httpClient(c.HTTPClient)
		c.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts, r.MaxBackoff = attemptsMax, attemptPauseMax
			r.RateLimiter = ratelimit.None // the bounds above are enough
		})
		// Bodies are signed with their digest, which every server checks. The trailing checksums
		// that Amazon's understands besides are refused by some.
		c.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		c.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		// The address is known only here: the environment may say it.
		watch := watched(filesystem.NewWaits(o.Logger, "the S3 server",
			serverOf(c.BaseEndpoint, c.Region)))
		c.APIOptions = append(c.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(watch, middleware.After)
		})
	})
}

// httpClient sets the bounds of connections. What the configuration says of certificates stays.
func httpClient(configured client.HTTPClient) client.HTTPClient {
	b, ok := configured.(*awshttp.BuildableClient)
	if !ok {
		b = awshttp.NewBuildableClient()
	}
	return b.WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialMax }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout, t.ResponseHeaderTimeout = dialMax, headerMax
			t.MaxIdleConns, t.MaxIdleConnsPerHost = connectionsMax, connectionsMax
			t.ReadBufferSize, t.WriteBufferSize = transportBytes, transportBytes
		})
}

// watched tells waits of every call: one that goes unanswered, and one that fails because the server
// is away. Whoever gave a call up has learned nothing of the server.
func watched(waits *filesystem.Waits) middleware.InitializeMiddleware {
	return middleware.InitializeMiddlewareFunc("wasmflow/waits", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (out middleware.InitializeOutput, meta middleware.Metadata, err error) {
		call := awsmiddleware.GetOperationName(ctx)
		done := waits.Begin(call)
		out, meta, err = next.HandleInitialize(ctx, in)
		done()
		switch {
		case err != nil && isAway(err):
			if !errors.Is(ctx.Err(), context.Canceled) {
				waits.Failed(call, err)
			}
		case ctx.Err() == nil:
			waits.Answered()
		}
		return out, meta, err
	})
}

// do calls try until it succeeds or fails for another reason than that the server is away. Each
// call ends after callMax. again tells try that an earlier call may have been carried out (O4).
func (f *FileSystem) do(
	ctx context.Context, callMax time.Duration, try func(ctx context.Context, again bool) error,
) error {
	return f.persist(ctx, func(again bool) error {
		calling, cancel := context.WithTimeout(ctx, callMax)
		defer cancel()
		if err := f.meet(calling); err != nil {
			return err
		}
		return try(calling, again)
	})
}

// persist repeats try while the server is away.
func (f *FileSystem) persist(ctx context.Context, try func(again bool) error) error {
	if f.closed.Load() {
		return errClosed
	}
	bound := firstMax
	if f.met.Load() {
		bound = awayMax
	}
	waiting, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	pause := pauseMin
	for again := false; ; again = true {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := try(again)
		if err == nil {
			return nil
		}
		if cause := ctx.Err(); cause != nil {
			return fmt.Errorf("%w: %w", cause, err)
		}
		if !isAway(err) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-waiting.Done():
			timer.Stop()
			if ctx.Err() != nil {
				return fmt.Errorf("%w while waiting for %s: %w", ctx.Err(), f.server(), err)
			}
			return &awayError{bound, f.server(), err}
		}
		pause = min(2*pause, pauseMax)
	}
}

// awayError is what a call ends with that has waited long enough.
type awayError struct {
	waited time.Duration
	server string
	err    error
}

func (e *awayError) Error() string { return e.say(e.err) }

func (e *awayError) say(err error) string {
	return fmt.Sprintf("waited %s for %s: %v", e.waited, e.server, err)
}

func (e *awayError) Unwrap() error { return e.err }

// meet asks for the bucket before anything else is asked: an answer to that says in words what is
// wrong, where those to other calls have no body. Who may not list may still read or write.
func (f *FileSystem) meet(ctx context.Context) error {
	if f.met.Load() {
		return nil
	}
	_, err := f.client.ListObjectsV2(ctx, &client.ListObjectsV2Input{
		Bucket: &f.bucket, MaxKeys: aws.Int32(1),
	})
	if err != nil && codeOf(err) != codeAccessDenied {
		return &meetError{err}
	}
	f.met.Store(true)
	return nil
}

// meetError is why the bucket could not be asked for at all.
type meetError struct{ err error }

func (e *meetError) Error() string { return e.err.Error() }
func (e *meetError) Unwrap() error { return e.err }

// server names the server for people.
func (f *FileSystem) server() string {
	o := f.client.Options()
	return serverOf(o.BaseEndpoint, o.Region)
}

func serverOf(endpoint *string, region string) string {
	if endpoint != nil {
		return *endpoint
	}
	return "Amazon S3 in " + region
}

// isMeeting tells errors of the bucket from those of an object in it.
func isMeeting(err error) bool {
	var m *meetError
	return errors.As(err, &m)
}
