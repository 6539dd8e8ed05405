//! Customer numbers of queries, in the forms in which a record may hold them.

use callback::number::{Dialplan, NumberFormat, clean, country_of, dial_string};
use callback::service::Service;

use crate::Api;

/// The forms of a number (callback-api §6.1) by the rules of the dial plan and a service.
pub(crate) fn forms(api: &Api, service: Option<&Service>, number: &str) -> Vec<String> {
    let country = service.and_then(|service| service.get("_default_country"));
    forms_in(api.engine.dialplan(), country.unwrap_or_default(), number)
}

/// A record holds its number cleaned, as the request wrote it: `+4930555010` or `030555010`. Both
/// are found by either. What is no number stays as it is and matches nothing.
fn forms_in(plan: &Dialplan, country: &str, number: &str) -> Vec<String> {
    let Some(cleaned) = clean(number) else {
        return vec![number.to_owned()];
    };
    let home = if country.is_empty() {
        &plan.default_country
    } else {
        country
    };
    let mut forms = vec![dial_string(plan, &cleaned, "", NumberFormat::Plus, home)];
    // The national writing means another number in another country.
    if country_of(plan, &cleaned, home) == home {
        forms.push(dial_string(
            plan,
            &cleaned,
            "",
            NumberFormat::National,
            home,
        ));
    }
    forms.push(cleaned);
    forms.sort();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: &str, expected: &[&str]) {
        let plan = Dialplan::new("DE", &["^[0-9]{2,6}$".to_owned()], &[], &[]).unwrap();
        assert_eq!(forms_in(&plan, "", number), expected, "{number}");
    }

    #[test]
    fn a_number_is_found_in_national_and_international_writing() {
        check("+49 (30) 5550-100", &["+49305550100", "0305550100"]);
        check("0305550100", &["+49305550100", "0305550100"]);
        check("+12125550100", &["+12125550100"]);
    }

    #[test]
    fn internal_numbers_and_other_texts_stay_as_they_are() {
        check("5115", &["5115"]);
        check("kim", &["kim"]);
        check("", &[""]);
    }
}
