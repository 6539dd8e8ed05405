//! Functions of the engine on the script side: `prelude.js`, cut into its parts.

use std::sync::{Arc, OnceLock};

use script::{Compiler, Error, Program, Snippet};

const SOURCE: &str = include_str!("prelude.js");

macro_rules! parts {
    ($($name:ident),* $(,)?) => {
        /// Functions of the engine that live on the script side.
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct Parts {
            $(pub(crate) $name: Snippet,)*
        }

        impl Parts {
            fn compile(compiler: &mut Compiler) -> Self {
                Self { $($name: compiler.function(source_of(stringify!($name))),)* }
            }

            #[cfg(test)]
            fn all(&self) -> Vec<(&'static str, Snippet)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

parts!(
    boot,
    application,
    document,
    dialog,
    anonymous,
    event,
    declare,
    keep,
    parameter,
    param,
    param_names,
    no_params,
    assign,
    assign_scoped,
    next,
    unset,
    fill,
    accept,
    slots,
    value,
    rule_enter,
    rule_start,
    rule_text,
    rule_tag,
    rule_leave,
    push,
    pop,
    export,
    text,
    list,
    count,
    element,
    parse_xml,
    items,
    put,
    lastmessage,
);

/// The compiled functions, made once per process.
#[derive(Clone, Debug)]
pub(crate) struct Prelude {
    pub(crate) parts: Parts,
    pub(crate) program: Arc<Program>,
}

/// The prelude.
pub(crate) fn prelude() -> Result<&'static Prelude, Error> {
    static PRELUDE: OnceLock<Result<Prelude, Error>> = OnceLock::new();
    let made = PRELUDE.get_or_init(|| {
        let mut compiler = Compiler::new()?;
        let parts = Parts::compile(&mut compiler);
        let program = Arc::new(compiler.finish());
        Ok(Prelude { parts, program })
    });
    made.as_ref().map_err(Clone::clone)
}

/// The text between `//# name` and the next such line.
fn source_of(name: &str) -> &'static str {
    let mut parts = SOURCE.split("\n//# ").skip(1);
    let part = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('\n'));
    part.map(str::trim).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_compiles() {
        let prelude = prelude().unwrap();
        for (name, part) in prelude.parts.all() {
            assert_eq!(prelude.program.fault(part), None, "{name}");
        }
    }
}
