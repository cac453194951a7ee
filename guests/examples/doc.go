// Package examples holds the specification of three plugins that are written in every language of
// the repository, the records they are given and what has to become of them.
//
// It owns SPEC.md, cases.json and expected.txt, and the test that compares the module of each
// language with it. It never holds a plugin: those are in guests/examples-LANGUAGE.
package examples
