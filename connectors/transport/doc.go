// Package transport holds what connectors share about their connections: the tls table of a job
// file and what it means.
//
// It owns those keys and the reading of their files. It never connects and knows no system.
//
// Below: connectors. Above: the connectors that dial servers.
package transport
