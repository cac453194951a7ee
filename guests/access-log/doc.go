// Access-log is a plugin that turns lines of web server logs in the combined log format (Apache,
// nginx and most others) into JSON. It drops health checks, marks robots, takes the line's time for
// the record's, and fails on malformed lines, so that they end where the job sends bad records.
//
//	127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.0" 200 26 "http://x/" "curl/8"
//
// becomes
//
//	{"time":"2000-10-10T20:55:36Z","client":"127.0.0.1","user":"frank","method":"GET","path":"/a",
//	"query":"b=c","protocol":"HTTP/1.0","status":200,"class":"2xx","bytes":26,
//	"referrer":"http://x/","agent":"curl/8","bot":true}
//
// Lines may end behind the size (the common log format); what follows the user agent is ignored.
package main
