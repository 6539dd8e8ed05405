//! Functions of the engine on the script side: `prelude.js`, cut into its parts.

use script::{Compiler, Snippet};

const SOURCE: &str = include_str!("prelude.js");

/// Functions of the engine that live on the script side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prelude {
    pub(crate) start: Snippet,
    pub(crate) set_event: Snippet,
    pub(crate) object_model: Snippet,
    pub(crate) list: Snippet,
    pub(crate) count: Snippet,
    pub(crate) element: Snippet,
    pub(crate) arguments: Snippet,
    pub(crate) parse_xml: Snippet,
}

impl Prelude {
    pub(crate) fn compile(compiler: &mut Compiler) -> Self {
        let mut part = |name: &str| compiler.function(source_of(name));
        Self {
            start: part("start"),
            set_event: part("set_event"),
            object_model: part("object_model"),
            list: part("list"),
            count: part("count"),
            element: part("element"),
            arguments: part("arguments"),
            parse_xml: part("parse_xml"),
        }
    }
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
        let mut compiler = Compiler::new().unwrap();
        let Prelude {
            start,
            set_event,
            object_model,
            list,
            count,
            element,
            arguments,
            parse_xml,
        } = Prelude::compile(&mut compiler);
        for part in [
            start,
            set_event,
            object_model,
            list,
            count,
            element,
            arguments,
            parse_xml,
        ] {
            assert_eq!(compiler.fault(part), None);
        }
    }
}
