package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// tooLarge is how to write records that are larger than a broker takes.
	tooLarge = "raise the topic's max.message.bytes, or lower batch_bytes_max"
	// tooOld is what helps with brokers that do not know what they are asked for.
	tooOld = "the brokers are too old for this: name newer ones in brokers"
)

// refusals are the errors of a broker that a person has to mend, the key of the connector's table
// that is to blame, if it is one for certain, and how.
var refusals = [...]struct {
	err    error
	key    string
	remedy string
}{
	{kerr.TopicAuthorizationFailed, "",
		"let the user of this job use the topic, or log in as another one (sasl, tls.cert)"},
	{kerr.GroupAuthorizationFailed, "group",
		"let the user of this job use the group, or set another group"},
	{kerr.ClusterAuthorizationFailed, "",
		"let the user of this job write idempotently, or set idempotence = false"},
	{kerr.TransactionalIDAuthorizationFailed, "", "let the user of this job use the transactional id " +
		"for writing and describing, or log in as another one (sasl, tls.cert)"},
	{kerr.InvalidTransactionTimeout, "transaction_timeout", "the brokers' transaction.max.timeout.ms is below " +
		"transaction_timeout; lower the one or raise the other"},
	{kerr.SaslAuthenticationFailed, "sasl",
		"check sasl.mechanism, sasl.username and sasl.password, or the token"},
	{kerr.UnsupportedSaslMechanism, "sasl.mechanism", "set sasl.mechanism to one that the brokers take"},
	{kerr.IllegalSaslState, "", "the brokers want another kind of login: check sasl and the port"},
	{kerr.SecurityDisabled, "", "the brokers check no rights"},
	{kerr.UnsupportedVersion, "", tooOld},
	{kerr.UnsupportedForMessageFormat, "", "the topic keeps records in a format that is too old for this"},
	{kerr.InvalidTopicException, "", "check the topic's name"},
	{kerr.InvalidReplicationFactor, "create_topic.replication", "lower the replication to what the cluster can keep"},
	{kerr.InvalidPartitions, "create_topic.partitions", "check the partitions"},
	{kerr.InvalidConfig, "create_topic.configs", "check the configs"},
	{kerr.PolicyViolation, "", "the cluster has a rule against it"},
	{kerr.InvalidGroupID, "group", "check group"},
	{kerr.MessageTooLarge, "batch_bytes_max", tooLarge},
	{kerr.RecordListTooLarge, "batch_bytes_max", tooLarge},
}

// classify marks err with what the engine is to do about it and, where a person has to mend it,
// adds how. A nil err stays nil, and what is marked stays as it is.
func classify(err error) error {
	if err == nil || connectors.Classify(err) == connectors.Fatal {
		return err
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return refusal(r.key, err, r.remedy)
		}
	}
	if strings.Contains(err.Error(), "broker is too old") { // the client has no error for it
		return refusal("brokers", err, tooOld)
	}
	if text := distrust(err); text != "" {
		return connectors.Permanent(fmt.Errorf("%w; %s", err, text))
	}
	var network *net.OpError
	if kerr.IsRetriable(err) || kgo.IsRetryableBrokerErr(err) || errors.As(err, &network) {
		return connectors.Retryable(err)
	}
	return err
}

// refusal is a permanent error with its remedy. What blames a key already goes on blaming that one.
func refusal(key string, err error, remedy string) error {
	var at *connectors.KeyError
	err = fmt.Errorf("%w; %s", err, remedy)
	if key != "" && !errors.As(err, &at) {
		err = connectors.AtKey(key, err)
	}
	return connectors.Permanent(err)
}

// remoteError is the operation of a network error by which crypto/tls says that the other side
// ended the handshake.
const remoteError = "remote error"

// distrust returns what to mend when the two ends did not come to a common TLS.
func distrust(err error) string {
	var certificate *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var network *net.OpError
	switch {
	case errors.As(err, &certificate):
		return "set tls.ca to the authority that signed the broker's certificate, and tls.server_name " +
			"when that bears another name than the address"
	case errors.As(err, &network) && network.Op == remoteError:
		return "the broker refuses this client: check tls.cert and tls.key"
	case errors.As(err, &header):
		return "the broker speaks no TLS at this port: check tls and the port"
	case strings.Contains(err.Error(), "speaking to a tls endpoint"): // the client's own guess
		return "check tls and the port"
	}
	return ""
}

// asked names the brokers of an error.
func asked(brokers []string, err error) error {
	if err == nil {
		return nil
	}
	var network *net.OpError
	hint, dialed := "", errors.As(err, &network) && network.Op == "dial"
	switch {
	case dialed:
		hint = "; correct the address, or see that the brokers run and can be reached from here"
	case errors.Is(err, io.EOF):
		// Brokers hang up on a client that speaks TLS to a plain port, or the other way round, and
		// some of them on a wrong password.
		hint = "; a broker closed the connection: check tls, sasl and the port"
	}
	err = fmt.Errorf("asking the Kafka cluster at %s: %w%s", strings.Join(brokers, ", "), err, hint)
	if dialed {
		err = connectors.AtKey("brokers", err)
	}
	return classify(err)
}
