//! The attributes of the crate wasmflow. They read as much of the code as they need, which is the
//! name of a function or the fields of a struct, and leave the rest to the compiler.

mod attribute;
mod derive;

use proc_macro::TokenStream;

/// Makes a function a transform: 0 to n records out of each record.
///
/// The function is `fn(&mut Context, Record, &mut Emitter) -> Result`. The attribute takes, all
/// optional: `name = "drop-odd"`, by default the function's own; `reads(headers, source, key_group,
/// schema_id, partition_count)`, what it reads beyond key, value and timestamp; `outputs("late")`,
/// outputs beside the main one. The first line of its documentation is told by `wasmflow inspect`.
#[proc_macro_attribute]
pub fn transform(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand("Transform", "each", &[], arguments, item)
}

/// Makes a function a deserializer: 0 to n records out of each message of a source. It has the
/// form of a transform.
#[proc_macro_attribute]
pub fn deserializer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand("Deserializer", "each", &[], arguments, item)
}

/// Makes a function a serializer: the key and value that a sink writes. It has the form of a
/// transform and is to emit one record.
#[proc_macro_attribute]
pub fn serializer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand("Serializer", "each", &[], arguments, item)
}

/// Makes a function a partitioner: `fn(&mut Context, Record, u32) -> Result<Option<u32>>` chooses
/// among as many partitions; None leaves the choice to the sink.
#[proc_macro_attribute]
pub fn partitioner(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand("Partitioner", "each_partition", &["partition_count"], arguments, item)
}

/// Makes a function a bucketer: `fn(&mut Context, Record, &mut Vec<u8>) -> Result` writes the name
/// of the record's bucket, a relative path, to the vector, which is empty.
#[proc_macro_attribute]
pub fn bucketer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand("Bucketer", "each_bucket", &[], arguments, item)
}

/// Makes a struct a configuration, whose fields are the keys and whose `Default` says what holds
/// where the job file is silent. `#[config(required)]` makes a field obligatory,
/// `#[config(name = "...")]` gives it another key, `#[config(skip)]` leaves it out. The first line
/// of a field's documentation is told by `wasmflow inspect`.
#[proc_macro_derive(Config, attributes(config))]
pub fn config(item: TokenStream) -> TokenStream {
    derive::expand(item)
}

/// An error of the compiler at a place in the code.
fn wrong(at: proc_macro::Span, message: &str) -> TokenStream {
    let code: TokenStream = format!("::core::compile_error!({message:?});").parse().unwrap();
    code.into_iter()
        .map(|mut t| {
            t.set_span(at);
            t
        })
        .collect()
}

/// The text of a string literal.
fn unquote(literal: &str) -> Option<String> {
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.push(match c {
            '\\' => match chars.next()? {
                'n' => '\n',
                't' => '\t',
                c @ ('"' | '\'' | '\\') => c,
                _ => return None,
            },
            c => c,
        });
    }
    Some(text)
}

/// The first line of documentation among attributes, given the tokens inside their brackets.
fn doc_line(attributes: &[Vec<proc_macro::TokenTree>]) -> String {
    for a in attributes {
        if let [key, _, proc_macro::TokenTree::Literal(text)] = &a[..] {
            let raw = text.to_string();
            let line = unquote(&raw)
                .or_else(|| raw.strip_prefix("r\"")?.strip_suffix('"').map(str::to_owned));
            if let (true, Some(line)) = (key.to_string() == "doc", line) {
                return line.trim().to_owned();
            }
        }
    }
    String::new()
}
