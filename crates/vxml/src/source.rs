//! Names that a script declares: they belong to the scope that the script stands in.
//!
//! Scripts run inside `with`, where `var` and functions would stay local. This is a reader of
//! tokens, no parser: it knows texts, comments, patterns and brackets, which is enough to tell
//! what stands outside of all functions.

/// What a script declares outside of functions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    /// Names of variables.
    pub(crate) variables: Vec<String>,
    /// Names of functions.
    pub(crate) functions: Vec<String>,
    /// The source with `let` and `const` of the outermost level written as `var`.
    pub(crate) source: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Mark(char),
    /// A text, number, template or pattern.
    Literal,
}

/// Reads the declarations of a script.
pub(crate) fn declarations(source: &str) -> Declared {
    let tokens = tokens(source);
    let mut found = Declared::default();
    let mut changes: Vec<(usize, usize)> = Vec::new();
    // For each open brace: whether it is the body of a function.
    let mut open: Vec<bool> = Vec::new();
    let mut at = 0;
    // Open brackets where a function began whose body is still to come.
    let mut function_ahead: Option<usize> = None;
    let mut parameters = 0_usize;
    while let Some((token, start)) = tokens.get(at) {
        at += 1;
        let inside = open.contains(&true);
        match token {
            Token::Word("function") => {
                function_ahead = Some(parameters);
                let mut next = at;
                if matches!(tokens.get(next), Some((Token::Mark('*'), _))) {
                    next += 1;
                }
                let before = at.checked_sub(2).and_then(|before| tokens.get(before));
                if let Some((Token::Word(name), _)) = tokens.get(next)
                    && !inside
                    && open.is_empty()
                    && is_statement_start(before.map(|(token, _)| token))
                {
                    push(&mut found.functions, name);
                }
            }
            Token::Word("var") if !inside => variables(&tokens, at, &mut found.variables),
            Token::Word(word @ ("let" | "const")) if open.is_empty() && parameters == 0 => {
                changes.push((*start, word.len()));
                variables(&tokens, at, &mut found.variables);
            }
            Token::Mark('(') => parameters += 1,
            Token::Mark(')') => parameters = parameters.saturating_sub(1),
            Token::Mark('{') => {
                let arrow = at.checked_sub(3).is_some_and(|from| {
                    let marks = tokens.get(from..at - 1).unwrap_or_default();
                    matches!(marks, [(Token::Mark('='), _), (Token::Mark('>'), _)])
                });
                let body = function_ahead == Some(parameters);
                open.push(body || arrow);
                if body {
                    function_ahead = None;
                }
            }
            Token::Mark('}') => {
                open.pop();
            }
            _ => {}
        }
    }
    found.source = with_changes(source, &changes);
    found
}

fn is_statement_start(before: Option<&Token<'_>>) -> bool {
    match before {
        None => true,
        Some(Token::Mark(mark)) => matches!(mark, ';' | '}' | ')'),
        Some(Token::Word(word)) => *word != "new" && *word != "return" && *word != "typeof",
        Some(Token::Literal) => true,
    }
}

fn push(list: &mut Vec<String>, name: &str) {
    if !list.iter().any(|known| known == name) {
        list.push(name.to_owned());
    }
}

/// The names of one declaration: those that follow `var` or a comma of its level.
fn variables(tokens: &[(Token<'_>, usize)], from: usize, out: &mut Vec<String>) {
    let mut depth = 0_usize;
    let mut expects = true;
    let mut previous_ends = false;
    for (token, _) in tokens.get(from..).unwrap_or_default() {
        match token {
            Token::Word("in" | "of") if depth == 0 => return,
            Token::Word(name) if expects && depth == 0 => {
                push(out, name);
                expects = false;
                previous_ends = false;
                continue;
            }
            Token::Word(word) if depth == 0 && previous_ends && is_keyword(word) => return,
            Token::Mark('(' | '[' | '{') => depth += 1,
            Token::Mark(')' | ']' | '}') => {
                let Some(less) = depth.checked_sub(1) else {
                    return;
                };
                depth = less;
            }
            Token::Mark(',') if depth == 0 => expects = true,
            Token::Mark(';') if depth == 0 => return,
            _ => {}
        }
        previous_ends = matches!(
            token,
            Token::Word(_) | Token::Literal | Token::Mark(')' | ']' | '}')
        );
    }
}

/// Words that begin a statement: a line without a semicolon ended before them.
fn is_keyword(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "var", "let", "const", "if", "for", "while", "do", "return", "function", "switch", "try",
        "throw", "break", "continue",
    ];
    WORDS.contains(&word)
}

fn with_changes(source: &str, changes: &[(usize, usize)]) -> String {
    let mut out = String::with_capacity(source.len());
    let mut done = 0;
    for (start, length) in changes {
        out.push_str(source.get(done..*start).unwrap_or_default());
        out.push_str("var");
        done = start + length;
    }
    out.push_str(source.get(done..).unwrap_or_default());
    out
}

fn tokens(source: &str) -> Vec<(Token<'_>, usize)> {
    let mut out: Vec<(Token<'_>, usize)> = Vec::new();
    let mut at = 0;
    while let Some(rest) = source.get(at..)
        && let Some(c) = rest.chars().next()
    {
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let length = if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        } else if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
            continue;
        } else if matches!(c, '"' | '\'' | '`') {
            let length = quoted(rest, c);
            out.push((Token::Literal, at));
            length
        } else if c == '/' && may_be_pattern(out.last().map(|(token, _)| token)) {
            out.push((Token::Literal, at));
            pattern(rest)
        } else if is_word(c) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let word = rest.get(..length).unwrap_or_default();
            let token = if c.is_ascii_digit() {
                Token::Literal
            } else {
                Token::Word(word)
            };
            out.push((token, at));
            length
        } else {
            out.push((Token::Mark(c), at));
            c.len_utf8()
        };
        at += length.max(1);
    }
    out
}

/// Bytes of a quoted text from its first quote to its last.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            '\n' if quote != '`' => return at,
            _ => {}
        }
    }
    rest.len()
}

/// Bytes of a pattern from slash to slash.
fn pattern(rest: &str) -> usize {
    let (mut escaped, mut class) = (false, false);
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '/' if !class => return at + 1,
            '\n' => return at,
            _ => {}
        }
    }
    rest.len()
}

/// A slash after a value divides; elsewhere it begins a pattern.
fn may_be_pattern(before: Option<&Token<'_>>) -> bool {
    match before {
        None => true,
        Some(Token::Literal | Token::Mark(')' | ']' | '}')) => false,
        Some(Token::Mark(_)) => true,
        Some(Token::Word(word)) => matches!(*word, "return" | "typeof" | "case" | "in" | "of"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, variables: &[&str], functions: &[&str]) {
        let found = declarations(source);
        assert_eq!(found.variables, variables, "{source}");
        assert_eq!(found.functions, functions, "{source}");
    }

    #[test]
    fn names_outside_of_functions_are_found() {
        check("var a = 1, b = [2, 3], c;", &["a", "b", "c"], &[]);
        check(
            "var a = f(1, 2)\nvar b\nif (a) { var c = {x: 1, y: 2}, d = 4 }",
            &["a", "b", "c", "d"],
            &[],
        );
        check(
            "for (var i = 0, n = 3; i < n; i++) { var x = i }",
            &["i", "n", "x"],
            &[],
        );
        check("for (var k in o) k", &["k"], &[]);
    }

    #[test]
    fn names_within_functions_are_not() {
        check(
            "function f(a) { var b = 1; function g() {} }\nvar h = function () { var c }",
            &["h"],
            &["f"],
        );
        check("var f = (x) => { var y = x }", &["f"], &[]);
        check("(function () { var z = 1 })()", &[], &[]);
    }

    #[test]
    fn texts_comments_and_patterns_hold_no_names() {
        check(
            "// var a\n/* var b */ 'var c'; \"var d\"; `var e`; /var f[/]/.test(x)",
            &[],
            &[],
        );
        check("var a = 4 / 2 / 1; var b = 'it\\'s'", &["a", "b"], &[]);
    }

    #[test]
    fn newer_declarations_are_written_the_old_way() {
        let found = declarations("let a = 1; const b = 2; { let c = 3 }");
        assert_eq!(found.variables, ["a", "b"]);
        assert_eq!(found.source, "var a = 1; var b = 2; { let c = 3 }");
    }
}
