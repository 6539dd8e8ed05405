//! Skill expressions of a target: `German>=5&(Invoices>2|Loans!=0)` (options §16).

use std::collections::BTreeMap;

/// Longest expression, bytes: a service option that no person could still read.
const TEXT_MAX: usize = 2048;
/// Deepest nesting of parentheses; bounds the recursion of parser and evaluation.
const DEPTH_MAX: usize = 16;

/// A parsed skill expression.
///
/// An agent who does not have a skill matches no comparison with it except `!=`: not having
/// German is not the same as German 0, and `German<5` asks for a weak German speaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkillExpression(Node);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    All(Vec<Self>),
    Any(Vec<Self>),
    Compare { skill: String, op: Op, value: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl SkillExpression {
    /// Reads an expression: comparisons `<skill> <operator> <integer>`, `&` before `|`, parentheses.
    ///
    /// A skill is any text without operator signs, blanks inside allowed, or anything in double
    /// quotes.
    ///
    /// # Errors
    ///
    /// What is wrong and where, as a sentence without the expression itself.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > TEXT_MAX {
            return Err(format!("a skill expression has at most {TEXT_MAX} bytes"));
        }
        let mut parser = Parser {
            rest: text,
            depth: 0,
        };
        let node = parser.any()?;
        match parser.peek() {
            None => Ok(Self(node)),
            Some(other) => Err(format!(
                "`{other}` is not expected after a complete comparison"
            )),
        }
    }

    /// Tells whether an agent with these skills is meant.
    #[must_use]
    pub fn matches(&self, skills: &BTreeMap<String, i64>) -> bool {
        self.0.matches(skills)
    }
}

impl Node {
    fn matches(&self, skills: &BTreeMap<String, i64>) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.matches(skills)),
            Self::Any(nodes) => nodes.iter().any(|node| node.matches(skills)),
            Self::Compare { skill, op, value } => match skills.get(skill) {
                None => *op == Op::NotEqual,
                Some(level) => op.holds(*level, *value),
            },
        }
    }
}

impl Op {
    const fn holds(self, level: i64, value: i64) -> bool {
        match self {
            Self::Equal => level == value,
            Self::NotEqual => level != value,
            Self::Less => level < value,
            Self::AtMost => level <= value,
            Self::Greater => level > value,
            Self::AtLeast => level >= value,
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn eat(&mut self, sign: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn any(&mut self) -> Result<Node, String> {
        let first = self.all()?;
        let mut nodes = vec![first];
        while self.eat("|") {
            nodes.push(self.all()?);
        }
        Ok(one_or(nodes, Node::Any))
    }

    fn all(&mut self) -> Result<Node, String> {
        let first = self.term()?;
        let mut nodes = vec![first];
        while self.eat("&") {
            nodes.push(self.term()?);
        }
        Ok(one_or(nodes, Node::All))
    }

    fn term(&mut self) -> Result<Node, String> {
        if !self.eat("(") {
            return self.comparison();
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("parentheses are nested deeper than {DEPTH_MAX}"));
        }
        let node = self.any()?;
        if !self.eat(")") {
            return Err(String::from("a closing parenthesis is missing"));
        }
        self.depth -= 1;
        Ok(node)
    }

    fn comparison(&mut self) -> Result<Node, String> {
        let skill = self.skill()?;
        let op = self
            .operator()
            .ok_or_else(|| format!("after `{skill}` one of = != < <= > >= is expected"))?;
        let (value, rest) = {
            let text = self.rest.trim_start();
            text.split_at(
                text.char_indices()
                    .find(|(i, c)| !(c.is_ascii_digit() || (*i == 0 && matches!(c, '-' | '+'))))
                    .map_or(text.len(), |(i, _)| i),
            )
        };
        self.rest = rest;
        let value = value
            .parse()
            .map_err(|_ignored| format!("`{skill}` has to be compared with an integer"))?;
        Ok(Node::Compare { skill, op, value })
    }

    fn skill(&mut self) -> Result<String, String> {
        if self.eat("\"") {
            let Some((name, rest)) = self.rest.split_once('"') else {
                return Err(String::from("a closing quote is missing"));
            };
            self.rest = rest;
            return non_empty(name);
        }
        let end = self
            .rest
            .find(['=', '!', '<', '>', '&', '|', '(', ')', '"']);
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        non_empty(name)
    }

    fn operator(&mut self) -> Option<Op> {
        // The longer sign first: `<=` also begins with `<`.
        const OPS: [(&str, Op); 6] = [
            ("!=", Op::NotEqual),
            ("<=", Op::AtMost),
            (">=", Op::AtLeast),
            ("=", Op::Equal),
            ("<", Op::Less),
            (">", Op::Greater),
        ];
        OPS.iter()
            .find(|(sign, _)| self.eat(sign))
            .map(|(_, op)| *op)
    }
}

fn non_empty(name: &str) -> Result<String, String> {
    let name = name.trim();
    if name.is_empty() {
        return Err(String::from("the name of a skill is missing"));
    }
    Ok(name.to_owned())
}

fn one_or(mut nodes: Vec<Node>, many: fn(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(node) if nodes.is_empty() => node,
        Some(node) => {
            nodes.push(node);
            many(nodes)
        }
        None => many(nodes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, skills: &[(&str, i64)], expected: bool) {
        let skills = skills.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect();
        let parsed = SkillExpression::parse(text).unwrap();
        assert_eq!(parsed.matches(&skills), expected, "{text} {skills:?}");
    }

    #[test]
    fn every_operator_compares_as_written() {
        for (op, expected) in [
            ("=", [false, true, false]),
            ("!=", [true, false, true]),
            ("<", [true, false, false]),
            ("<=", [true, true, false]),
            (">", [false, false, true]),
            (">=", [false, true, true]),
        ] {
            for (level, expected) in [4, 5, 6].into_iter().zip(expected) {
                check(&format!("German{op}5"), &[("German", level)], expected);
                check(
                    &format!("  German {op}  5 "),
                    &[("German", level)],
                    expected,
                );
            }
        }
    }

    #[test]
    fn and_binds_stronger_than_or_and_parentheses_win() {
        let a = [("a", 1), ("b", 0), ("c", 0)];
        check("a=1|b=1&c=1", &a, true);
        check("(a=1|b=1)&c=1", &a, false);
        check("b=1&c=1|a=1", &a, true);
        check("b=1&(c=1|a=1)", &a, false);
        check("((a=1))", &a, true);
    }

    #[test]
    fn an_absent_skill_matches_only_not_equal() {
        for op in ["=", "<", "<=", ">", ">="] {
            check(&format!("German{op}0"), &[], false);
        }
        check("German!=0", &[], true);
        check("German!=7&Loans>1", &[("Loans", 2)], true);
    }

    #[test]
    fn names_may_have_blanks_or_quotes_and_values_signs() {
        check("Home Loans > -2", &[("Home Loans", -1)], true);
        check("\"R&D\">=3", &[("R&D", 3)], true);
        check("Grün=1", &[("Grün", 1)], true);
    }

    #[test]
    fn broken_expressions_are_refused_with_a_sentence() {
        for (text, part) in [
            ("", "name of a skill"),
            ("German", "one of = !="),
            ("German>", "integer"),
            ("German>=x", "integer"),
            ("German>99999999999999999999", "integer"),
            ("German>=5&", "name of a skill"),
            ("German>=5 Loans>1", "not expected"),
            ("(German>=5", "closing parenthesis"),
            ("German>=5)", "not expected"),
            ("German==5", "integer"),
            ("\"German>5", "closing quote"),
        ] {
            let error = SkillExpression::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let deep = format!("{}a=1{}", "(".repeat(DEPTH_MAX), ")".repeat(DEPTH_MAX));
        assert!(SkillExpression::parse(&deep).is_ok());
        assert!(SkillExpression::parse(&format!("({deep})")).is_err());
        assert!(SkillExpression::parse(&"a=1&".repeat(TEXT_MAX)).is_err());
    }

    #[test]
    fn no_text_of_the_alphabet_panics() {
        // Every text up to five signs of an alphabet that covers each branch of the parser.
        let alphabet = [
            "a", "1", "-", "=", "!", "<", "&", "|", "(", ")", "\"", " ", "ü",
        ];
        let mut texts = vec![String::new()];
        for _ in 0..5 {
            texts = texts
                .iter()
                .flat_map(|t| alphabet.iter().map(move |sign| format!("{t}{sign}")))
                .collect();
            for text in &texts {
                drop(SkillExpression::parse(text));
            }
        }
    }
}
