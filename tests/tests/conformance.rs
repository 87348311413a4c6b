//! Does every requirement have its test, and does `docs/conformance.md` say so truly?

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use fapi_tests::conformance::{Ids, Level, Others, Quotes, Rows, Texts, Waiting, read, table};

struct Conformance {
    rows: Rows,
    texts: Texts,
    others: Others,
    waiting: Waiting,
    quotes: Quotes,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the repository is where it was built")
}

static CONFORMANCE: LazyLock<Conformance> = LazyLock::new(|| {
    let here = repository();
    let rows: Rows = read(&here, "rows.yaml").expect("rows");
    let others: Others = read(&here, "others.yaml").expect("ids");
    let quotes = Quotes::of(&here, &Ids::like(known(&rows, &others)));
    let texts = read(&here, "clauses.yaml").expect("clauses");
    let waiting = read(&here, "waiting.yaml").expect("reasons");
    Conformance { rows, texts, others, waiting, quotes }
});

fn known<'a>(rows: &'a Rows, others: &'a Others) -> Vec<&'a str> {
    let others = others.iter().flat_map(|group| group.ids.keys());
    rows.all().map(|row| &row.id).chain(others).map(String::as_str).collect()
}

#[test]
fn the_table_is_what_the_rows_and_the_tests_say() {
    let Conformance { rows, texts, others, waiting, quotes } = &*CONFORMANCE;
    let made = table(rows, texts, others, waiting, quotes);
    let path = repository().join("docs/conformance.md");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(&path, &made).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == made,
        "docs/conformance.md is not what the tests say; run: \
         INSTA_UPDATE=always cargo test -p fapi-tests --test conformance"
    );
}

#[test]
fn every_must_of_a_mode_that_is_served_has_a_test_or_waits_with_a_reason() {
    let Conformance { rows, waiting, quotes, .. } = &*CONFORMANCE;
    let musts = rows.all().filter(|row| row.level == Level::M && rows.binds(row));
    let (shown, open): (Vec<_>, Vec<_>) = musts.partition(|row| quotes.tests.contains_key(&row.id));
    assert!(shown.len() > 200, "only {} rows have a test: is the code still where it was?", shown.len());
    let untold: Vec<String> = open
        .iter()
        .filter(|row| waiting.get(&row.id).is_none_or(|why| why.trim().is_empty()))
        .map(|row| format!("{}: {}", row.id, row.says))
        .collect();
    assert!(
        untold.is_empty(),
        "no test quotes these, and tests/requirements/waiting.yaml gives no reason: {untold:#?}"
    );
}

#[test]
fn what_has_a_test_or_does_not_bind_waits_no_more() {
    let Conformance { rows, waiting, quotes, .. } = &*CONFORMANCE;
    for id in waiting.keys() {
        let row = rows.all().find(|row| row.id == *id);
        assert!(
            row.is_some_and(|row| row.level == Level::M && rows.binds(row)),
            "{id} is no M row that binds"
        );
        assert!(
            !quotes.tests.contains_key(id),
            "{id} has a test: take it from tests/requirements/waiting.yaml"
        );
    }
}

#[test]
fn every_id_that_test_code_quotes_exists() {
    let Conformance { rows, others, quotes, .. } = &*CONFORMANCE;
    let known: BTreeSet<&str> = known(rows, others).into_iter().collect();
    let strange: Vec<_> = quotes.quoted.iter().filter(|(id, _)| !known.contains(id.as_str())).collect();
    assert!(strange.is_empty(), "tests/requirements has no such rows: {strange:?}");
}

#[test]
fn every_clause_comes_down_to_rows_and_every_id_stands_once() {
    let Conformance { rows, texts, others, .. } = &*CONFORMANCE;
    let all = known(rows, others);
    let known: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(known.len(), all.len(), "an id stands twice");
    for clause in texts.iter().flat_map(|text| &text.clauses) {
        assert!(!clause.rows.is_empty(), "{}", clause.clause);
        for id in &clause.rows {
            assert!(known.contains(id.as_str()), "{}: there is no {id}", clause.clause);
        }
    }
}
