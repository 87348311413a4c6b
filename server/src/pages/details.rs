//! How is any authorization detail shown? As lists of names and values, at any depth, whatever a client wrote into it.
//!
//! Nothing is shortened and nothing left out: what is shown is what is granted, and how much that can be is bounded where a request
//! is accepted. A character that shows as nothing, or turns the text around it, is spelled out (`B-05`, `RAR-03`).

use std::fmt::Write as _;

use fapi_core::details::{Detail, Field, Shown};
use minijinja::{Value, context};

use super::language::Words;

/// The template's values.
pub(super) fn values(details: &[Detail], words: &Words) -> Vec<Value> {
    details
        .iter()
        .map(|detail| {
            context! {
                name => detail.name.as_str(),
                label => label(detail.label.as_deref(), &detail.name, words),
                note => detail.note.as_deref().map(visible).unwrap_or_default(),
                value => fields(&detail.fields, words),
            }
        })
        .collect()
}

fn fields(fields: &[Field], words: &Words) -> Value {
    let field = |field: &Field| {
        context! {
            name => field.name.as_str(),
            label => label(field.label.as_deref(), &field.name, words),
            note => field.note.as_deref().map(visible).unwrap_or_default(),
            value => shown(&field.value, words),
        }
    };
    context! { kind => "fields", fields => fields.iter().map(field).collect::<Vec<_>>() }
}

fn shown(value: &Shown, words: &Words) -> Value {
    let text = |text: &str| context! { kind => "text", text => text };
    match value {
        Shown::Fields(members) => fields(members, words),
        Shown::Flag(true) => text(words.yes),
        Shown::Flag(false) => text(words.no),
        Shown::List(items) if items.is_empty() => text(words.nothing),
        Shown::List(items) => {
            let items: Vec<Value> = items.iter().map(|item| shown(item, words)).collect();
            context! { kind => "list", items => items }
        }
        Shown::Nothing => text(words.nothing),
        Shown::Text(said) if said.is_empty() => text(words.nothing),
        Shown::Text(said) => text(&visible(said)),
    }
}

/// What the Workspace calls it, else what everybody does, else its name in words.
fn label(said: Option<&str>, name: &str, words: &Words) -> String {
    match said.or_else(|| words.detail(name)) {
        Some(said) => visible(said),
        None => visible(&humanised(name)),
    }
}

/// `instructedAmount`, `instructed_amount` and `instructed-amount` are read as `Instructed amount`. A name with anything else in
/// it, a URL say, stays as it is.
fn humanised(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ');
    if !name.chars().all(plain) {
        return name.to_owned();
    }
    let mut words = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    for c in name.chars() {
        if matches!(c, '_' | '-' | ' ') {
            words.push(' ');
        } else if c.is_uppercase() && before.is_lowercase() {
            words.push(' ');
            words.extend(c.to_lowercase());
        } else {
            words.push(c);
        }
        before = c;
    }
    let mut letters = words.trim().chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Control characters, characters without width and those that turn the direction of text, spelled out.
fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if is_hidden(c) {
            let _ = write!(shown, "\u{fffd}(U+{:04X})", u32::from(c));
        } else {
            shown.push(c);
        }
        shown
    })
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::super::language::ALL;
    use super::*;

    #[test]
    fn names_are_read_in_words() {
        let [english, portuguese] = ALL;
        for (name, read) in [
            ("instructedAmount", "Instructed amount"),
            ("creditor_name", "Creditor name"),
            ("creditor-account", "Creditor account"),
            ("IBAN", "IBAN"),
            ("https://a.example/x", "https://a.example/x"),
            ("locations", "Where"),
            ("", ""),
        ] {
            assert_eq!(label(None, name, english), read);
        }
        assert_eq!(label(Some("Payee"), "creditor", english), "Payee", "RAR-03: the schema's title first");
        assert_eq!(label(None, "locations", portuguese), "Onde");
    }

    /// RAR-03, B-05: a text that reads differently from what is granted.
    #[test]
    fn what_cannot_be_seen_is_spelled_out() {
        assert_eq!(visible("1\u{202e}00.5"), "1\u{fffd}(U+202E)00.5");
        assert_eq!(visible("Mer\u{200b}chant\n"), "Mer\u{fffd}(U+200B)chant\u{fffd}(U+000A)");
        assert_eq!(visible("Müller & Søn, 東京 – €"), "Müller & Søn, 東京 – €");
    }
}
