// Package sdk holds the sources of the guest SDKs, so that the wasmflow binary can put them into
// a new plugin and the plugin builds without a network.
//
// It owns nothing but the list of what is embedded; the SDKs themselves are the folders beside
// it. It leaves their tests out: those need libraries that a guest does not.
//
// Below: nothing. Above: cmd/wasmflow.
package sdk
