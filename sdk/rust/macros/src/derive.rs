use proc_macro::{Delimiter, Span, TokenStream, TokenTree};

use crate::{doc_line, unquote, wrong};

/// A field of a configuration.
struct Field {
    name: String,
    key: String,
    doc: String,
    required: bool,
}

pub fn expand(item: TokenStream) -> TokenStream {
    let mut tokens = item.into_iter().skip_while(|t| t.to_string() != "struct");
    let (Some(_), Some(name)) = (tokens.next(), tokens.next()) else {
        return wrong(Span::call_site(), "Config is for structs");
    };
    let Some(TokenTree::Group(body)) = tokens.next() else {
        return wrong(name.span(), "Config is for structs without parameters");
    };
    if body.delimiter() != Delimiter::Brace {
        return wrong(name.span(), "Config is for structs with named fields");
    }
    match fields(body.stream()) {
        Ok(fields) => implement(&name.to_string(), &fields),
        Err((at, message)) => wrong(at, &message),
    }
}

fn implement(name: &str, fields: &[Field]) -> TokenStream {
    let keys: Vec<&str> = fields.iter().map(|f| f.key.as_str()).collect();
    let mut arms = String::new();
    let mut checks = String::new();
    let mut schemas = String::new();
    for Field { name, key, doc, required } in fields {
        arms +=
            &format!("{key:?} => ::wasmflow::Setting::decode(&mut self.{name}, value, &path)?,\n");
        if *required {
            checks += &format!(
                "if !members.iter().any(|m| m.0 == {key:?}) {{
                    return Err(::wasmflow::FieldError::new(
                        ::wasmflow::join(path, {key:?}), \"required\"));
                }}\n"
            );
        }
        schemas += &format!(
            "({key:?}, {doc:?}, {required}, {{
                let mut schema = ::std::string::String::new();
                ::wasmflow::Setting::schema(&self.{name}, &mut schema);
                schema
            }}),\n"
        );
    }
    format!(
        "impl ::wasmflow::Setting for {name} {{
            fn decode(&mut self, value: &::wasmflow::json::Value, path: &str)
                -> ::core::result::Result<(), ::wasmflow::FieldError> {{
                let members = ::wasmflow::members(value, path, &{keys:?})?;
                {checks}
                for (key, value) in members {{
                    let path = ::wasmflow::join(path, key);
                    match &**key {{
                        {arms}
                        _ => {{}}
                    }}
                }}
                Ok(())
            }}

            fn schema(&self, to: &mut ::std::string::String) {{
                ::wasmflow::write_schema(to, &[{schemas}]);
            }}
        }}"
    )
    .parse()
    .expect("code that can be read")
}

fn fields(body: TokenStream) -> Result<Vec<Field>, (Span, String)> {
    let mut fields = Vec::new();
    let mut tokens = body.into_iter().peekable();
    while tokens.peek().is_some() {
        let mut attributes: Vec<Vec<TokenTree>> = Vec::new();
        let mut name = None;
        // Attributes, a visibility, the name, a colon.
        for token in tokens.by_ref() {
            match token {
                TokenTree::Group(g) if g.delimiter() == Delimiter::Bracket => {
                    attributes.push(g.stream().into_iter().collect());
                }
                TokenTree::Ident(word) => name = Some(word),
                TokenTree::Punct(p) if p.as_char() == ':' => break,
                _ => {}
            }
        }
        // The type, up to a comma that is not between angle brackets.
        let mut depth = 0;
        for token in tokens.by_ref() {
            match token.to_string().as_str() {
                "<" => depth += 1,
                ">" => depth -= 1,
                "," if depth == 0 => break,
                _ => {}
            }
        }
        if let Some(name) = name {
            fields.extend(field(name.to_string(), name.span(), &attributes)?);
        }
    }
    Ok(fields)
}

fn field(
    name: String,
    at: Span,
    attributes: &[Vec<TokenTree>],
) -> Result<Option<Field>, (Span, String)> {
    let key = name.trim_start_matches("r#").to_owned();
    let mut f = Field { name, key, doc: doc_line(attributes), required: false };
    for a in attributes {
        let [TokenTree::Ident(word), TokenTree::Group(list)] = &a[..] else { continue };
        if word.to_string() != "config" {
            continue;
        }
        let mut tokens = list.stream().into_iter();
        while let Some(token) = tokens.next() {
            match token.to_string().as_str() {
                "," => {}
                "required" => f.required = true,
                "skip" => return Ok(None),
                "name" => {
                    let text = tokens.nth(1).and_then(|t| unquote(&t.to_string()));
                    f.key = text.ok_or((at, "name = wants a string".to_owned()))?;
                }
                _ => {
                    let known = "there are required, skip and name = \"...\"";
                    return Err((token.span(), known.into()));
                }
            }
        }
    }
    Ok(Some(f))
}
