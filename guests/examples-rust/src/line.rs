//! Lines of access logs.

/// The longest number of bytes, in digits.
const DIGITS_MAX: usize = 15;

/// A line, taken apart. Texts are those of the line.
pub struct Line<'a> {
    pub client: &'a str,
    /// None for `-`.
    pub user: Option<&'a str>,
    pub time: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    /// None without a `?`.
    pub query: Option<&'a str>,
    pub status: &'a str,
    pub size: &'a str,
}

impl<'a> Line<'a> {
    pub fn parse(text: &'a str) -> Option<Line<'a>> {
        if text.bytes().any(|c| !matches!(c, b' '..=b'~') || c == b'\\') {
            return None;
        }
        let mut words = Words(text);
        let client = words.plain(" ")?;
        words.plain(" ")?;
        let user = words.plain(" ")?;
        words.skip("[")?;
        let time = words.until("]")?;
        words.skip(" \"")?;
        let method = words.plain(" ")?;
        let target = words.plain(" ")?;
        words.plain("\" ")?;
        let status = words.plain(" ")?;
        if !matches!(status.as_bytes(), [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9']) {
            return None;
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let user = Some(user).filter(|u| *u != "-");
        Some(Line { client, user, time, method, path, query, status, size: size(words.0)? })
    }
}

/// A number of bytes, without zeros before it.
fn size(text: &str) -> Option<&str> {
    if text == "-" {
        return Some("0");
    }
    if text.is_empty() || text.len() > DIGITS_MAX || !text.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let digits = text.trim_start_matches('0');
    Some(if digits.is_empty() { "0" } else { digits })
}

/// What is left of a line.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    /// Takes off what stands before end, and end. It is not empty.
    fn until(&mut self, end: &str) -> Option<&'a str> {
        let (word, rest) = self.0.split_once(end)?;
        self.0 = rest;
        Some(word).filter(|w| !w.is_empty())
    }

    /// Is until without spaces and quotes.
    fn plain(&mut self, end: &str) -> Option<&'a str> {
        self.until(end).filter(|w| !w.contains([' ', '"']))
    }

    fn skip(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }
}
