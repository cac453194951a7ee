use proc_macro::{Delimiter, Span, TokenStream, TokenTree};

use crate::{doc_line, unquote, wrong};

/// What stands in the parentheses of an attribute.
#[derive(Default)]
struct Arguments {
    name: Option<String>,
    reads: Vec<String>,
    outputs: Vec<String>,
}

/// Leaves the function as it is and puts a type of its name beside it that describes it. Types and
/// functions have names of their own, so both can be meant by one path.
pub fn expand(
    role: &str,
    runner: &str,
    reads: &[&str],
    arguments: TokenStream,
    item: TokenStream,
) -> TokenStream {
    let mut arguments = match parse(arguments) {
        Ok(arguments) => arguments,
        Err((at, message)) => return wrong(at, &message),
    };
    arguments.reads.extend(reads.iter().map(|&r| r.to_owned()));
    arguments.reads.dedup();
    let Some((function, doc)) = function(&item) else {
        return wrong(Span::call_site(), "the attribute is for a function");
    };
    let name = arguments.name.unwrap_or_else(|| function.clone());
    if !valid(&name) {
        let rule = "is not letters, digits, '_' and '-', beginning with a letter, at most 64 bytes";
        return wrong(Span::call_site(), &format!("the name {name:?} {rule}"));
    }
    let described: TokenStream = format!(
        "#[doc(hidden)] #[allow(non_camel_case_types)] pub enum {function} {{}}
        impl ::wasmflow::Registered for {function} {{
            const FUNCTION: &'static ::wasmflow::Function = &::wasmflow::Function {{
                name: {name:?}, role: ::wasmflow::Role::{role}, doc: {doc:?},
                columns: &{:?}, outputs: &{:?}, run: |call| call.{runner}({function}),
            }};
        }}",
        arguments.reads, arguments.outputs
    )
    .parse()
    .expect("code that can be read");
    item.into_iter().chain(described).collect()
}

/// The ABI's rule for names.
fn valid(name: &str) -> bool {
    let letter = |c: u8| c.is_ascii_alphabetic() || c == b'_';
    name.len() <= 64
        && name.bytes().next().is_some_and(letter)
        && name.bytes().all(|c| letter(c) || c.is_ascii_digit() || c == b'-')
}

/// The name of the function and the first line of its documentation.
fn function(item: &TokenStream) -> Option<(String, String)> {
    let mut attributes = Vec::new();
    let mut tokens = item.clone().into_iter();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(g) if g.delimiter() == Delimiter::Bracket => {
                attributes.push(g.stream().into_iter().collect());
            }
            TokenTree::Ident(word) if word.to_string() == "fn" => {
                let Some(TokenTree::Ident(name)) = tokens.next() else { return None };
                return Some((name.to_string(), doc_line(&attributes)));
            }
            _ => {}
        }
    }
    None
}

fn parse(arguments: TokenStream) -> Result<Arguments, (Span, String)> {
    const KNOWN: &str = "there are name = \"...\", reads(...) and outputs(...)";
    let mut all = Arguments::default();
    let mut tokens = arguments.into_iter();
    while let Some(token) = tokens.next() {
        let at = token.span();
        match (token.to_string().as_str(), tokens.next()) {
            ("name", Some(_)) => match tokens.next().and_then(|t| unquote(&t.to_string())) {
                Some(name) => all.name = Some(name),
                None => return Err((at, "name = wants a string".into())),
            },
            ("reads", Some(TokenTree::Group(g))) => {
                for word in words(g.stream()) {
                    let known = ["headers", "source", "key_group", "schema_id", "partition_count"];
                    if !known.contains(&word.as_str()) {
                        let message = format!("no column {word}; there are {}", known.join(", "));
                        return Err((at, message));
                    }
                    all.reads.push(word);
                }
            }
            ("outputs", Some(TokenTree::Group(g))) => {
                for word in words(g.stream()) {
                    match unquote(&word).filter(|name| valid(name)) {
                        Some(name) => all.outputs.push(name),
                        None => return Err((at, format!("{word} is no name of an output"))),
                    }
                }
            }
            _ => return Err((at, KNOWN.into())),
        }
        match tokens.next() {
            None => break,
            Some(TokenTree::Punct(comma)) if comma.as_char() == ',' => {}
            Some(other) => return Err((other.span(), KNOWN.into())),
        }
    }
    Ok(all)
}

fn words(list: TokenStream) -> Vec<String> {
    list.into_iter().map(|t| t.to_string()).filter(|t| t != ",").collect()
}
