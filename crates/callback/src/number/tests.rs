//! The tables of callback-api §13.1 and the number checks of its §15.

use super::*;

fn plan(country: &str, block: &[&str], allow: &[&str]) -> Dialplan {
    let texts = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    let internal = [String::from("^[0-9]{2,6}$")];
    Dialplan::new(country, &internal, &texts(block), &texts(allow)).unwrap()
}

fn rules() -> Rules {
    Rules {
        country: String::new(),
        disallow_impossible: true,
        disallow_premium: true,
    }
}

fn refusal(plan: &Dialplan, number: &str, rules: &Rules) -> &'static str {
    check_request(plan, number, rules).map_or_else(|e| e.code.phrase(), |_| "ok")
}

#[test]
fn numbers_are_cleaned_and_judged_dialable() {
    for (number, expected) in [
        ("+49 (30) 555-010", Some("+4930555010")),
        ("555.23.36", Some("5552336")),
        ("*67#5115", Some("*67#5115")),
        ("5115", Some("5115")),
        ("+", None),
        ("", None),
        ("- ()", None),
        ("5+5", None),
        ("++49", None),
        ("555x", None),
        ("sip:kim@host", None),
        ("५५५", None),
        ("1\u{0}2", None),
    ] {
        assert_eq!(clean(number).as_deref(), expected, "{number:?}");
    }
    assert_eq!(
        clean(&"1".repeat(NUMBER_MAX)).map(|n| n.len()),
        Some(NUMBER_MAX)
    );
    assert_eq!(clean(&"1".repeat(NUMBER_MAX + 1)), None);
    assert_eq!(clean(&" ".repeat(1_000_000)), None);
}

#[test]
fn a_four_digit_number_is_internal_and_dialed_as_it_is() {
    let plan = plan("US", &[], &["DE"]);
    let checked = check_request(&plan, "5115", &rules()).unwrap();
    assert!(checked.internal);
    assert_eq!((checked.e164, checked.country), (None, None));
    for format in [
        NumberFormat::AsGiven,
        NumberFormat::Plus,
        NumberFormat::E164,
        NumberFormat::National,
    ] {
        assert_eq!(dial_string(&plan, "5115", "", format, ""), "5115");
    }
    check_dial(&plan, "5115", "", true, "").unwrap();
    assert_eq!(country_of(&plan, "5115", ""), "US");
}

#[test]
fn each_format_sends_what_the_table_says() {
    let cleaned = clean("+49 (30) 555-010").unwrap();
    for home in ["DE", "US"] {
        let plan = plan(home, &[], &[]);
        for (format, plain, behind_0) in [
            (NumberFormat::AsGiven, "+4930555010", "04930555010"),
            (NumberFormat::Plus, "+4930555010", "04930555010"),
            (NumberFormat::E164, "4930555010", "04930555010"),
            (NumberFormat::National, "030555010", "0030555010"),
        ] {
            assert_eq!(
                dial_string(&plan, &cleaned, "", format, ""),
                plain,
                "{home}"
            );
            assert_eq!(
                dial_string(&plan, &cleaned, "0", format, ""),
                behind_0,
                "{home}"
            );
        }
    }
}

#[test]
fn local_and_unparseable_numbers_are_sent_as_given() {
    let plan = plan("US", &[], &[]);
    for number in ["5552336", "*67123456789", "+999123456789"] {
        assert_eq!(
            dial_string(&plan, number, "", NumberFormat::Plus, ""),
            number
        );
    }
    // The number and prefix of an answer.
    let cleaned = clean("555-2336").unwrap();
    assert_eq!(
        dial_string(&plan, &cleaned, "91", NumberFormat::E164, ""),
        "915552336"
    );
    check_dial(&plan, "555-2336", "91", true, "").unwrap();
}

#[test]
fn emergency_numbers_are_refused_in_every_disguise() {
    let us = plan("US", &[], &[]);
    let de = plan("DE", &[], &[]);
    for number in ["112", "911", "999", "1-1-2", "+112", "+49112", "+49110"] {
        assert_eq!(
            refusal(&us, number, &rules()),
            "EMERGENCY_NUMBER",
            "{number}"
        );
    }
    assert_eq!(refusal(&de, "110", &rules()), "EMERGENCY_NUMBER");
    assert_eq!(
        refusal(&us, "110", &rules()),
        "ok",
        "an extension in the US"
    );
    let german = Rules {
        country: String::from("DE"),
        ..rules()
    };
    assert_eq!(refusal(&us, "110", &german), "EMERGENCY_NUMBER");
    let code =
        |number: &str, prefix: &str| check_dial(&us, number, prefix, true, "").map_err(|e| e.code);
    assert_eq!(code("12", "1"), Err(ErrorCode::EmergencyNumber));
    assert_eq!(code("+12", "1"), Err(ErrorCode::EmergencyNumber));
    assert_eq!(code("112", "0"), Err(ErrorCode::EmergencyNumber));
    assert_eq!(code("12", ""), Ok(()));
    assert_eq!(code("1x2", ""), Err(ErrorCode::BadNumber));
    assert_eq!(code("12", "x"), Err(ErrorCode::BadNumber));
}

#[test]
fn premium_numbers_are_refused_unless_allowed() {
    let plan = plan("DE", &[], &[]);
    let lax = Rules {
        disallow_premium: false,
        ..rules()
    };
    for number in ["0900 1 234567", "+1 900 234 5678"] {
        assert_eq!(refusal(&plan, number, &rules()), "PREMIUM_NUMBER");
        assert_eq!(refusal(&plan, number, &lax), "ok");
        assert!(check_dial(&plan, number, "", true, "").is_err());
        assert!(check_dial(&plan, number, "", false, "").is_ok());
    }
    let behind_prefix = check_dial(&plan, "9001234567", "0", true, "");
    assert_eq!(
        behind_prefix.map_err(|e| e.code),
        Err(ErrorCode::PremiumNumber)
    );
}

#[test]
fn impossible_numbers_are_refused_unless_allowed() {
    let plan = plan("US", &[], &[]);
    let lax = Rules {
        disallow_impossible: false,
        ..rules()
    };
    for number in ["+999123456", "1234567890123456", "*67123456", "+4912"] {
        assert_eq!(refusal(&plan, number, &rules()), "BAD_NUMBER", "{number}");
        assert_eq!(refusal(&plan, number, &lax), "ok", "{number}");
    }
    assert_eq!(refusal(&plan, "no number", &lax), "BAD_NUMBER");
    let error = check_request(&plan, "x", &rules()).unwrap_err();
    assert_eq!(error.field.as_deref(), Some("_customer_number"));
}

#[test]
fn blocked_numbers_and_prefixes_are_refused_however_written() {
    let plan = plan("DE", &["+4930555", "0180", "5116"], &[]);
    for number in [
        "+4930555010",
        "030 555 010",
        "004930555010",
        "5116",
        "+491805123456",
    ] {
        assert_eq!(
            refusal(&plan, number, &rules()),
            "NUMBER_BLOCKED",
            "{number}"
        );
    }
    for number in ["+493055010", "5115", "+390180555012"] {
        assert_ne!(
            refusal(&plan, number, &rules()),
            "NUMBER_BLOCKED",
            "{number}"
        );
    }
    assert!(check_dial(&plan, "16", "51", true, "").is_err());
}

#[test]
fn only_allowed_countries_are_called() {
    let plan = plan("US", &[], &["us", "DE"]);
    assert_eq!(refusal(&plan, "202-555-0123", &rules()), "ok");
    assert_eq!(refusal(&plan, "+4930555010", &rules()), "ok");
    assert_eq!(
        refusal(&plan, "+442079460958", &rules()),
        "COUNTRY_NOT_ALLOWED"
    );
    assert_eq!(
        refusal(&plan, "+80012345678", &rules()),
        "COUNTRY_NOT_ALLOWED"
    );
    assert_eq!(refusal(&plan, "5115", &rules()), "ok", "internal");
    let checked = check_request(&plan, "+4930555010", &rules()).unwrap();
    assert_eq!(checked.country.as_deref(), Some("DE"));
    assert_eq!(checked.e164.as_deref(), Some("+4930555010"));
}

#[test]
fn the_country_of_a_number_selects_its_tones() {
    let plan = plan("US", &[], &[]);
    assert_eq!(country_of(&plan, "+4930555010", ""), "DE");
    assert_eq!(country_of(&plan, "030555010", "DE"), "DE");
    assert_eq!(country_of(&plan, "2025550123", ""), "US");
    assert_eq!(country_of(&plan, "+80012345678", "FR"), "FR");
    assert_eq!(country_of(&plan, "*1", "??"), "US");
}

#[test]
fn a_dial_plan_with_mistakes_names_them() {
    let bad = |country: &str, internal: &str, block: &str, allow: &str| {
        let list = |t: &str| {
            if t.is_empty() {
                vec![]
            } else {
                vec![t.to_owned()]
            }
        };
        Dialplan::new(country, &list(internal), &list(block), &list(allow)).unwrap_err()
    };
    assert!(bad("Germany", "", "", "").starts_with("default_country"));
    assert!(bad("US", "(", "", "").starts_with("internal"));
    assert!(bad("US", "", "abc", "").starts_with("block"));
    assert!(bad("US", "", "", "XX").starts_with("allow_countries"));
}
