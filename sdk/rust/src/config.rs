//! The configuration: a struct that derives `Config`, filled strictly from JSON.

use std::any::Any;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::errors::FieldError;
use crate::json::{self, Value};

/// A type that a configuration can have: booleans, numbers, strings, `Duration` ("1m30s"), options,
/// vectors and string maps of these, and structs that derive `Config`.
pub trait Setting {
    /// Takes the value over; `path` names the field for messages. What the value is silent about
    /// stays as it is.
    fn decode(&mut self, value: &Value, path: &str) -> Result<(), FieldError>;

    /// Appends the JSON Schema, with what it holds as the defaults.
    fn schema(&self, to: &mut String);
}

/// The configuration of a plugin that takes none.
#[derive(Default)]
pub struct NoConfig;

impl Setting for NoConfig {
    fn decode(&mut self, value: &Value, _: &str) -> Result<(), FieldError> {
        match value {
            Value::Object(members) => match members.first() {
                Some((key, _)) => Err(FieldError::new(&**key, "the plugin takes no configuration")),
                None => Ok(()),
            },
            _ => Err(FieldError::new("", "the plugin takes no configuration")),
        }
    }

    fn schema(&self, _: &mut String) {}
}

#[doc(hidden)]
pub fn configure<C: Setting + Default + 'static>(
    text: &[u8],
    check: fn(&mut C) -> Result<(), FieldError>,
) -> Result<Box<dyn Any>, FieldError> {
    let text = if text.is_empty() { b"{}" } else { text };
    let value = json::parse(text).map_err(|e| FieldError::new("", e))?;
    let mut config = C::default();
    config.decode(&value, "")?;
    check(&mut config)?;
    Ok(Box::new(config))
}

/// The path of a field.
#[doc(hidden)]
pub fn join(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        _ => format!("{path}.{key}"),
    }
}

/// The members of an object for a struct with these keys: none unknown, none twice.
#[doc(hidden)]
pub fn members<'v, 'a>(
    value: &'v Value<'a>,
    path: &str,
    keys: &[&str],
) -> Result<&'v [(std::borrow::Cow<'a, str>, Value<'a>)], FieldError> {
    let Value::Object(members) = value else {
        return Err(wrong_type(value, path, "an object"));
    };
    for (i, (key, _)) in members.iter().enumerate() {
        let problem = if !keys.contains(&&**key) {
            format!("unknown; the keys here are {}", keys.join(", "))
        } else if members[..i].iter().any(|m| m.0 == *key) {
            "stands twice".to_owned()
        } else {
            continue;
        };
        return Err(FieldError::new(join(path, key), problem));
    }
    Ok(members)
}

/// The schema of a struct: (key, description, required, schema) of each field.
#[doc(hidden)]
pub fn write_schema(to: &mut String, fields: &[(&str, &str, bool, String)]) {
    to.push_str("{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
    for (i, (key, doc, _, schema)) in fields.iter().enumerate() {
        if i > 0 {
            to.push(',');
        }
        json::write_string(to, key);
        to.push(':');
        to.push_str(schema);
        if !doc.is_empty() {
            to.pop(); // the closing brace: every schema is an object with a type
            to.push_str(",\"description\":");
            json::write_string(to, doc);
            to.push('}');
        }
    }
    to.push('}');
    let required: Vec<&str> = fields.iter().filter(|f| f.2).map(|f| f.0).collect();
    if !required.is_empty() {
        to.push_str(",\"required\":");
        json::write_strings(to, &required);
    }
    to.push('}');
}

fn wrong_type(value: &Value, path: &str, want: &str) -> FieldError {
    FieldError::new(path, format!("is {}, not {want}", value.kind()))
}

impl Setting for bool {
    fn decode(&mut self, value: &Value, path: &str) -> Result<(), FieldError> {
        let Value::Bool(b) = value else { return Err(wrong_type(value, path, "a boolean")) };
        *self = *b;
        Ok(())
    }

    fn schema(&self, to: &mut String) {
        to.push_str(&format!("{{\"type\":\"boolean\",\"default\":{self}}}"));
    }
}

impl Setting for String {
    fn decode(&mut self, value: &Value, path: &str) -> Result<(), FieldError> {
        let s = value.as_str().ok_or_else(|| wrong_type(value, path, "a string"))?;
        s.clone_into(self);
        Ok(())
    }

    fn schema(&self, to: &mut String) {
        to.push_str("{\"type\":\"string\",\"default\":");
        json::write_string(to, self);
        to.push('}');
    }
}

macro_rules! integers {
    ($($t:ty),+) => {$(
        impl Setting for $t {
            fn decode(&mut self, value: &Value, path: &str) -> Result<(), FieldError> {
                let n = value.as_number().ok_or_else(|| wrong_type(value, path, "an integer"))?;
                *self = n.parse().map_err(|_| {
                    let (min, max) = (<$t>::MIN, <$t>::MAX);
                    FieldError::new(path, format!("{n} is no integer from {min} to {max}"))
                })?;
                Ok(())
            }

            fn schema(&self, to: &mut String) {
                to.push_str("{\"type\":\"integer\"");
                if <$t>::MIN == 0 {
                    to.push_str(",\"minimum\":0");
                }
                to.push_str(&format!(",\"default\":{self}}}"));
            }
        }
    )+};
}

integers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

impl Setting for f64 {
    fn decode(&mut self, value: &Value, path: &str) -> Result<(), FieldError> {
        let n = value.as_number().ok_or_else(|| wrong_type(value, path, "a number"))?;
        match n.parse() {
            Ok(x) if f64::is_finite(x) => *self = x,
            _ => return Err(FieldError::new(path, format!("{n} does not fit into 64 bits"))),
        }
        Ok(())
    }

    fn schema(&self, to: &mut String) {
        to.push_str("{\"type\":\"number\"");
        if self.is_finite() {
            to.push_str(&format!(",\"default\":{self}"));
        }
        to.push('}');
    }
}

impl Setting for Duration {
    fn decode(&mut self, value: &Value, path: &str) -> Result<(), FieldError> {
        let s =
            value.as_str().ok_or_else(|| wrong_type(value, path, "a duration like \"1m30s\""))?;
        *self = parse_duration(s)
            .ok_or_else(|| FieldError::new(path, format!("{s:?} is no duration like \"1m30s\"")))?;
        Ok(())
    }

    fn schema(&self, to: &mut String) {
        let ms = self.as_millis();
        to.push_str(&format!("{{\"type\":\"string\",\"default\":\"{ms}ms\"}}"));
    }
}

/// Reads numbers with units one behind the other: ns, us, ms, s, m, h; "0" needs none.
fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let number = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
        let (digits, behind) = rest.split_at(number);
        let unit = behind.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(behind.len());
        let seconds = match &behind[..unit] {
            "ns" => 1e-9,
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let piece = Duration::try_from_secs_f64(digits.parse::<f64>().ok()? * seconds).ok()?;
        total = total.checked_add(piece)?;
        rest = &behind[unit..];
    }
    (!text.is_empty()).then_some(total)
}

impl<T: Setting + Default> Setting for Option<T> {
    fn decode(&mut self, value: &Value, path: &str) -> Result<(), FieldError> {
        *self = None;
        if *value != Value::Null {
            self.insert(T::default()).decode(value, path)?;
        }
        Ok(())
    }

    fn schema(&self, to: &mut String) {
        T::default().schema(to);
    }
}

impl<T: Setting + Default> Setting for Vec<T> {
    fn decode(&mut self, value: &Value, path: &str) -> Result<(), FieldError> {
        let Value::Array(items) = value else { return Err(wrong_type(value, path, "an array")) };
        self.clear();
        for (i, item) in items.iter().enumerate() {
            let mut fresh = T::default();
            fresh.decode(item, &format!("{path}[{i}]"))?;
            self.push(fresh);
        }
        Ok(())
    }

    fn schema(&self, to: &mut String) {
        to.push_str("{\"type\":\"array\",\"items\":");
        T::default().schema(to);
        to.push('}');
    }
}

impl<T: Setting + Default> Setting for BTreeMap<String, T> {
    fn decode(&mut self, value: &Value, path: &str) -> Result<(), FieldError> {
        let Value::Object(members) = value else {
            return Err(wrong_type(value, path, "an object"));
        };
        self.clear();
        for (key, member) in members {
            let mut fresh = T::default();
            fresh.decode(member, &join(path, key))?;
            self.insert(key.clone().into_owned(), fresh);
        }
        Ok(())
    }

    fn schema(&self, to: &mut String) {
        to.push_str("{\"type\":\"object\",\"additionalProperties\":");
        T::default().schema(to);
        to.push('}');
    }
}
