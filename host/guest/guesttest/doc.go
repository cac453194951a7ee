// Package guesttest builds plugins and compiles them for tests.
//
// It owns one trick: under the race detector the engine's compiler is 20 to 50 times slower, a
// minute for a plugin in Go. So the compilation cache is filled by a process without the detector,
// and the tests find it filled. It is imported by tests only.
package guesttest
