//! `?dry_run=&strict=` of the imports.

use engine::ImportMode;

use crate::body;
use crate::error::Failure;

/// Reads the mode of an import from its query.
pub(super) fn parse(query: Option<&str>) -> Result<ImportMode, Failure> {
    let mut mode = ImportMode {
        dry_run: false,
        strict: false,
    };
    for (key, value) in body::query_pairs(query)? {
        match key.as_str() {
            "dry_run" => mode.dry_run = body::parse_bool(&key, &value)?,
            "strict" => mode.strict = body::parse_bool(&key, &value)?,
            _ => return Err(body::unknown_key(&key, "dry_run, strict")),
        }
    }
    Ok(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_write_and_repair_unless_told_otherwise() {
        let flags = |query| {
            parse(Some(query))
                .map(|mode| (mode.dry_run, mode.strict))
                .ok()
        };
        assert_eq!(flags(""), Some((false, false)));
        assert_eq!(flags("dry_run=true&strict=1"), Some((true, true)));
        assert_eq!(flags("dry_run=maybe"), None);
        assert_eq!(flags("dryrun=true"), None);
    }
}
