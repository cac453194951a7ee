// Csv-parse is a deserializer that turns CSV (RFC 4180) into JSON. A message holds any number of
// rows, so a file source may hand over single lines or whole files; each row becomes a record:
//
//	{"columns": ["id", "name"], "types": {"id": "number"}}
//
// makes {"id":7,"name":"Anna"} of the row 7,Anna. Without columns a row becomes an array. With
// "header" the first row of every message names the columns. Fields may be quoted and then hold
// delimiters, line breaks and doubled quotes. Empty lines are passed over.
package main
