//! Reads a dialed number with libphonenumber's metadata.
//!
//! Only the metadata of the `phonenumber` crate is used, not its parser: that one applies the
//! default country's trunk prefix to numbers with `+` (`+7 812…` in Russia loses its 8) and
//! unwraps in places that input can reach.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use phonenumber::metadata::{DATABASE, Descriptor, Metadata};
use regex::{Regex, RegexBuilder};

/// Longest national significant number that libphonenumber knows.
const NATIONAL_MAX: usize = 17;
/// Compiled patterns kept; a country has about twelve.
const PATTERNS_MAX: usize = 256;

/// A number whose country code is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    /// Country calling code, e.g. 49.
    pub(super) code: u16,
    /// National significant number, digits without trunk prefix.
    pub(super) national: String,
    /// How its length fits.
    pub(super) length: Length,
}

/// How the length of a national number fits the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// A complete number may be that long.
    Possible,
    /// Only a number without its area code is that long.
    LocalOnly,
    /// No number is that long.
    Impossible,
}

impl Parsed {
    /// The number as `+<code><national>`, if it is complete.
    pub(super) fn e164(&self) -> Option<String> {
        (self.length == Length::Possible).then(|| format!("+{}{}", self.code, self.national))
    }

    /// Two letters of the country; where several share the code and none claims the number, the
    /// main one. `None` for codes without a country, e.g. +800.
    pub(super) fn country(&self) -> Option<&'static str> {
        let meta = self.region().or_else(|| main_region(self.code))?;
        (meta.id() != "001").then(|| meta.id())
    }

    /// A premium-rate number in its country's plan.
    pub(super) fn is_premium(&self) -> bool {
        self.region()
            .or_else(|| main_region(self.code))
            .is_some_and(|meta| {
                let premium = meta.descriptors().premium_rate();
                premium.is_some_and(|d| matches(d, &self.national))
            })
    }

    /// Digits to dial from inside its country: trunk prefix and national number.
    pub(super) fn national_dialed(&self) -> String {
        let text = self
            .formatted(true)
            .unwrap_or_else(|| self.national.clone());
        text.chars().filter(char::is_ascii_digit).collect()
    }

    /// The national number in its groups, with the trunk prefix or without; `None` when no format
    /// of its country fits.
    pub(super) fn formatted(&self, with_prefix: bool) -> Option<String> {
        let meta = main_region(self.code)?;
        let format = meta.formats().iter().find(|format| {
            let leads = format.leading_digits().last();
            leads.is_none_or(|p| starts(p.as_str(), &self.national))
                && full(format.pattern().as_str(), &self.national)
        })?;
        let pattern = pattern(format.pattern().as_str())?;
        let mut template = format.format().to_owned();
        if let Some(rule) = format.national_prefix().filter(|_| with_prefix) {
            let rule = rule.replace("$NP", meta.national_prefix().unwrap_or_default());
            template = put_first_group(&template, &rule);
        }
        let text = pattern.replace(&self.national, braced(&template).as_str());
        Some(text.into_owned())
    }

    /// What kind of number it is; empty when no plan claims it.
    pub(super) fn kind(&self) -> &'static str {
        let Some(meta) = self.region().or_else(|| main_region(self.code)) else {
            return "";
        };
        let d = meta.descriptors();
        let is = |descriptor: Option<&Descriptor>| {
            descriptor.is_some_and(|descriptor| matches(descriptor, &self.national))
        };
        if is(d.fixed_line()) && is(d.mobile()) {
            return "fixed_line_or_mobile";
        }
        let kinds = [
            (d.premium_rate(), "premium_rate"),
            (d.toll_free(), "toll_free"),
            (d.shared_cost(), "shared_cost"),
            (d.voip(), "voip"),
            (d.personal_number(), "personal_number"),
            (d.pager(), "pager"),
            (d.uan(), "uan"),
            (d.voicemail(), "voicemail"),
            (d.fixed_line(), "fixed_line"),
            (d.mobile(), "mobile"),
        ];
        let found = kinds.into_iter().find(|(descriptor, _)| is(*descriptor));
        found.map_or("", |(_, kind)| kind)
    }

    /// The region whose plan holds the number.
    fn region(&self) -> Option<&'static Metadata> {
        let regions = DATABASE.by_code(&self.code)?;
        if let [only] = regions.as_slice() {
            return Some(only);
        }
        regions
            .into_iter()
            .find(|meta| match meta.leading_digits() {
                Some(leading) => starts(leading.as_str(), &self.national),
                None => types(meta).any(|d| matches(d, &self.national)),
            })
    }
}

/// The metadata of a country, by its two letters.
pub(super) fn country(id: &str) -> Option<&'static Metadata> {
    DATABASE.by_id(id).filter(|meta| meta.id() != "001")
}

/// Reads a cleaned number; `None` when it holds `*` or `#`, has no known country code or cannot
/// be a number at all.
pub(super) fn parse(cleaned: &str, default_country: &str) -> Option<Parsed> {
    let (plus, digits) = match cleaned.strip_prefix('+') {
        Some(digits) => (true, digits),
        None => (false, cleaned),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) || digits.len() > NATIONAL_MAX + 6 {
        return None;
    }
    if plus {
        return international(digits);
    }
    let home = country(default_country)?;
    if let Some(rest) = home
        .international_prefix()
        .and_then(|p| strip(p.as_str(), digits))
        && !rest.starts_with('0')
    {
        return international(rest);
    }
    let own_code = home.country_code().to_string();
    if let Some(rest) = digits.strip_prefix(&own_code) {
        // Written with the country code but without +: only when it fits nothing else.
        let general = home.descriptors().general();
        let stripped = without_trunk_prefix(home, rest);
        let better = !matches(general, digits) && matches(general, &stripped);
        if better || digits.len() > longest(home) {
            return finish(home, home.country_code(), stripped);
        }
    }
    finish(
        home,
        home.country_code(),
        without_trunk_prefix(home, digits),
    )
}

/// Reads the digits after `+` or after the international prefix.
fn international(digits: &str) -> Option<Parsed> {
    for length in 1..=3 {
        let (code, national) = digits.split_at_checked(length)?;
        let code: u16 = code.parse().ok()?;
        if let Some(meta) = main_region(code) {
            return finish(meta, code, without_trunk_prefix(meta, national));
        }
    }
    None
}

fn finish(meta: &Metadata, code: u16, national: String) -> Option<Parsed> {
    if !(2..=NATIONAL_MAX).contains(&national.len()) {
        return None;
    }
    Some(Parsed {
        code,
        length: length_of(meta, &national),
        national,
    })
}

fn main_region(code: u16) -> Option<&'static Metadata> {
    DATABASE.by_code(&code)?.into_iter().next()
}

/// Takes a national trunk prefix away (or applies the country's rewriting rule), unless the
/// number fits the plan with it and not without.
fn without_trunk_prefix(meta: &Metadata, national: &str) -> String {
    let keep = || national.to_owned();
    let source = match (meta.national_prefix_for_parsing(), meta.national_prefix()) {
        (Some(pattern), _) => pattern.as_str(),
        (None, Some(prefix)) => prefix,
        (None, None) => return keep(),
    };
    let Some(captures) = pattern(source).and_then(|p| p.captures(national)) else {
        return keep();
    };
    let Some(whole) = captures.get(0).filter(|m| m.start() == 0) else {
        return keep();
    };
    let rest = national.get(whole.end()..).unwrap_or_default();
    let last_group = captures
        .len()
        .checked_sub(1)
        .filter(|n| *n > 0)
        .and_then(|n| captures.get(n));
    let candidate = match meta.national_prefix_transform_rule() {
        Some(rule) if last_group.is_some() => {
            let mut text = String::new();
            captures.expand(&braced(rule), &mut text);
            text + rest
        }
        _ => rest.to_owned(),
    };
    let general = meta.descriptors().general();
    if matches(general, national) && !matches(general, &candidate) {
        return keep();
    }
    match length_of(meta, &candidate) {
        Length::Possible => candidate,
        Length::LocalOnly | Length::Impossible if candidate.len() > longest(meta) => candidate,
        Length::LocalOnly | Length::Impossible => keep(),
    }
}

/// Descriptors of dialable numbers; the general one has no lengths of its own.
fn types(meta: &Metadata) -> impl Iterator<Item = &Descriptor> {
    let d = meta.descriptors();
    [
        d.fixed_line(),
        d.mobile(),
        d.toll_free(),
        d.premium_rate(),
        d.shared_cost(),
        d.personal_number(),
        d.voip(),
        d.pager(),
        d.uan(),
        d.voicemail(),
    ]
    .into_iter()
    .flatten()
}

fn length_of(meta: &Metadata, national: &str) -> Length {
    let is = |lengths: &[u16]| lengths.iter().any(|l| usize::from(*l) == national.len());
    if types(meta).any(|d| is(d.possible_length())) {
        Length::Possible
    } else if types(meta).any(|d| is(d.possible_local_length())) {
        Length::LocalOnly
    } else {
        Length::Impossible
    }
}

fn longest(meta: &Metadata) -> usize {
    let lengths = types(meta).flat_map(|d| d.possible_length().iter().copied());
    usize::from(lengths.max().unwrap_or(15))
}

fn matches(descriptor: &Descriptor, national: &str) -> bool {
    let lengths = descriptor.possible_length();
    (lengths.is_empty() || lengths.iter().any(|l| usize::from(*l) == national.len()))
        && full(descriptor.national_number().as_str(), national)
}

fn full(source: &str, text: &str) -> bool {
    pattern(&format!("^(?:{source})$")).is_some_and(|p| p.is_match(text))
}

fn starts(source: &str, text: &str) -> bool {
    strip(source, text).is_some()
}

/// What follows a match of the pattern at the very beginning.
fn strip<'t>(source: &str, text: &'t str) -> Option<&'t str> {
    let found = pattern(&format!("^(?:{source})"))?.find(text)?;
    text.get(found.end()..)
}

/// Writes `$1` as `${1}`, so that a digit after the group does not become part of its name.
fn braced(template: &str) -> String {
    let mut out = String::with_capacity(template.len() + 8);
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        if let Some(digit) = chars.next_if(|d| c == '$' && d.is_ascii_digit()) {
            out.extend(['{', digit, '}']);
        }
    }
    out
}

/// Replaces the first group of a format with the national prefix rule around that group.
fn put_first_group(format: &str, rule: &str) -> String {
    let at = format.char_indices().zip(format.chars().skip(1));
    let group = at
        .into_iter()
        .find(|((_, c), next)| *c == '$' && next.is_ascii_digit());
    let Some(((at, _), _)) = group else {
        return format.to_owned();
    };
    let (head, tail) = format.split_at(at);
    let (first, tail) = tail.split_at_checked(2).unwrap_or((tail, ""));
    // Both spellings occur in the metadata: `$FG` and the group's own number.
    format!(
        "{head}{}{tail}",
        rule.replace("$FG", first).replace("$1", first)
    )
}

/// A compiled pattern of the metadata; ASCII digits only, which compiles much faster.
fn pattern(source: &str) -> Option<Arc<Regex>> {
    // Shared and not cloned: a clone begins with empty caches and would build them for one use.
    static CACHE: Mutex<Option<HashMap<String, Arc<Regex>>>> = Mutex::new(None);
    let mut guard = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    let cache = guard.get_or_insert_default();
    if let Some(found) = cache.get(source) {
        return Some(Arc::clone(found));
    }
    let built = RegexBuilder::new(source)
        .ignore_whitespace(true)
        .unicode(false)
        .build()
        .ok()?;
    if cache.len() >= PATTERNS_MAX {
        cache.clear();
    }
    let built = Arc::new(built);
    cache.insert(source.to_owned(), Arc::clone(&built));
    Some(built)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(country: &str, number: &str, expected: &str) {
        let got = parse(number, country).map_or_else(
            || String::from("-"),
            |p| {
                let premium = if p.is_premium() { " premium" } else { "" };
                let country = p.country().unwrap_or("--");
                let e164 = p.e164().unwrap_or_else(|| format!("{:?}", p.length));
                format!("{e164} {country} {}{premium}", p.national_dialed())
            },
        );
        assert_eq!(got, expected, "{country} {number}");
    }

    #[test]
    fn numbers_of_many_countries_are_read() {
        check("DE", "+4930555010", "+4930555010 DE 030555010");
        check("DE", "030555010", "+4930555010 DE 030555010");
        check("DE", "+49030555010", "+4930555010 DE 030555010");
        check("DE", "4930555010", "+4930555010 DE 030555010");
        check("US", "+4930555010", "+4930555010 DE 030555010");
        check("US", "0114930555010", "+4930555010 DE 030555010");
        check("RU", "+78123456789", "+78123456789 RU 88123456789");
        check("US", "+78123456789", "+78123456789 RU 88123456789");
        check("RU", "88123456789", "+78123456789 RU 88123456789");
        check("US", "+77011234567", "+77011234567 KZ 87011234567");
        check("US", "2025550123", "+12025550123 US 2025550123");
        check("US", "12025550123", "+12025550123 US 2025550123");
        check("US", "+16137827274", "+16137827274 CA 6137827274");
        check("GB", "02079460958", "+442079460958 GB 02079460958");
        check("IT", "0236618300", "+390236618300 IT 0236618300");
        check("FR", "0142685300", "+33142685300 FR 0142685300");
        check("BR", "01531212869790", "+5531212869790 BR 31212869790");
        check("AR", "+5491123456789", "+5491123456789 AR 0111523456789");
        check(
            "AR",
            "01115 23456789".replace(' ', "").as_str(),
            "+5491123456789 AR 0111523456789",
        );
        check("US", "+80012345678", "+80012345678 -- 12345678");
    }

    #[test]
    fn premium_numbers_are_known() {
        check("US", "9002345678", "+19002345678 US 9002345678 premium");
        check("DE", "09001234567", "+499001234567 DE 09001234567 premium");
        check(
            "US",
            "+449098790000",
            "+449098790000 GB 09098790000 premium",
        );
        check("AU", "+611900123456", "+611900123456 AU 1900123456 premium");
    }

    #[test]
    fn short_and_unknown_numbers_are_told_apart() {
        check("US", "5552336", "LocalOnly US 5552336");
        check("US", "123", "Impossible US 123");
        check("US", "+999123456", "-");
        check("US", "*67", "-");
        check("US", "1", "-");
        check("US", "", "-");
        check("US", "+", "-");
        check("XX", "2025550123", "-");
        check("DE", "123456789012345678901234567890", "-");
    }

    #[test]
    fn no_digits_make_the_parser_panic() {
        let ids: Vec<&str> = DATABASE.iter().map(Metadata::id).collect();
        let mut seed = 7_u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(seed >> 33).unwrap() % below
        };
        for id in ids {
            for _ in 0..4 {
                let length = random(22);
                let mut number: String = (0..length)
                    .map(|_| char::from(b'0' + u8::try_from(random(10)).unwrap()))
                    .collect();
                if random(3) == 0 {
                    number.insert(0, '+');
                }
                if let Some(parsed) = parse(&number, id) {
                    let _premium = parsed.is_premium();
                    let _national = parsed.national_dialed();
                }
            }
        }
    }
}
