//! The module _wasmflow: records and emitters as Python sees them, and what a plugin asks of its
//! host.

pub(crate) use _wasmflow::{bucket_of, module_def, partition_of, Emitter, Record, Records};

#[pymodule]
mod _wasmflow {
    use rustpython_vm::{
        builtins::{PyBytes, PyInt, PyStr, PyStrRef},
        function::FuncArgs,
        protocol::PyIterReturn,
        types::{IterNext, Iterable, SelfIter},
        Py, PyObject, PyObjectRef, PyPayload, PyResult, VirtualMachine,
    };

    use crate::engine::HOOKS;
    use crate::layout::*;
    use crate::output::Row;
    use crate::state::{Role, State, STATE};

    #[link(wasm_import_module = "wasmflow")]
    extern "C" {
        #[link_name = "log"]
        fn host_log(level: u32, text: *const u8, length: usize);
        #[link_name = "metric"]
        fn host_metric(kind: u32, name: *const u8, length: usize, value: f64);
    }

    #[pyfunction]
    fn log(level: u32, text: PyStrRef) {
        let text = text.to_string_lossy();
        // SAFETY: the host reads the text before it returns.
        unsafe { host_log(level, text.as_ptr(), text.len()) }
    }

    #[pyfunction]
    fn metric(kind: u32, name: PyStrRef, value: f64) {
        let name = name.to_string_lossy();
        // SAFETY: the host reads the name before it returns.
        unsafe { host_metric(kind, name.as_ptr(), name.len(), value) }
    }

    /// The record at hand. It holds nothing: what it is asked for is read from the frame then.
    #[pyattr]
    #[pyclass(name = "Record", module = "wasmflow")]
    #[derive(Debug, PyPayload)]
    pub struct Record {
        pub at_hand: u64,
    }

    impl Record {
        fn read<T>(&self, vm: &VirtualMachine, f: impl FnOnce(&State) -> T) -> PyResult<T> {
            STATE.with_borrow(|s| {
                if s.at_hand == self.at_hand {
                    return Ok(f(s));
                }
                let text = "the record is no longer at hand; take what you need of it in time";
                Err(vm.new_runtime_error(text))
            })
        }
    }

    fn bytes_of(b: Option<&[u8]>, vm: &VirtualMachine) -> PyObjectRef {
        b.map_or_else(|| vm.ctx.none(), |b| vm.ctx.new_bytes(b.to_vec()).into())
    }

    /// Text is refused where it is no UTF-8: a string that lost bytes looks like one that did not.
    fn text_of(b: Option<&[u8]>, what: &str, vm: &VirtualMachine) -> PyResult {
        let Some(b) = b else { return Ok(vm.ctx.none()) };
        match std::str::from_utf8(b) {
            Ok(text) => Ok(vm.ctx.new_str(text).into()),
            Err(_) => Err(vm.new_value_error(format!("the {what} is no UTF-8; read record.{what}"))),
        }
    }

    #[pyclass(flags(DISALLOW_INSTANTIATION))]
    impl Record {
        #[pygetset]
        fn key(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.read(vm, |s| bytes_of(s.key(), vm))
        }

        #[pygetset]
        fn value(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.read(vm, |s| bytes_of(s.value(), vm))
        }

        #[pygetset]
        fn key_text(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.read(vm, |s| text_of(s.key(), "key", vm))?
        }

        #[pygetset]
        fn text(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.read(vm, |s| text_of(s.value(), "value", vm))?
        }

        #[pymethod]
        fn json(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            let text = Self::text(zelf, vm)?;
            if vm.is_none(&text) {
                return Ok(text);
            }
            HOOKS.with(|h| h.get().expect("the engine runs").decode.clone()).call((text,), vm)
        }

        #[pygetset]
        fn timestamp(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<Option<i64>> {
            let ms = zelf.read(vm, |s| s.frame().core(s.index).timestamp)?;
            Ok((ms != NO_TIMESTAMP).then_some(ms))
        }

        #[pygetset]
        fn headers(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.read(vm, |s| {
                if !s.rules.headers {
                    let text = "register the function with columns=[\"headers\"]";
                    return Err(vm.new_runtime_error(text));
                }
                let list: Headers = s.frame().column(COLUMN_HEADERS, s.index);
                let mut headers = Vec::with_capacity(list.count as usize);
                for i in list.first..list.first + list.count {
                    let h: HeaderIn = s.frame().column(COLUMN_HEADER_ENTRIES, i);
                    let key = String::from_utf8_lossy(s.frame().bytes(h.key_offset, h.key_length));
                    let null = h.value_length == NULL_LENGTH;
                    let value = (!null).then(|| s.frame().bytes(h.value_offset, h.value_length));
                    let pair = vec![vm.ctx.new_str(key).into(), bytes_of(value, vm)];
                    headers.push(vm.ctx.new_tuple(pair).into());
                }
                Ok(vm.ctx.new_list(headers).into())
            })?
        }

        #[pygetset]
        fn source(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            let parts = zelf.read(vm, |s| {
                if !s.rules.source {
                    let text = "register the function with columns=[\"source\"]";
                    return Err(vm.new_runtime_error(text));
                }
                let at: SourceIn = s.frame().column(COLUMN_SOURCE, s.index);
                let split = String::from_utf8_lossy(s.frame().string(at.split)).into_owned();
                Ok((split, at.position_high, at.position_low, at.ordinal))
            })??;
            HOOKS.with(|h| h.get().expect("the engine runs").source.clone()).call(parts, vm)
        }
    }

    /// The records a batch function has yet to take.
    #[pyattr]
    #[pyclass(name = "Records", module = "wasmflow")]
    #[derive(Debug, PyPayload)]
    pub struct Records {}

    #[pyclass(with(IterNext, Iterable), flags(DISALLOW_INSTANTIATION))]
    impl Records {}

    impl SelfIter for Records {}

    impl IterNext for Records {
        fn next(_: &Py<Self>, vm: &VirtualMachine) -> PyResult<PyIterReturn> {
            let taken = STATE.with_borrow_mut(|s| {
                if s.frame.is_none() || !s.rules.batch {
                    return None;
                }
                while s.next < s.frame().header().count && !s.full() {
                    let i = s.next;
                    s.next += 1;
                    if s.is_data(i) {
                        s.take_up(i);
                        return Some(s.at_hand);
                    }
                }
                None
            });
            let Some(at_hand) = taken else { return Ok(PyIterReturn::StopIteration(None)) };
            crate::engine::begin_steps();
            Ok(PyIterReturn::Return(Record { at_hand }.into_ref(&vm.ctx).into()))
        }
    }

    /// Takes the records that are made of the one at hand.
    #[pyattr]
    #[pyclass(name = "Emitter", module = "wasmflow")]
    #[derive(Debug, PyPayload)]
    pub struct Emitter {}

    /// What is at hand, or the mistake of emitting where nothing is.
    fn parent(vm: &VirtualMachine) -> PyResult<u32> {
        STATE.with_borrow(|s| match s.at_hand {
            0 => Err(vm.new_runtime_error("there is no record at hand")),
            _ => Ok(s.index),
        })
    }

    /// Has f see the bytes of a str or of bytes, or null.
    fn content<T>(
        v: &PyObject,
        what: &str,
        vm: &VirtualMachine,
        f: impl FnOnce(Option<&[u8]>) -> T,
    ) -> PyResult<T> {
        if vm.is_none(v) {
            return Ok(f(None));
        }
        if let Some(text) = v.downcast_ref::<PyStr>() {
            return Ok(f(Some(text.try_as_utf8(vm)?.as_bytes())));
        }
        if let Some(bytes) = v.downcast_ref::<PyBytes>() {
            return Ok(f(Some(bytes.as_bytes())));
        }
        match v.try_bytes_like(vm, <[u8]>::to_vec) {
            Ok(bytes) => Ok(f(Some(&bytes))),
            Err(_) => {
                let got = v.class().name().to_string();
                Err(vm.new_type_error(format!("the {what} must be str, bytes or None, not {got}")))
            }
        }
    }

    fn set_key(row: &mut Row, v: &PyObject, vm: &VirtualMachine) -> PyResult<()> {
        content(v, "key", vm, |b| {
            row.core.flags &= !(SAME_KEY | NULL_KEY);
            let Some(b) = b else { return row.core.flags |= NULL_KEY };
            row.core.key_ptr = STATE.with_borrow_mut(|s| s.out.put(b));
            row.core.key_length = b.len() as u32;
        })
    }

    fn set_value(row: &mut Row, v: &PyObject, vm: &VirtualMachine) -> PyResult<()> {
        content(v, "value", vm, |b| {
            row.core.flags &= !(SAME_VALUE | NULL_VALUE);
            let Some(b) = b else { return row.core.flags |= NULL_VALUE };
            row.core.value_ptr = STATE.with_borrow_mut(|s| s.out.put(b));
            row.core.value_length = b.len() as u32;
        })
    }

    fn set_json(row: &mut Row, v: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        let encode = HOOKS.with(|h| h.get().expect("the engine runs").encode.clone());
        set_value(row, &*encode.call((v,), vm)?, vm)
    }

    fn text_in<'a>(v: &'a PyObject, what: &str, vm: &VirtualMachine) -> PyResult<&'a [u8]> {
        match v.downcast_ref::<PyStr>() {
            Some(text) => Ok(text.try_as_utf8(vm)?.as_bytes()),
            None => Err(vm.new_type_error(format!("a {what} must be a str"))),
        }
    }

    fn integer<T: for<'a> TryFrom<&'a malachite_bigint::BigInt>>(
        v: &PyObject,
        what: &str,
        vm: &VirtualMachine,
    ) -> PyResult<T> {
        v.downcast_ref::<PyInt>()
            .and_then(|n| T::try_from(n.as_bigint()).ok())
            .ok_or_else(|| vm.new_type_error(what.to_owned()))
    }

    fn set_headers(row: &mut Row, v: &PyObject, vm: &VirtualMachine) -> PyResult<()> {
        let mistake = || vm.new_type_error("headers must be pairs of a str and str, bytes or None");
        let list: Vec<PyObjectRef> = vm.extract_elements_with(v, Ok).map_err(|_| mistake())?;
        let first = STATE.with_borrow(|s| s.out.headers_count());
        for pair in &list {
            let pair: Vec<PyObjectRef> = vm.extract_elements_with(pair, Ok).map_err(|_| mistake())?;
            let [key, value] = pair.as_slice() else { return Err(mistake()) };
            let key = text_in(key, "header's key", vm)?;
            content(value, "header's value", vm, |value| {
                STATE.with_borrow_mut(|s| s.out.put_header(key, value));
            })?;
        }
        row.core.flags &= !SAME_HEADERS;
        row.headers = Headers { first, count: list.len() as u32 };
        STATE.with_borrow_mut(|s| s.out.uses(COLUMN_HEADERS));
        Ok(())
    }

    fn set_output(row: &mut Row, v: &PyObject, vm: &VirtualMachine) -> PyResult<()> {
        if vm.is_none(v) {
            return Ok(());
        }
        let name = text_in(v, "output", vm)?;
        let found = STATE
            .with_borrow(|s| s.rules.outputs.iter().position(|o| o.as_bytes() == name));
        let mistake = "the function is registered with no such output";
        row.core.output = found.ok_or_else(|| vm.new_value_error(mistake))? as u16 + 1;
        Ok(())
    }

    /// A partition, as a function answers or emits it.
    pub fn partition_of(v: &PyObject, vm: &VirtualMachine) -> PyResult<i32> {
        const MISTAKE: &str = "a partition must be a whole number from 0, or -1 for none";
        match integer::<i32>(v, MISTAKE, vm)? {
            n if n >= -1 => Ok(n),
            _ => Err(vm.new_value_error(MISTAKE)),
        }
    }

    /// The index of a bucket's name.
    pub fn bucket_of(v: &PyObject, vm: &VirtualMachine) -> PyResult<u32> {
        let name = text_in(v, "bucket", vm)?;
        Ok(STATE.with_borrow_mut(|s| s.out.name(name)))
    }

    fn set(row: &mut Row, name: &str, v: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        match name {
            "key" => set_key(row, &v, vm)?,
            "value" => set_value(row, &v, vm)?,
            "json" => set_json(row, v, vm)?,
            "headers" => set_headers(row, &v, vm)?,
            "timestamp" => {
                let what = "the timestamp must be whole milliseconds, or None";
                row.timestamp =
                    if vm.is_none(&v) { NO_TIMESTAMP } else { integer(&v, what, vm)? };
                row.core.flags &= !SAME_TIMESTAMP;
                STATE.with_borrow_mut(|s| s.out.uses(COLUMN_TIMESTAMP));
            }
            "target" => {
                let target = text_in(&v, "target", vm)?;
                row.target = STATE.with_borrow_mut(|s| {
                    s.out.uses(COLUMN_TARGET);
                    s.out.name(target)
                });
            }
            "partition" => {
                row.partition = partition_of(&v, vm)?;
                STATE.with_borrow_mut(|s| s.out.uses(COLUMN_PARTITION));
            }
            "output" => set_output(row, &v, vm)?,
            _ => return Err(vm.new_type_error(format!("a record has no field {name}"))),
        }
        Ok(())
    }

    fn add(row: Row) {
        STATE.with_borrow_mut(|s| s.out.add(row));
    }

    #[pyclass(flags(DISALLOW_INSTANTIATION))]
    impl Emitter {
        #[pymethod]
        fn forward(_zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<()> {
            add(Row::same(parent(vm)?));
            Ok(())
        }

        #[pymethod]
        fn value(_zelf: &Py<Self>, v: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
            let mut row = Row::same(parent(vm)?);
            set_value(&mut row, &v, vm)?;
            add(row);
            Ok(())
        }

        #[pymethod]
        fn json(_zelf: &Py<Self>, v: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
            let mut row = Row::same(parent(vm)?);
            set_json(&mut row, v, vm)?;
            add(row);
            Ok(())
        }

        #[pymethod]
        fn emit(_zelf: &Py<Self>, args: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
            let mut row = Row::same(parent(vm)?);
            if !args.args.is_empty() {
                return Err(vm.new_type_error("emit takes the fields of a record by name"));
            }
            for (name, v) in args.kwargs {
                set(&mut row, &name.to_string_lossy(), v, vm)?;
            }
            add(row);
            Ok(())
        }

        #[pymethod]
        fn more(_zelf: &Py<Self>, cursor: u64, vm: &VirtualMachine) -> PyResult<()> {
            STATE.with_borrow_mut(|s| {
                if s.rules.batch {
                    let text = "a batch function cannot go on with a record";
                    return Err(vm.new_runtime_error(text));
                }
                s.more = Some(cursor);
                Ok(())
            })
        }

        #[pymethod]
        fn end_of_stream(_zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<()> {
            STATE.with_borrow_mut(|s| {
                if s.rules.role != Role::Deserializer {
                    return Err(vm.new_runtime_error("only a deserializer can end the stream"));
                }
                s.ended = true;
                Ok(())
            })
        }

        #[pygetset]
        fn full(_zelf: &Py<Self>) -> bool {
            STATE.with_borrow(|s| s.frame.is_some() && s.full())
        }

        #[pygetset]
        fn cursor(_zelf: &Py<Self>) -> u64 {
            STATE.with_borrow(|s| s.cursor)
        }
    }
}
