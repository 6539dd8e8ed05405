//! Names and addresses of the event processors.

/// Type of the SCXML processor.
pub const SCXML: &str = "http://www.w3.org/TR/scxml/#SCXMLEventProcessor";

/// Type of the `BasicHTTP` processor.
pub const BASIC_HTTP: &str = "http://www.w3.org/TR/scxml/#BasicHTTPEventProcessor";

/// A processor that a `<send>` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Processor {
    Scxml,
    BasicHttp,
    /// Modules of the original.
    Module,
}

impl Processor {
    pub(crate) fn of(name: &str, original: bool) -> Option<Self> {
        match name {
            "" | "scxml" | SCXML => Some(Self::Scxml),
            "basichttp" | BASIC_HTTP => Some(Self::BasicHttp),
            "fm" if original => Some(Self::Module),
            // The Recommendation names it without the fragment in places.
            other if other.trim_end_matches('/') == "http://www.w3.org/TR/scxml" => {
                Some(Self::Scxml)
            }
            _ => None,
        }
    }
}

/// Milliseconds of a duration as in CSS 2; a bare number counts in `bare_ms`.
pub(crate) fn delay_ms(text: &str, bare_ms: Option<f64>) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => match text.strip_suffix('s') {
            Some(number) => (number, 1_000.0),
            None => (
                text,
                bare_ms.or_else(|| text.parse::<f64>().ok().filter(|n| *n == 0.0))?,
            ),
        },
    };
    let ms = number.trim().parse::<f64>().ok()? * unit;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked just before"
    )]
    (ms.is_finite() && (0.0..1e15).contains(&ms)).then(|| ms.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_have_units() {
        for (text, expected) in [
            ("1s", Some(1_000)),
            (".5s", Some(500)),
            ("1.5ms", Some(2)),
            (" 200ms ", Some(200)),
            ("0", Some(0)),
            ("5", None),
            ("-1s", None),
            ("1e400s", None),
            ("soon", None),
        ] {
            assert_eq!(delay_ms(text, None), expected, "{text}");
        }
        assert_eq!(delay_ms("5", Some(1.0)), Some(5));
    }
}
