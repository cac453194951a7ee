package s3

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// Scheme is the URL scheme of objects in S3.
const Scheme = "s3"

// regionDefault is what other servers than Amazon's mostly go by. Amazon names the right region
// when it is wrong.
const regionDefault = "us-east-1"

// addressingVariable says how the bucket is named in requests.
const addressingVariable = "WASMFLOW_S3_ADDRESSING"

// Addressing is how requests name the bucket.
type Addressing string

// The kinds of addressing.
const (
	// ByPath is https://host/bucket/key: what servers other than Amazon's understand without a name
	// for every bucket. It is the default where an endpoint is given.
	ByPath Addressing = "path"
	// ByHost is https://bucket.host/key, the default for Amazon's own endpoints.
	ByHost Addressing = "host"
)

// Options say which bucket a FileSystem is and how to speak to its server.
type Options struct {
	Bucket string
	// Config holds region, credentials and, as BaseEndpoint, the address of the server. Without an
	// address the server is Amazon's.
	Config aws.Config
	// Addressing is empty for the default.
	Addressing Addressing
	// Logger is told when calls wait for the server, and when it is back; nil is nobody.
	Logger *slog.Logger
}

// Reference says for the reference page how jobs find buckets.
const Reference = "`s3://bucket/path` or `s3://profile@bucket/path` is a place in S3 or on a server " +
	"that speaks its protocol: for sources, the bucketing sink, plugins and the checkpoint store. What " +
	"a URL does not say comes from where Amazon's own programs look: variables of the environment, " +
	"`~/.aws/config`, `~/.aws/credentials` and the role of the machine.\n\n" +
	"| variable, or key of a profile | meaning |\n|---|---|\n" +
	"| `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`; " +
	"`aws_access_key_id`, `credential_process`, `role_arn`, `sso_session` | who acts |\n" +
	"| `AWS_REGION`, `region` | region of the bucket; by default " + regionDefault + " |\n" +
	"| `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, `endpoint_url` | address of another server than " +
	"Amazon's |\n" +
	"| `" + addressingVariable + "` | `path` for https://host/bucket/key, `host` for " +
	"https://bucket.host/key; by default `path` where an address is given |\n" +
	"| `AWS_PROFILE` | profile of URLs that name none; two servers in one job are two profiles |\n" +
	"| `AWS_CA_BUNDLE`, `ca_bundle` | PEM file of the authorities that certificates may come from |\n"

// Split returns the authority and the path of a URL. The path is taken as it stands: it may be a
// glob, and keys may hold a percent sign.
func Split(location string) (authority, p string, err error) {
	rest, ok := strings.CutPrefix(location, Scheme+"://")
	if !ok {
		return "", "", fmt.Errorf("location %q is no URL; write s3://bucket/path", location)
	}
	authority, p, ok = strings.Cut(rest, "/")
	if !ok || authority == "" || strings.ContainsRune(p, 0) {
		return "", "", fmt.Errorf("location %q names no bucket and path; write s3://bucket/path",
			location)
	}
	return authority, path.Clean("/" + p), nil
}

// FromEnvironment returns the options of the bucket that the authority of a URL names, completed
// from the environment and the files of Amazon's programs. lookup finds the variable that those do
// not know.
func FromEnvironment(
	ctx context.Context, lookup func(string) (string, bool), authority string,
) (Options, error) {
	profile, bucket, named := strings.Cut(authority, "@")
	if !named {
		profile, bucket = "", authority
	}
	var load []func(*config.LoadOptions) error
	if profile != "" {
		load = append(load, config.WithSharedConfigProfile(profile))
	}
	c, err := config.LoadDefaultConfig(ctx, load...)
	var missing config.SharedConfigProfileNotExistError
	if errors.As(err, &missing) {
		return Options{}, fmt.Errorf("there is no profile %q in ~/.aws/config or "+
			"~/.aws/credentials; correct the URL or AWS_PROFILE", missing.Profile)
	}
	if err != nil {
		return Options{}, fmt.Errorf("reading Amazon's configuration: %w", err)
	}
	o := Options{Bucket: bucket, Config: c}
	if text, ok := lookup(addressingVariable); ok {
		o.Addressing = Addressing(text)
	}
	return o, nil
}

func (o *Options) validate() error {
	switch o.Addressing {
	case "", ByPath, ByHost:
	default:
		return fmt.Errorf("%s is %q; write path or host", addressingVariable, o.Addressing)
	}
	if o.Bucket == "" || strings.ContainsAny(o.Bucket, "@/:") {
		return fmt.Errorf("%q is no name of a bucket; write s3://bucket/path", o.Bucket)
	}
	return nil
}
