//! Values of a runtime that move between threads together with it.
#![expect(
    unsafe_code,
    reason = "the binding does not say that kept values may move with their runtime"
)]

use rquickjs::{Ctx, Function, JsLifetime, Persistent, Result, Value};

/// A value that its sandbox keeps.
pub(crate) struct Kept<T>(Persistent<T>);

// SAFETY: a kept value lives in a private field of the `Sandbox` that owns its runtime. The
// sandbox is not `Sync`, so values and runtime are on one thread at any time; QuickJS has no
// thread-local state, and the stack limit is set anew whenever the runtime is locked.
unsafe impl Send for Kept<Value<'static>> {}
// SAFETY: as above.
unsafe impl Send for Kept<Function<'static>> {}

impl<T> Kept<T> {
    pub(crate) fn new<'js, V>(ctx: &Ctx<'js>, value: V) -> Self
    where
        V: JsLifetime<'js, Changed<'static> = T>,
    {
        Self(Persistent::save(ctx, value))
    }

    pub(crate) fn get<'js>(&self, ctx: &Ctx<'js>) -> Result<T::Changed<'js>>
    where
        T: JsLifetime<'static> + Clone,
    {
        self.0.clone().restore(ctx)
    }
}
