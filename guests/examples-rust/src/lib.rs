//! The plugins of guests/examples/SPEC.md in Rust.

mod line;
mod order;
mod private;

use std::fmt::Write;

use wasmflow::{json, transform, Config, Context, Emitter, Error, FieldError, Record, Result};

use crate::line::Line;
use crate::order::Order;

/// The codes of failures.
const LINE: u32 = 1;
const ORDER: u32 = 2;

#[derive(Config)]
struct Settings {
    /// paths whose requests are dropped
    drop_paths: Vec<String>,
    /// orders from this amount on are large
    large_cents: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { drop_paths: vec!["/health".into()], large_cents: 10_000 }
    }
}

fn check(settings: &mut Settings) -> Result<(), FieldError> {
    if settings.large_cents < 1 {
        return Err(FieldError::new("large_cents", "is below 1"));
    }
    Ok(())
}

wasmflow::plugin! {
    name: "examples-rust",
    version: "1.0.0",
    config: Settings,
    check: check,
    functions: [access_log, route_order, mask],
}

/// Makes JSON of lines of an access log.
#[transform]
fn access_log(ctx: &mut Context, r: Record, out: &mut Emitter) -> Result {
    let Some(line) = r.text().ok().and_then(Line::parse) else {
        return Err(Error::new(LINE, "not a line of an access log"));
    };
    let settings: &Settings = ctx.config();
    if settings.drop_paths.iter().any(|p| p == line.path) {
        return Ok(());
    }
    let mut b = out.buffer(r.bytes().len() + 160);
    let members = [
        ("client", Some(line.client)),
        ("user", line.user),
        ("time", Some(line.time)),
        ("method", Some(line.method)),
        ("path", Some(line.path)),
        ("query", line.query),
    ];
    for (i, (name, text)) in members.into_iter().enumerate() {
        write!(b, "{}\"{name}\":", if i == 0 { '{' } else { ',' })?;
        match text {
            Some(text) => json::write_string(&mut b, text),
            None => b.write_str("null")?,
        }
    }
    let class = &line.status[..1];
    write!(b, ",\"status\":{},\"class\":\"{class}xx\"", line.status)?;
    write!(b, ",\"bytes\":{},\"error\":{}}}", line.size, class >= "4")?;
    out.key_value(line.client, b);
    Ok(())
}

/// Drops cancelled orders, sends the others to topics by country.
#[transform(outputs("large"))]
fn route_order(ctx: &mut Context, r: Record, out: &mut Emitter) -> Result {
    let doc = json::parse(r.bytes()).ok();
    let Some(order) = doc.as_ref().and_then(Order::of) else {
        return Err(Error::new(ORDER, "not an order"));
    };
    if order.state == "cancelled" {
        return Ok(());
    }
    let mut topic = out.buffer(16);
    topic.write_str("orders-")?;
    topic.extend_mapped(order.country.as_bytes(), |c| c.to_ascii_lowercase());
    let entry = out.forward().key(order.id).target(topic);
    if order.cents >= ctx.config::<Settings>().large_cents {
        entry.output("large");
    }
    Ok(())
}

/// Hides e-mail addresses and long numbers.
#[transform(reads(headers))]
fn mask(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    let mut b = out.buffer(r.bytes().len() + 32);
    let hidden = private::mask_addresses(r.bytes(), &mut b) + private::mask_numbers(&mut b);
    if hidden == 0 {
        out.forward();
        return Ok(());
    }
    let mut count = out.buffer(10);
    write!(count, "{hidden}")?;
    out.value(b).header("masked", count);
    Ok(())
}
