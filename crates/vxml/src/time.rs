//! Times as style sheets write them: `5s`, `500ms`, `1.5s`.

/// Longest time that a page may name, ms: a week.
const MAX_MS: f64 = 7.0 * 86_400_000.0;

/// Milliseconds; a number without a unit is one of milliseconds.
pub(crate) fn parse_ms(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, factor) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1.0),
        (None, Some(number)) => (number, 1_000.0),
        (None, None) => (text, 1.0),
    };
    let digits = number
        .chars()
        .all(|c| c.is_ascii_digit() || c == '.' || c == '+');
    let value = number.parse::<f64>().ok().filter(|_| digits)? * factor;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive and below the limit"
    )]
    (0.0..=MAX_MS).contains(&value).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, expected) in [
            ("5s", Some(5_000)),
            ("500ms", Some(500)),
            ("1.5s", Some(1_500)),
            ("0s", Some(0)),
            ("250", Some(250)),
            ("-1s", None),
            ("soon", None),
            ("", None),
            ("1e99s", None),
        ] {
            assert_eq!(parse_ms(text), expected, "{text}");
        }
    }
}
