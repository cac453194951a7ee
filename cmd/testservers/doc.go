// Command testservers starts a real server for trying things by hand, and stops it with the first
// interrupt:
//
//	go run ./cmd/testservers -nodes 3
//
// It owns the words on the screen. How servers are started is
// connectors/connectortest/servers's.
//
// Below: connectors/connectortest/servers. Above: the Makefile.
package main
