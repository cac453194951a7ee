// Bucket-by-field is a plugin that names the bucket of a record by fields of its JSON value and by
// its time. The path is a template:
//
//	country={address.country}/day={@day}
//
// makes country=de/day=2024-01-31 of {"address":{"country":"de"}} at that time. {@year}, {@month},
// {@day} and {@hour} are 2024, 2024-01, 2024-01-31 and 2024-01-31-23 of the record's timestamp in
// UTC; a record without one has the batch's time. In values of fields every byte but letters,
// digits, '-', '_', '.' and '=' is written as %XX, so that no value can leave its folder.
package main
