// Orders-enrich is a plugin that drops orders that do not count, checks the others, and adds what
// follows from them: the total, the region, and whether it is a large one.
//
//	{"order":17,"country":"DE","item":"tea","quantity":3,"cents":450,"state":"paid"}
//
// becomes
//
//	{"order":17,"country":"DE","region":"EU","item":"tea","quantity":3,"cents":450,
//	"total_cents":1350,"large":false}
//
// An order whose state is in the setting drop is dropped. One that is no JSON object, lacks a
// member, has no quantity or comes from a country that no region has is refused.
package main
