//! What, exactly, may be done: `authorization_details`.

use std::sync::{Arc, LazyLock};

use fapi_core::details::{
    AuthorizationDetails, Detail, Field, MAX_BYTES, MAX_ELEMENTS, Schema, Shown, describe,
};
use serde_json::{Value, json};

use crate::actors::fintech;

/// A schema as a bank writes it.
static PAYMENT: LazyLock<Arc<dyn Schema>> = LazyLock::new(|| {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "required": ["type", "amount"], "additionalProperties": false,
        "properties": {
            "type": {"const": "payment"},
            "amount": {"type": "string", "pattern": "^[0-9]{1,9}\\.[0-9]{2}$"},
            "to": {"type": "array", "maxItems": 3, "items": {"type": "string", "maxLength": 34}},
        },
    });
    fapi_schema::compile(&schema.to_string()).expect("a schema")
});

/// The parameter of a request.
pub(super) fn authorization_details(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let Ok(details) = AuthorizationDetails::parse(text) else { return false };
    let value = details.to_value();
    assert!(details.iter().count() <= MAX_ELEMENTS && value.to_string().len() <= MAX_BYTES, "RAR-05");
    assert_eq!(
        AuthorizationDetails::parse(&value.to_string()).as_ref(),
        Ok(&details),
        "it reads itself back"
    );
    assert!(details.iter().all(|element| element["type"].is_string()), "RAR-03");

    is_narrowed_by_whole_elements(&details);
    is_shown_whole(&details);
    for element in details.iter().filter(|element| PAYMENT.check(element).is_ok()) {
        let mut more = element.clone();
        more["unheard-of"] = json!("canary");
        let refused = PAYMENT.check(&more).expect_err("RAR-01: what nobody described is not granted");
        assert!(!refused.contains("canary"), "K-10");
    }
    true
}

/// `RAR-04`, `P-24`: all of them or some of them, each as it was, and none more often.
fn is_narrowed_by_whole_elements(details: &AuthorizationDetails) {
    assert_eq!(details.narrowed(None).as_ref(), Ok(details), "RAR-04");
    assert_eq!(details.narrowed(Some(details)).as_ref(), Ok(details), "RAR-04");
    for element in details.iter() {
        let of = |elements: Vec<Value>| AuthorizationDetails::read(&Value::Array(elements));
        let one = of(vec![element.clone()]).expect("an element of what was read");
        assert_eq!(details.narrowed(Some(&one)).as_ref(), Ok(&one), "RAR-04");
        let granted = details.iter().filter(|other| *other == element).count();
        if let Ok(more) = of(vec![element.clone(); granted + 1]) {
            assert!(details.narrowed(Some(&more)).is_err(), "RAR-04: two payments are more than one");
        }
        let mut wider = element.clone();
        wider["unheard-of"] = json!(true);
        if let Ok(wider) = of(vec![wider])
            && !details.iter().any(|other| Some(other) == wider.iter().next())
        {
            assert!(details.narrowed(Some(&wider)).is_err(), "P-24");
        }
    }
}

/// `RAR-03`: what is shown is what is granted; nothing but `type` is left out.
fn is_shown_whole(details: &AuthorizationDetails) {
    let shown: usize = describe(details, fintech(), &["en"]).iter().map(of_detail).sum();
    let said: usize = details
        .iter()
        .map(|element| {
            let members = element.as_object().expect("an object").iter();
            members.filter(|(name, _)| *name != "type").map(|(_, value)| leaves(value)).sum::<usize>()
        })
        .sum();
    assert_eq!(shown, said, "RAR-03");
}

fn of_detail(detail: &Detail) -> usize {
    of_fields(&detail.fields)
}

fn of_fields(fields: &[Field]) -> usize {
    fields.iter().map(|field| of_shown(&field.value)).sum()
}

fn of_shown(shown: &Shown) -> usize {
    match shown {
        Shown::Fields(fields) => of_fields(fields),
        Shown::List(items) => items.iter().map(of_shown).sum(),
        Shown::Flag(_) | Shown::Nothing | Shown::Text(_) => 1,
    }
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(leaves).sum(),
        Value::Object(members) => members.values().map(leaves).sum(),
        _ => 1,
    }
}
