// Json-route is a plugin that looks at one field of JSON records and decides by its value where
// they go: to one of the outputs "errors", "audit" and "other", on as they are, or nowhere. It can
// name the topic of a sink, too. Records are never changed or copied.
//
// As it stands it sorts log records by their level:
//
//	{"level":"error","msg":"disk full"}   to the output errors
//	{"level":"audit","msg":"login"}       to the output audit
//	{"level":"debug","msg":"tick"}        dropped
//	{"level":"info","msg":"started"}      on
package main
