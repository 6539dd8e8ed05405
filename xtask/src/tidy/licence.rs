//! Licence expressions of crates (SPDX 2.3 annex D, and the older form with a slash).

use std::iter::Peekable;
use std::vec::IntoIter;

/// Whether a licence expression can be satisfied with the accepted licences alone.
///
/// # Errors
/// A sentence that says what is wrong with the expression.
pub(super) fn accepted(expression: &str, accepted: &[&str]) -> Result<bool, String> {
    let mut parser = Parser {
        words: words(expression).into_iter().peekable(),
        accepted,
    };
    let result = parser.any()?;
    match parser.words.next() {
        None => Ok(result),
        Some(word) => Err(format!("`{word}` is unexpected")),
    }
}

/// Names, operators and brackets; `A/B` is how manifests wrote `A OR B` before SPDX.
fn words(expression: &str) -> Vec<String> {
    expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ")
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

struct Parser<'a> {
    words: Peekable<IntoIter<String>>,
    accepted: &'a [&'a str],
}

impl Parser<'_> {
    fn any(&mut self) -> Result<bool, String> {
        let mut result = self.all()?;
        while self.words.next_if(|word| word == "OR").is_some() {
            result |= self.all()?;
        }
        Ok(result)
    }

    /// `AND` binds more tightly than `OR`.
    fn all(&mut self) -> Result<bool, String> {
        let mut result = self.one()?;
        while self.words.next_if(|word| word == "AND").is_some() {
            result &= self.one()?;
        }
        Ok(result)
    }

    fn one(&mut self) -> Result<bool, String> {
        let word = self.words.next().ok_or("it ends too early")?;
        match word.as_str() {
            "(" => {
                let result = self.any()?;
                match self.words.next() {
                    Some(word) if word == ")" => Ok(result),
                    _ => Err("a bracket is not closed".to_owned()),
                }
            }
            ")" | "OR" | "AND" | "WITH" => Err(format!("`{word}` is unexpected")),
            licence => {
                let licence = if self.words.next_if(|word| word == "WITH").is_some() {
                    let exception = self.words.next().ok_or("`WITH` without an exception")?;
                    format!("{licence} WITH {exception}")
                } else {
                    licence.to_owned()
                };
                Ok(self.accepted.contains(&licence.as_str()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: Result<bool, &str>) {
        let licences = [
            "MIT",
            "Apache-2.0",
            "Apache-2.0 WITH LLVM-exception",
            "Zlib",
        ];
        let result = accepted(expression, &licences);
        assert_eq!(
            result.as_ref().map_err(String::as_str),
            expected.as_ref().map_err(|e| *e)
        );
    }

    #[test]
    fn one_accepted_choice_is_enough() {
        check("MIT", Ok(true));
        check("GPL-3.0-only", Ok(false));
        check("GPL-3.0-only OR MIT", Ok(true));
        check("Unlicense/MIT", Ok(true));
        check("GPL-2.0/LGPL-2.1", Ok(false));
    }

    #[test]
    fn every_part_of_a_combination_must_be_accepted() {
        check("MIT AND Zlib", Ok(true));
        check("MIT AND OpenSSL", Ok(false));
        check("OpenSSL AND MIT OR Zlib", Ok(true));
        check("(MIT OR Apache-2.0) AND Unicode-3.0", Ok(false));
        check("(MIT OR (GPL-2.0 AND Zlib)) AND Apache-2.0", Ok(true));
    }

    #[test]
    fn a_licence_with_an_exception_is_a_licence_of_its_own() {
        check("Apache-2.0 WITH LLVM-exception OR GPL-2.0", Ok(true));
        check("MIT WITH LLVM-exception", Ok(false));
    }

    #[test]
    fn broken_expressions_are_refused() {
        check("", Err("it ends too early"));
        check("MIT OR", Err("it ends too early"));
        check("(MIT", Err("a bracket is not closed"));
        check("MIT Zlib", Err("`Zlib` is unexpected"));
        check("OR MIT", Err("`OR` is unexpected"));
        check("MIT WITH", Err("`WITH` without an exception"));
    }
}
