//! The interpreter, the script in it, and its bounds.

use std::cell::{Cell, OnceCell};

use rustpython_vm::builtins::{PyBaseExceptionRef, PyStr, PyTypeRef};
use rustpython_vm::signal::INTERRUPT;
use rustpython_vm::{
    AsObject, Interpreter, PyObjectRef, PyPayload, PyResult, Settings, VirtualMachine,
};

use crate::memory;
use crate::native::{self, Emitter, Records};
use crate::state::{Role, Rules};

/// What the script may take unless it asks for other bounds (plugin(memory, steps)). The host's own
/// hold as well; these end a record with an exception, those end the instance.
const MEMORY: usize = 48 << 20; // of the 64 MiB an instance has by default
const STEPS: u32 = 200; // of STEP instructions of the interpreter each, for one record

/// Instructions of the interpreter between two looks at the bounds.
const STEP: u32 = 10_000;

/// To load a script may take so many times the steps of a record; the host bounds the start.
const STEPS_TO_LOAD: u32 = 20;

/// Objects of the Python part that native code needs.
pub struct Hooks {
    pub encode: PyObjectRef,
    pub decode: PyObjectRef,
    pub source: PyObjectRef,
    interrupted: PyTypeRef,
    failure: PyObjectRef,
    refusal: PyObjectRef,
    open: PyObjectRef,
    begin: PyObjectRef,
    load: PyObjectRef,
}

thread_local! {
    pub static HOOKS: OnceCell<Hooks> = const { OnceCell::new() };
    static BOUNDS: Bounds = const {
        Bounds { steps: Cell::new(0), steps_max: Cell::new(0), memory_max: Cell::new(MEMORY) }
    };
}

struct Bounds {
    steps: Cell<u32>,
    steps_max: Cell<u32>,
    memory_max: Cell<usize>,
}

/// Begins to count the steps of a record, or of what the engine itself has to do.
pub fn begin_steps() {
    BOUNDS.with(|b| b.steps.set(0));
    INTERRUPT.left.set(STEP);
}

/// Looks at the bounds. Whoever goes on in spite of the exception is told again.
fn look(vm: &VirtualMachine) -> PyResult<()> {
    INTERRUPT.left.set(STEP);
    BOUNDS.with(|b| {
        b.steps.set(b.steps.get() + 1);
        if memory::held() > b.memory_max.get() {
            let (held, max) = (memory::held() >> 20, b.memory_max.get() >> 20);
            let text = format!("out of memory: the plugin holds {held} MiB and may hold {max}");
            return Err(vm.new_memory_error(text));
        }
        if b.steps.get() > b.steps_max.get() {
            let class = HOOKS.with(|h| h.get().expect("the engine runs").interrupted.clone());
            let text = "the record takes more steps than it may: plugin(steps=...)".to_owned();
            return Err(vm.new_exception_msg(class, text.into()));
        }
        Ok(())
    })
}

/// A function of the script.
pub struct Function {
    pub call: PyObjectRef,
    pub rules: Rules,
}

pub struct Engine {
    interpreter: Interpreter,
    pub functions: Vec<Function>,
    pub description: String,
    pub emitter: PyObjectRef,
    pub records: PyObjectRef,
}

/// The interpreter before it has a script.
pub struct Machine {
    interpreter: Interpreter,
    emitter: PyObjectRef,
    records: PyObjectRef,
}

impl Machine {
    /// Starts the interpreter and imports the SDK. The error is for whoever builds the engine.
    pub fn new() -> Result<Machine, String> {
        INTERRUPT.call.set(Some(look));
        BOUNDS.with(|b| b.steps_max.set(u32::MAX));
        begin_steps();
        let mut settings = Settings::default();
        settings.isolated = true;
        settings.import_site = false;
        settings.install_signal_handlers = false;
        settings.write_bytecode = false;
        settings.hash_seed = Some(0); // sets have the same order in every instance
        let builder = Interpreter::builder(settings);
        let mut modules = rustpython_stdlib::stdlib_module_defs(&builder.ctx);
        modules.push(native::module_def(&builder.ctx));
        let interpreter = builder
            .add_native_modules(&modules)
            .add_frozen_modules(wasmflow_python_stdlib::FROZEN)
            .build();
        let (emitter, records) = interpreter.enter(|vm| {
            prepare(vm).map_err(|e| plainly(&e))?;
            // The import of their module has made their classes.
            let emitter: PyObjectRef = Emitter {}.into_ref(&vm.ctx).into();
            let records: PyObjectRef = Records {}.into_ref(&vm.ctx).into();
            Ok::<_, String>((emitter, records))
        })?;
        Ok(Machine { interpreter, emitter, records })
    }
}

impl Engine {
    /// Runs the script. The error is a refusal as JSON.
    pub fn new(machine: Machine, packed: &[u8]) -> Result<Engine, String> {
        let Machine { interpreter, emitter, records } = machine;
        BOUNDS.with(|b| b.steps_max.set(STEPS_TO_LOAD * STEPS));
        begin_steps();
        let loaded = interpreter.enter(|vm| load(vm, packed).map_err(|e| refusal(vm, e)))?;
        Ok(Engine {
            interpreter,
            functions: loaded.functions,
            description: loaded.description,
            emitter,
            records,
        })
    }

    pub fn enter<T>(&self, f: impl FnOnce(&VirtualMachine) -> T) -> T {
        self.interpreter.enter(f)
    }

    /// Gives the plugin its configuration. Returns a refusal as JSON, or nothing.
    pub fn open(&self, config: &str) -> String {
        self.enter(|vm| {
            begin_steps();
            let open = HOOKS.with(|h| h.get().expect("the engine runs").open.clone());
            match open.call((config.to_owned(),), vm) {
                Ok(answer) if vm.is_none(&answer) => String::new(),
                Ok(answer) => string_of(&answer),
                Err(e) => refusal(vm, e),
            }
        })
    }

    /// Begins a call: what is random in it follows from the seed.
    pub fn begin(&self, vm: &VirtualMachine, seed: u64) -> PyResult<()> {
        begin_steps();
        let begin = HOOKS.with(|h| h.get().expect("the engine runs").begin.clone());
        begin.call((seed,), vm).map(drop)
    }
}

struct Loaded {
    functions: Vec<Function>,
    description: String,
}

/// Imports the SDK and finds what native code needs of it.
fn prepare(vm: &VirtualMachine) -> PyResult<()> {
    let sdk = vm.import("wasmflow", 0)?;
    let start = vm.import("_wasmflow_start", 0)?;
    let hooks = Hooks {
        encode: sdk.get_attr("_encode", vm)?,
        decode: sdk.get_attr("_decode", vm)?,
        source: sdk.get_attr("Source", vm)?,
        interrupted: sdk.get_attr("Interrupted", vm)?.try_into_value::<PyTypeRef>(vm)?,
        failure: sdk.get_attr("_failure", vm)?,
        refusal: sdk.get_attr("_refusal", vm)?,
        open: sdk.get_attr("_open", vm)?,
        begin: start.get_attr("begin", vm)?,
        load: start.get_attr("load", vm)?,
    };
    HOOKS.with(|h| {
        if h.set(hooks).is_err() {
            unreachable!("an instance has one machine")
        }
    });
    Ok(())
}

fn load(vm: &VirtualMachine, packed: &[u8]) -> PyResult<Loaded> {
    let load = HOOKS.with(|h| h.get().expect("the engine runs").load.clone());
    let loaded = load.call((vm.ctx.new_bytes(packed.to_vec()),), vm)?;
    let parts: Vec<PyObjectRef> = loaded.try_to_value(vm)?;
    let [description, functions, memory, steps] = parts.as_slice() else {
        unreachable!("load returns four parts")
    };
    let functions: Vec<PyObjectRef> = functions.try_to_value(vm)?;
    let functions = functions.iter().map(|f| function_of(vm, f)).collect::<PyResult<_>>()?;
    let (memory, steps): (usize, u32) = (memory.try_to_value(vm)?, steps.try_to_value(vm)?);
    BOUNDS.with(|b| {
        b.memory_max.set(if memory > 0 { memory } else { MEMORY });
        b.steps_max.set(if steps > 0 { steps } else { STEPS });
    });
    Ok(Loaded { functions, description: string_of(description) })
}

fn function_of(vm: &VirtualMachine, f: &PyObjectRef) -> PyResult<Function> {
    let parts: Vec<PyObjectRef> = f.try_to_value(vm)?;
    let [call, role, batch, outputs, headers, source] = parts.as_slice() else {
        unreachable!("a function has six parts")
    };
    let roles =
        [Role::Transform, Role::Deserializer, Role::Serializer, Role::Partitioner, Role::Bucketer];
    let outputs: Vec<PyObjectRef> = outputs.try_to_value(vm)?;
    let rules = Rules {
        role: roles[role.try_to_value::<usize>(vm)?],
        batch: batch.clone().is_true(vm)?,
        outputs: outputs.iter().map(string_of).collect(),
        headers: headers.clone().is_true(vm)?,
        source: source.clone().is_true(vm)?,
    };
    Ok(Function { call: call.clone(), rules })
}

fn string_of(text: &PyObjectRef) -> String {
    text.downcast_ref::<PyStr>().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What is told of an exception when the Python part cannot tell.
fn plainly(e: &PyBaseExceptionRef) -> String {
    e.class().name().to_string()
}

/// Code and text of a record's failure.
pub fn failure(vm: &VirtualMachine, e: PyBaseExceptionRef) -> (u32, String) {
    begin_steps();
    let told = plainly(&e);
    let tell = HOOKS.with(|h| h.get().expect("the engine runs").failure.clone());
    let answer = tell.call((e,), vm).and_then(|v| v.try_to_value::<Vec<PyObjectRef>>(vm));
    match answer.as_deref() {
        Ok([code, text]) => (code.try_to_value(vm).unwrap_or_default(), string_of(text)),
        _ => (0, told),
    }
}

/// The JSON of a refusal.
fn refusal(vm: &VirtualMachine, e: PyBaseExceptionRef) -> String {
    begin_steps();
    let told = plainly(&e);
    let tell = HOOKS.with(|h| h.get().expect("the engine runs").refusal.clone());
    match tell.call((e,), vm) {
        Ok(text) => string_of(&text),
        Err(_) => format!("{{\"field\":\"\",\"message\":\"{told}\"}}"),
    }
}
