use std::any::Any;

use crate::call::Call;
use crate::config::Setting;
use crate::errors::FieldError;
use crate::json;

/// What a function is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Deserializer,
    Transform,
    Partitioner,
    Bucketer,
    Serializer,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Deserializer => "deserializer",
            Role::Transform => "transform",
            Role::Partitioner => "partitioner",
            Role::Bucketer => "bucketer",
            Role::Serializer => "serializer",
        }
    }
}

/// A function as the attributes describe it.
pub struct Function {
    pub name: &'static str,
    pub role: Role,
    pub columns: &'static [&'static str],
    pub outputs: &'static [&'static str],
    pub doc: &'static str,
    #[doc(hidden)]
    pub run: fn(&mut Call<'_>),
}

/// Implemented by what the attributes make beside a function, for `plugin!`.
#[doc(hidden)]
pub trait Registered {
    const FUNCTION: &'static Function;
}

/// What `plugin!` makes: the functions of a module and how its configuration is read.
pub struct Plugin {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) functions: &'static [&'static Function],
    pub(crate) schema: Option<String>,
    pub(crate) configure: fn(&[u8]) -> Result<Box<dyn Any>, FieldError>,
}

impl Plugin {
    #[doc(hidden)]
    pub fn new<C: Setting + Default + 'static>(
        name: &'static str,
        version: &'static str,
        functions: &'static [&'static Function],
        configure: fn(&[u8]) -> Result<Box<dyn Any>, FieldError>,
    ) -> Plugin {
        let mut schema = String::new();
        C::default().schema(&mut schema);
        let schema = (!schema.is_empty()).then_some(schema);
        Plugin { name, version, functions, schema, configure }
    }

    /// The description as JSON (`abi/SPEC.md`, section 5).
    pub fn describe(&self) -> String {
        let mut s = String::from("{\"name\":");
        json::write_string(&mut s, self.name);
        s.push_str(",\"version\":");
        json::write_string(&mut s, self.version);
        s.push_str(",\"functions\":[");
        for (i, f) in self.functions.iter().enumerate() {
            if i > 0 {
                s.push(',');
            }
            f.describe(&mut s);
        }
        s.push(']');
        if let Some(schema) = &self.schema {
            s.push_str(",\"config_schema\":");
            s.push_str(schema);
        }
        s.push('}');
        s
    }
}

impl Function {
    fn describe(&self, s: &mut String) {
        s.push_str("{\"name\":");
        json::write_string(s, self.name);
        s.push_str(",\"role\":");
        json::write_string(s, self.role.name());
        for (key, names) in [(",\"columns\":", self.columns), (",\"outputs\":", self.outputs)] {
            if !names.is_empty() {
                s.push_str(key);
                json::write_strings(s, names);
            }
        }
        if !self.doc.is_empty() {
            s.push_str(",\"doc\":");
            json::write_string(s, self.doc);
        }
        s.push('}');
    }
}

/// Makes a module of functions: `plugin()`, which tests open, and the exports that the host calls.
///
/// ```
/// # use wasmflow::{Context, Emitter, Record, Result};
/// #[wasmflow::transform]
/// fn shout(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
///     out.value(r.bytes().to_ascii_uppercase());
///     Ok(())
/// }
///
/// #[derive(wasmflow::Config)]
/// struct Settings {
///     /// How often.
///     times: u32,
/// }
///
/// impl Default for Settings {
///     fn default() -> Self {
///         Settings { times: 1 }
///     }
/// }
///
/// fn check(s: &mut Settings) -> Result<(), wasmflow::FieldError> {
///     match s.times {
///         0 => Err(wasmflow::FieldError::new("times", "must not be 0")),
///         _ => Ok(()),
///     }
/// }
///
/// wasmflow::plugin! {
///     name: "shout",
///     version: "1.0.0",
///     config: Settings, // may be left out, and so may
///     check: check,     // what is called with the configuration before the first record
///     functions: [shout],
/// }
/// # fn main() { assert!(plugin().describe().contains("\"shout\"")); }
/// ```
#[macro_export]
macro_rules! plugin {
    (name: $name:expr, version: $version:expr, functions: [$($f:ty),+ $(,)?] $(,)?) => {
        $crate::plugin! {
            name: $name, version: $version, config: $crate::NoConfig, functions: [$($f),+],
        }
    };
    (
        name: $name:expr, version: $version:expr, config: $config:ty,
        functions: [$($f:ty),+ $(,)?] $(,)?
    ) => {
        $crate::plugin! {
            name: $name, version: $version, config: $config, check: |_| Ok(()),
            functions: [$($f),+],
        }
    };
    (
        name: $name:expr, version: $version:expr, config: $config:ty, check: $check:expr,
        functions: [$($f:ty),+ $(,)?] $(,)?
    ) => {
        /// This module's plugin.
        pub fn plugin() -> $crate::Plugin {
            const FUNCTIONS: &[&$crate::Function] =
                &[$(<$f as $crate::Registered>::FUNCTION),+];
            $crate::Plugin::new::<$config>($name, $version, FUNCTIONS, |text| {
                $crate::configure::<$config>(text, $check)
            })
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn wasmflow_abi_v1() -> u32 {
                0
            }

            #[unsafe(no_mangle)]
            extern "C" fn wasmflow_describe() -> u64 {
                $crate::exports::describe(plugin)
            }

            #[unsafe(no_mangle)]
            extern "C" fn wasmflow_open(_: u32, size: u32) -> u64 {
                $crate::exports::open(plugin, size)
            }

            #[unsafe(no_mangle)]
            extern "C" fn wasmflow_reserve(size: u32) -> usize {
                $crate::exports::reserve(plugin, size)
            }

            #[unsafe(no_mangle)]
            extern "C" fn wasmflow_process(function: u32, first: u32, cursor: u64) -> usize {
                $crate::exports::process(plugin, function, first, cursor)
            }
        };
    };
}
