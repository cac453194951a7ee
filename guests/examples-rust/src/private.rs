//! E-mail addresses and numbers, hidden.

use wasmflow::Buffer;

/// How many digits a number has that is hidden, and how many of them are shown.
const DIGITS: std::ops::RangeInclusive<usize> = 12..=19;
const SHOWN: usize = 4;

fn is_domain(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'.' || c == b'-'
}

fn is_local(c: u8) -> bool {
    is_domain(c) || c == b'_' || c == b'+'
}

/// Where the address around the `@` at `at` begins and ends; nothing before done belongs to it.
fn address_around(text: &[u8], done: usize, at: usize) -> Option<(usize, usize)> {
    let local = text[done..at].iter().rev().take_while(|&&c| is_local(c)).count();
    let run = text[at + 1..].iter().take_while(|&&c| is_domain(c)).count();
    let domain = &text[at + 1..at + 1 + run];
    let end = domain.iter().rposition(|&c| c != b'.' && c != b'-')? + 1;
    let point = domain[1..end].contains(&b'.');
    (local > 0 && point).then_some((at - local, at + 1 + end))
}

/// Writes text with its addresses hidden, and counts them.
pub fn mask_addresses(text: &[u8], to: &mut Buffer) -> usize {
    let (mut n, mut done) = (0, 0);
    for at in (0..text.len()).filter(|&i| text[i] == b'@') {
        let Some((start, end)) = address_around(text, done, at) else { continue };
        to.extend_from_slice(&text[done..=start]);
        to.extend_from_slice(b"***");
        to.extend_from_slice(&text[at..end]);
        done = end;
        n += 1;
    }
    to.extend_from_slice(&text[done..]);
    n
}

/// Hides the numbers of text, and counts them.
pub fn mask_numbers(text: &mut [u8]) -> usize {
    let (mut n, mut at) = (0, 0);
    while at < text.len() {
        let (length, digits) = number(&text[at..]);
        if DIGITS.contains(&digits) {
            n += 1;
            let found = text[at..at + length].iter_mut().filter(|c| c.is_ascii_digit());
            found.take(digits - SHOWN).for_each(|c| *c = b'*');
        }
        at += length.max(1);
    }
    n
}

/// The length of the number that text begins with, 0 without one, and how many digits it has.
fn number(text: &[u8]) -> (usize, usize) {
    let (mut length, mut digits) = (0, 0);
    for (i, c) in text.iter().enumerate() {
        match c {
            b'0'..=b'9' => (length, digits) = (i + 1, digits + 1),
            b' ' | b'-' if i > 0 && length == i => {}
            _ => break,
        }
    }
    (length, digits)
}
