package main

// Times are read and written by hand: package time parses a layout anew for every line.

const (
	secondsPerMinute = 60
	secondsPerHour   = 60 * secondsPerMinute
	secondsPerDay    = 24 * secondsPerHour
)

// parseTime takes "[10/Oct/2000:13:55:36 -0700]" and the space behind it.
func (l *line) parseTime() error {
	t := l.rest
	if len(t) < 28 || t[0] != '[' || t[27] != ']' {
		return errBracket
	}
	l.rest = t[28:]
	if len(l.rest) > 0 && l.rest[0] == ' ' {
		l.rest = l.rest[1:]
	}
	seconds, ok := parseTime(t[1:27])
	if !ok {
		return errTime
	}
	l.seconds = seconds
	return nil
}

// parseTime reads "10/Oct/2000:13:55:36 -0700", 26 bytes.
func parseTime(t []byte) (seconds int64, ok bool) {
	if t[2] != '/' || t[6] != '/' || t[11] != ':' || t[14] != ':' || t[17] != ':' || t[20] != ' ' {
		return 0, false
	}
	month := monthOf(t[3:6])
	day, okDay := number(t[0:2])
	year, okYear := number(t[7:11])
	hour, okHour := number(t[12:14])
	minute, okMinute := number(t[15:17])
	second, okSecond := number(t[18:20])
	zoneHour, okZoneHour := number(t[22:24])
	zoneMinute, okZoneMinute := number(t[24:26])
	if !okDay || !okYear || !okHour || !okMinute || !okSecond || !okZoneHour || !okZoneMinute {
		return 0, false
	}
	// A leap second is written as :60.
	if year < 1 || month == 0 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 ||
		second > 60 || zoneHour > 23 || zoneMinute > 59 {
		return 0, false
	}
	zone := zoneHour*secondsPerHour + zoneMinute*secondsPerMinute
	switch t[21] {
	case '+':
		zone = -zone
	case '-':
	default:
		return 0, false
	}
	return daysBefore(year, month, day)*secondsPerDay + hour*secondsPerHour +
		minute*secondsPerMinute + second + zone, true
}

// monthOf returns 1 to 12, 0 for what is not the name of a month.
func monthOf(name []byte) int64 {
	switch string(name) {
	case "Jan":
		return 1
	case "Feb":
		return 2
	case "Mar":
		return 3
	case "Apr":
		return 4
	case "May":
		return 5
	case "Jun":
		return 6
	case "Jul":
		return 7
	case "Aug":
		return 8
	case "Sep":
		return 9
	case "Oct":
		return 10
	case "Nov":
		return 11
	case "Dec":
		return 12
	}
	return 0
}

func daysIn(year, month int64) int64 {
	switch {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4, month == 6, month == 9, month == 11:
		return 30
	}
	return 31
}

const (
	daysPer400Years = 146_097
	// daysToMarch is the number of days from 1 March of year 0 to 1 January 1970.
	daysToMarch = 719_468
)

// daysBefore counts the days from 1 January 1970 to a date. Years are counted from March, so that
// the day that comes and goes is the last of its year.
func daysBefore(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	yearOfEra := year % 400
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	return era*daysPer400Years + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear -
		daysToMarch
}

// dateOf is the inverse of daysBefore, for days from the year 0 on.
func dateOf(days int64) (year, month, day int64) {
	days += daysToMarch
	era := days / daysPer400Years
	dayOfEra := days % daysPer400Years
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36_524 - dayOfEra/146_096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	month = (5*dayOfYear + 2) / 153
	day = dayOfYear - (153*month+2)/5 + 1
	month += 3
	year = era*400 + yearOfEra
	if month > 12 {
		year, month = year+1, month-12
	}
	return year, month, day
}

// appendTime appends seconds since 1970 as RFC 3339 in UTC, like 2000-10-10T20:55:36Z.
func appendTime(dst []byte, seconds int64) []byte {
	days := seconds / secondsPerDay
	rest := seconds % secondsPerDay
	if rest < 0 {
		days, rest = days-1, rest+secondsPerDay
	}
	year, month, day := dateOf(days)
	dst = append(dst, byte('0'+year/1000%10), byte('0'+year/100%10))
	dst = append(append2(dst, year%100), '-')
	dst = append(append2(dst, month), '-')
	dst = append(append2(dst, day), 'T')
	dst = append(append2(dst, rest/secondsPerHour), ':')
	dst = append(append2(dst, rest/secondsPerMinute%60), ':')
	return append(append2(dst, rest%60), 'Z')
}

// append2 appends a number below 100 with two digits.
func append2(dst []byte, n int64) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}
