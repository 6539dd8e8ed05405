//! One runtime per session: its values, its functions and its limits.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use rquickjs::context::intrinsic;
use rquickjs::function::Rest;
use rquickjs::object::Property;
use rquickjs::{Context, Ctx, Exception, Function, Runtime, Value};
use serde_json::Value as Json;

use crate::bytecode::{self, Bytecode};
use crate::compiler::{Base, Compiler, Kind, Program, Snippet};
use crate::convert::{Argument, to_js, to_json, to_text};
use crate::error::Error;
use crate::kept::Kept;
use crate::limits::{GC_THRESHOLD_BYTES, Limits, Watch};

/// Code that every sandbox runs first.
const BOOTSTRAP: &str = include_str!("bootstrap.js");

/// A function of the host: values in, a value out or the text of a `TypeError`.
pub type HostFunction = Arc<dyn Fn(&[Json]) -> Result<Json, String> + Send + Sync>;

/// A value that stays inside its sandbox until it is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(usize);

/// What the interrupt and the handed-in clock share with the runtime.
struct Shared {
    watch: Arc<dyn Watch>,
    deadline_us: AtomicU64,
    timed_out: AtomicBool,
    now_ms: AtomicI64,
    random: AtomicU64,
}

enum Cell {
    Unloaded,
    Function(Kept<Function<'static>>),
    Script(Kept<Value<'static>>),
}

/// The script side of one session.
///
/// The order of the fields matters: kept values go before the runtime they belong to.
pub struct Sandbox {
    loaded: Vec<Loaded>,
    kept: Vec<Option<Kept<Value<'static>>>>,
    context: Context,
    runtime: Runtime,
    shared: Arc<Shared>,
    time_us: u64,
}

/// A program and what was made of it so far.
struct Loaded {
    program: Arc<Program>,
    cells: Vec<Cell>,
}

impl Loaded {
    fn new(program: Arc<Program>) -> Self {
        let cells = (0..program.len()).map(|_| Cell::Unloaded).collect();
        Self { program, cells }
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("programs", &self.loaded.len())
            .finish_non_exhaustive()
    }
}

type Intrinsics = (
    intrinsic::Date,
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
);

impl Sandbox {
    /// A fresh runtime for a program; `seed` is where `Math.random` starts.
    ///
    /// # Errors
    /// The limits leave no room for the built-in objects.
    pub fn new(
        program: Arc<Program>,
        limits: &Limits,
        watch: Arc<dyn Watch>,
        seed: u64,
    ) -> Result<Self, Error> {
        let runtime = Runtime::new().map_err(|_none| Error::memory())?;
        runtime.set_memory_limit(limits.heap_bytes);
        runtime.set_max_stack_size(limits.stack_bytes);
        runtime.set_gc_threshold(GC_THRESHOLD_BYTES.min(limits.heap_bytes / 2));
        let shared = Arc::new(Shared {
            watch,
            deadline_us: AtomicU64::new(u64::MAX),
            timed_out: AtomicBool::new(false),
            now_ms: AtomicI64::new(0),
            random: AtomicU64::new(seed),
        });
        let context = Context::custom::<Intrinsics>(&runtime).map_err(|_none| Error::memory())?;
        let interrupt = Arc::clone(&shared);
        runtime.set_interrupt_handler(Some(Box::new(move || interrupt.is_over())));
        let mut sandbox = Self {
            loaded: vec![Loaded::new(program)],
            kept: Vec::new(),
            context,
            runtime,
            shared,
            time_us: limits.time_us,
        };
        sandbox.bootstrap()?;
        Ok(sandbox)
    }

    /// Takes in one more program; its snippets are named by [`Snippet::of`].
    pub fn extend(&mut self, program: Arc<Program>) -> Base {
        let free = self
            .loaded
            .iter()
            .skip(1)
            .position(|loaded| loaded.program.len() == 0);
        let at = match free {
            Some(free) => {
                if let Some(place) = self.loaded.get_mut(free + 1) {
                    *place = Loaded::new(program);
                }
                free + 1
            }
            None => {
                self.loaded.push(Loaded::new(program));
                self.loaded.len() - 1
            }
        };
        // Beyond that a snippet names nothing and says so when it is run.
        Base(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// Gives a program back that [`Self::extend`] took in; its snippets name nothing any more.
    pub fn forget(&mut self, base: Base) {
        let at = usize::try_from(base.0).unwrap_or(usize::MAX);
        if let Some(place) = self.loaded.get_mut(at) {
            *place = Loaded::new(Arc::default());
        }
    }

    /// Starts a stretch of work: the clock that scripts see, and the time limit anew.
    pub fn begin(&mut self, now_ms: i64) {
        self.shared.now_ms.store(now_ms, Ordering::Relaxed);
        let deadline = self.shared.watch.elapsed_us().saturating_add(self.time_us);
        self.shared.deadline_us.store(deadline, Ordering::Relaxed);
        self.shared.timed_out.store(false, Ordering::Relaxed);
    }

    /// True once the time limit was reached since [`Self::begin`].
    pub fn is_timed_out(&self) -> bool {
        self.shared.timed_out.load(Ordering::Relaxed)
    }

    /// Bytes of heap in use.
    pub fn heap_bytes(&self) -> u64 {
        u64::try_from(self.runtime.memory_usage().malloc_size).unwrap_or_default()
    }

    /// Runs a script or calls a function without arguments; the value is dropped.
    ///
    /// # Errors
    /// What the script threw, or the limit it reached.
    pub fn run(&mut self, snippet: Snippet) -> Result<(), Error> {
        self.evaluate(snippet, &[], |_| Ok(()))
    }

    /// Evaluates to true or false, the way `if` would.
    ///
    /// # Errors
    /// What the script threw, or the limit it reached.
    pub fn truth(&mut self, snippet: Snippet) -> Result<bool, Error> {
        self.evaluate(snippet, &[], |value| {
            Ok(value.get::<rquickjs::Coerced<bool>>()?.0)
        })
    }

    /// Evaluates to JSON; `undefined` and functions become null.
    ///
    /// # Errors
    /// What the script threw, or the limit it reached; cycles cannot be copied.
    pub fn json(&mut self, snippet: Snippet) -> Result<Json, Error> {
        self.evaluate(snippet, &[], |value| to_json(&value))
    }

    /// Evaluates to a text; objects become JSON.
    ///
    /// # Errors
    /// What the script threw, or the limit it reached.
    pub fn text(&mut self, snippet: Snippet) -> Result<String, Error> {
        self.evaluate(snippet, &[], |value| to_text(&value))
    }

    /// Calls a function with arguments and copies its result.
    ///
    /// # Errors
    /// What the script threw, or the limit it reached.
    pub fn call(&mut self, snippet: Snippet, arguments: &[Argument<'_>]) -> Result<Json, Error> {
        self.evaluate(snippet, arguments, |value| to_json(&value))
    }

    /// Calls a function with arguments; the result is dropped.
    ///
    /// # Errors
    /// What the script threw, or the limit it reached.
    pub fn apply(&mut self, snippet: Snippet, arguments: &[Argument<'_>]) -> Result<(), Error> {
        self.evaluate(snippet, arguments, |_| Ok(()))
    }

    /// Evaluates and keeps the value inside until [`Self::release`].
    ///
    /// # Errors
    /// What the script threw, or the limit it reached.
    pub fn keep(&mut self, snippet: Snippet, arguments: &[Argument<'_>]) -> Result<Handle, Error> {
        let value = self.evaluate(snippet, arguments, |value| {
            let ctx = value.ctx().clone();
            Ok(Kept::new(&ctx, value))
        })?;
        if let Some(free) = self.kept.iter().position(Option::is_none) {
            if let Some(place) = self.kept.get_mut(free) {
                *place = Some(value);
            }
            return Ok(Handle(free));
        }
        self.kept.push(Some(value));
        Ok(Handle(self.kept.len() - 1))
    }

    /// Copies a kept value to JSON.
    ///
    /// # Errors
    /// What a `toJSON` threw, or the limit it reached.
    pub fn kept_json(&mut self, handle: Handle) -> Result<Json, Error> {
        self.kept(handle, to_json)
    }

    /// The text of a kept value; objects become JSON.
    ///
    /// # Errors
    /// What a `toString` threw, or the limit it reached.
    pub fn kept_text(&mut self, handle: Handle) -> Result<String, Error> {
        self.kept(handle, to_text)
    }

    /// Gives a kept value back.
    pub fn release(&mut self, handle: Handle) {
        if let Some(place) = self.kept.get_mut(handle.0) {
            *place = None;
        }
    }

    /// Defines a global that scripts can neither change nor delete.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn define(&mut self, name: &str, value: &Json) -> Result<(), Error> {
        self.with(|ctx| {
            let value = to_js(ctx, value, 0)?;
            ctx.globals().prop(name, Property::from(value))
        })
    }

    /// Sets a global that scripts may change.
    ///
    /// # Errors
    /// There is no room for it, or it cannot be written.
    pub fn set(&mut self, name: &str, value: &Json) -> Result<(), Error> {
        self.with(|ctx| {
            let value = to_js(ctx, value, 0)?;
            ctx.globals().set(name, value)
        })
    }

    /// Defines a function of the host as a global.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn define_function(&mut self, name: &str, function: HostFunction) -> Result<(), Error> {
        self.with(|ctx| {
            let call =
                move |ctx: Ctx<'_>, arguments: Rest<Value<'_>>| -> rquickjs::Result<OwnedJson> {
                    let arguments = arguments
                        .0
                        .iter()
                        .map(to_json)
                        .collect::<rquickjs::Result<Vec<_>>>()?;
                    function(&arguments)
                        .map(OwnedJson)
                        .map_err(|message| Exception::throw_type(&ctx, &message))
                };
            let function = Function::new(ctx.clone(), call)?.with_name(name)?;
            ctx.globals()
                .prop(name, Property::from(function).configurable().writable())
        })
    }

    fn bootstrap(&mut self) -> Result<(), Error> {
        let code = bootstrap_code()?;
        let shared = Arc::clone(&self.shared);
        self.with(|ctx| {
            let start = bytecode::run(&bytecode::load(ctx, code)?)?;
            let start = start.get::<Function<'_>>()?;
            let clock = Arc::clone(&shared);
            #[expect(
                clippy::cast_precision_loss,
                reason = "milliseconds of dates are below 2^53"
            )]
            let now = Function::new(ctx.clone(), move || {
                clock.now_ms.load(Ordering::Relaxed) as f64
            })?;
            let random = Function::new(ctx.clone(), move || shared.next_random())?;
            start.call::<_, ()>((now, random))
        })
    }

    fn kept<T>(
        &mut self,
        handle: Handle,
        read: impl FnOnce(&Value<'_>) -> rquickjs::Result<T>,
    ) -> Result<T, Error> {
        let value = self.kept.get(handle.0).and_then(Option::as_ref);
        let value = value.ok_or_else(|| Error::internal("the value was released"))?;
        with(&self.context, &self.shared, |ctx| read(&value.get(ctx)?))
    }

    /// Runs a piece of the program and reads its value while the runtime is locked.
    fn evaluate<T>(
        &mut self,
        snippet: Snippet,
        arguments: &[Argument<'_>],
        read: impl FnOnce(Value<'_>) -> rquickjs::Result<T>,
    ) -> Result<T, Error> {
        let program = usize::try_from(snippet.program).unwrap_or(usize::MAX);
        let index = usize::try_from(snippet.index).unwrap_or(usize::MAX);
        let unknown = || Error::internal("the source belongs to another program");
        let loaded = self.loaded.get_mut(program).ok_or_else(unknown)?;
        let cell = loaded.cells.get_mut(index).ok_or_else(unknown)?;
        if matches!(cell, Cell::Unloaded) {
            let piece = loaded.program.piece(snippet).ok_or_else(unknown)?;
            let code = piece.code.as_ref().map_err(Clone::clone)?;
            *cell = with(&self.context, &self.shared, |ctx| {
                let loaded = bytecode::load(ctx, code)?;
                Ok(match piece.kind {
                    Kind::Script => Cell::Script(Kept::new(ctx, loaded)),
                    Kind::Function => {
                        let function = bytecode::run(&loaded)?.get::<Function<'_>>()?;
                        Cell::Function(Kept::new(ctx, function))
                    }
                })
            })?;
        }
        let (cell, kept) = (&*cell, &self.kept);
        with(&self.context, &self.shared, |ctx| {
            let value = match cell {
                Cell::Script(code) => bytecode::run(&code.get(ctx)?)?,
                Cell::Function(function) => {
                    let function = function.get(ctx)?;
                    call(ctx, &function, arguments, kept)?
                }
                Cell::Unloaded => Value::new_undefined(ctx.clone()),
            };
            read(value)
        })
    }

    fn with<T>(&mut self, work: impl FnOnce(&Ctx<'_>) -> rquickjs::Result<T>) -> Result<T, Error> {
        with(&self.context, &self.shared, work)
    }
}

fn with<T>(
    context: &Context,
    shared: &Shared,
    work: impl FnOnce(&Ctx<'_>) -> rquickjs::Result<T>,
) -> Result<T, Error> {
    context.with(|ctx| {
        work(&ctx).map_err(|error| {
            let timed_out = shared.timed_out.load(Ordering::Relaxed);
            Error::take(&ctx, &error, timed_out)
        })
    })
}

fn call<'js>(
    ctx: &Ctx<'js>,
    function: &Function<'js>,
    arguments: &[Argument<'_>],
    kept: &[Option<Kept<Value<'static>>>],
) -> rquickjs::Result<Value<'js>> {
    if arguments.is_empty() {
        return function.call(());
    }
    let mut values = rquickjs::function::Args::new(ctx.clone(), arguments.len());
    for argument in arguments {
        values.push_arg(match argument {
            Argument::Undefined => Value::new_undefined(ctx.clone()),
            Argument::Text(text) => rquickjs::String::from_str(ctx.clone(), text)?.into_value(),
            Argument::Json(json) => to_js(ctx, json, 0)?,
            Argument::Kept(handle) => match kept.get(handle.0).and_then(Option::as_ref) {
                Some(value) => value.get(ctx)?,
                None => Value::new_undefined(ctx.clone()),
            },
        })?;
    }
    function.call_arg(values)
}

/// JSON on its way into the script.
struct OwnedJson(Json);

impl<'js> rquickjs::IntoJs<'js> for OwnedJson {
    fn into_js(self, ctx: &Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        to_js(ctx, &self.0, 0)
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        if self.watch.elapsed_us() < self.deadline_us.load(Ordering::Relaxed) {
            return false;
        }
        self.timed_out.store(true, Ordering::Relaxed);
        true
    }

    /// The next number of splitmix64, as a double in [0, 1).
    fn next_random(&self) -> f64 {
        let state = self
            .random
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let unit = (z >> 11) as f64 / (1_u64 << 53) as f64;
        unit
    }
}

/// The bootstrap is compiled once per process.
fn bootstrap_code() -> Result<&'static Bytecode, Error> {
    static CODE: OnceLock<Result<Bytecode, Error>> = OnceLock::new();
    let code = CODE.get_or_init(|| {
        let mut compiler = Compiler::new()?;
        let snippet = compiler.script(BOOTSTRAP);
        let program = compiler.finish();
        match program.piece(snippet).map(|piece| &piece.code) {
            Some(code) => code.clone(),
            None => Err(Error::internal("the bootstrap is missing")),
        }
    });
    code.as_ref().map_err(Clone::clone)
}
