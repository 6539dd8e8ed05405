//! Byte code: compiled here, loaded and run here, from nowhere else.
//!
//! The safe interface of the binding offers byte code for modules only; operators' scripts are
//! sloppy global code. This file is the one place of the package with `unsafe`.
#![expect(
    unsafe_code,
    reason = "the binding has no safe call for byte code of global scripts"
)]

use std::ffi::CString;
use std::slice;

use rquickjs::{Ctx, Error, Result, Value, qjs};

/// Name under which sources appear in stack traces.
pub(crate) const FILE: &str = "document";

/// Code that [`compile`] made; nobody else can make one.
#[derive(Clone, Debug)]
pub(crate) struct Bytecode(Box<[u8]>);

/// Compiles global code without running it.
pub(crate) fn compile(ctx: &Ctx<'_>, source: &str) -> Result<Bytecode> {
    let length = source.len();
    let source = CString::new(source)?;
    let file = CString::new(FILE)?;
    let flags = qjs::JS_EVAL_TYPE_GLOBAL | qjs::JS_EVAL_FLAG_COMPILE_ONLY;
    let raw = ctx.as_raw().as_ptr();
    // SAFETY: `raw` is alive as long as `ctx`; both texts are NUL-terminated and outlive the call.
    let compiled = unsafe {
        let flags = i32::try_from(flags).unwrap_or_default();
        let value = qjs::JS_Eval(raw, source.as_ptr(), length as _, file.as_ptr(), flags);
        if qjs::JS_IsException(value) {
            return Err(Error::Exception);
        }
        Value::from_raw(ctx.clone(), value)
    };
    let flags = qjs::JS_WRITE_OBJ_BYTECODE | qjs::JS_WRITE_OBJ_STRIP_SOURCE;
    let mut size: qjs::size_t = 0;
    // SAFETY: the value belongs to this context; the buffer holds `size` bytes and is copied
    // before it is given back to the allocator it came from.
    unsafe {
        let flags = i32::try_from(flags).unwrap_or_default();
        let buffer = qjs::JS_WriteObject(raw, &raw mut size, compiled.as_raw(), flags);
        if buffer.is_null() {
            return Err(Error::Exception);
        }
        let length = usize::try_from(size).unwrap_or_default();
        let bytes = slice::from_raw_parts(buffer, length).into();
        qjs::js_free(raw, buffer.cast());
        Ok(Bytecode(bytes))
    }
}

/// Brings code into a runtime; the value can be run any number of times.
pub(crate) fn load<'js>(ctx: &Ctx<'js>, code: &Bytecode) -> Result<Value<'js>> {
    let raw = ctx.as_raw().as_ptr();
    let flags = i32::try_from(qjs::JS_READ_OBJ_BYTECODE).unwrap_or_default();
    // SAFETY: the bytes come from `compile` in this process, so they are what this very build of
    // QuickJS wrote; the engine copies what it keeps.
    unsafe {
        let value = qjs::JS_ReadObject(raw, code.0.as_ptr(), code.0.len() as _, flags);
        if qjs::JS_IsException(value) {
            return Err(Error::Exception);
        }
        Ok(Value::from_raw(ctx.clone(), value))
    }
}

/// Runs loaded code and returns its completion value.
pub(crate) fn run<'js>(code: &Value<'js>) -> Result<Value<'js>> {
    let ctx = code.ctx();
    let raw = ctx.as_raw().as_ptr();
    // SAFETY: the value was made by `load` in this runtime; the call takes one reference, which
    // is added first because the caller keeps its own.
    unsafe {
        let taken = qjs::JS_DupValue(raw, code.as_raw());
        let value = qjs::JS_EvalFunction(raw, taken);
        if qjs::JS_IsException(value) {
            return Err(Error::Exception);
        }
        Ok(Value::from_raw(ctx.clone(), value))
    }
}

#[cfg(test)]
impl Bytecode {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
