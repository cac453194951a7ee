//! Orders.

use wasmflow::json::Value;

/// The largest amount, in digits.
const DIGITS_MAX: usize = 15;

pub struct Order<'a> {
    pub id: &'a str,
    /// Two capital letters.
    pub country: &'a str,
    pub state: &'a str,
    pub cents: i64,
}

impl<'a> Order<'a> {
    /// The order that a document is, if it is one.
    pub fn of(doc: &'a Value) -> Option<Order<'a>> {
        let text = |name| doc.get(name).and_then(Value::as_str);
        let cents = doc.get("cents").and_then(Value::as_number)?;
        if cents.len() > DIGITS_MAX || !cents.bytes().all(|c| c.is_ascii_digit()) {
            return None;
        }
        let order = Order {
            id: text("order")?,
            country: text("country")?,
            state: text("state")?,
            cents: cents.parse().ok()?,
        };
        let placed = matches!(order.country.as_bytes(), [b'A'..=b'Z', b'A'..=b'Z']);
        (placed && !order.id.is_empty()).then_some(order)
    }
}
