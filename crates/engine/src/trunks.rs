//! Which trunks a dial may take, in order (callback-api §13.1).
//!
//! Room and health of the trunks are the telephony driver's: it also moves calls between them.

use callback::number::NumberFormat;

/// What the engine knows of a `[[trunk]]`.
#[derive(Clone, Debug)]
pub struct TrunkInfo {
    /// Name.
    pub name: String,
    /// How numbers are written on it.
    pub number_format: NumberFormat,
}

/// All trunks in order of preference.
#[derive(Debug)]
pub(crate) struct Trunks(Vec<TrunkInfo>);

impl Trunks {
    pub(crate) const fn new(infos: Vec<TrunkInfo>) -> Self {
        Self(infos)
    }

    /// The trunks of a routing point: the one of that name alone, all for an empty one.
    pub(crate) fn candidates(&self, route_point: &str) -> &[TrunkInfo] {
        if route_point.is_empty() {
            return &self.0;
        }
        let named = self.0.iter().position(|trunk| trunk.name == route_point);
        named.map_or(&[], |at| self.0.get(at..=at).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_trunk_stands_alone_and_no_name_means_all_in_order() {
        let info = |name: &str| TrunkInfo {
            name: name.to_owned(),
            number_format: NumberFormat::AsGiven,
        };
        let trunks = Trunks::new(vec![info("a"), info("b")]);
        let names = |route_point| -> Vec<&str> {
            let candidates = trunks.candidates(route_point);
            candidates.iter().map(|t| t.name.as_str()).collect()
        };
        assert_eq!(names(""), ["a", "b"]);
        assert_eq!(names("b"), ["b"]);
        assert_eq!(names("c"), Vec::<&str>::new());
    }
}
