// Package datepattern formats times by the pattern letters of Java's DateTimeFormatter, which
// names of bucket folders have been written in for years.
//
// It owns letters whose result depends on nothing but the instant and the zone. Letters that ask a
// locale for the first day of its week, and those that only make sense for parsing, are refused
// by name: two machines with other settings would write to other folders.
//
// Supported, with the number of times a letter may stand in a row:
//
//	y u     1-19   year (of era; proleptic); two letters give its last two digits
//	M L     1-5    month: 7, 07, Jul, July, J
//	Q q     1-3    quarter: 3, 03, Q3
//	d       1-2    day of month
//	D       1-3    day of year
//	E       1-5    day of week: Mon, Mon, Mon, Monday, M
//	a       1      AM or PM
//	H k     1-2    hour of day: 0-23, 1-24
//	K h     1-2    hour of half day: 0-11, 1-12
//	m s     1-2    minute, second
//	S       1-9    fraction of the second, cut off, not rounded
//	A N     1-19   milliseconds, nanoseconds of the day
//	n       1-19   nanoseconds of the second
//	X x     1-3    offset: +02, +0200, +02:00; X writes Z for none
//	Z       1-3    offset: +0200
//
// Text in single quotes stands for itself, two single quotes are one, and so does every character
// that is no letter, except the reserved ones: [ ] { } #.
//
// Below: nothing of this module. Above: connectors/bucketing.
package datepattern
