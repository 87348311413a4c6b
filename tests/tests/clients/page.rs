//! Does `docs/clients.md` show what is run?

use std::fmt::Write as _;
use std::fs;

use regex::Regex;

use super::flows::{AUTHLIB, FLOWS, OAUTH4WEBAPI, OPENID_CLIENT};
use super::repository;

#[test]
fn the_page_about_clients_shows_what_is_run() {
    let path = repository().join("docs/clients.md");
    let page = fs::read_to_string(&path).unwrap();
    let made = with_code(&with_table(&page));
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(&path, &made).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == made,
        "docs/clients.md is not what is run; run: INSTA_UPDATE=always cargo test -p fapi-tests --test clients"
    );
}

/// The page with the table as it must be.
fn with_table(page: &str) -> String {
    let (before, rest) = page.split_once("<!-- flows -->\n").expect("the page says where its table begins");
    let (_, after) = rest.split_once("<!-- end -->").expect("the page says where its table ends");
    let libraries = [&OPENID_CLIENT, &OAUTH4WEBAPI, &AUTHLIB];
    let mut table = String::from(
        "| profile | client | authentication | signs with | request | response | tokens bound to |",
    );
    for library in libraries {
        write!(table, " {} |", library.name).unwrap();
    }
    table += "\n|---|---|---|---|---|---|---|";
    table += &":-:|".repeat(libraries.len());
    for flow in FLOWS {
        write!(table, "\n| {}", flow.row().join(" | ")).unwrap();
        for library in libraries {
            table += if library.can(flow) { " | ✔" } else { " | –" };
        }
        table += " |";
    }
    format!("{before}<!-- flows -->\n{table}\n<!-- end -->{after}")
}

/// The page with each block of code as it stands in its file: between `docs: NAME` and `docs: end`.
fn with_code(page: &str) -> String {
    let block =
        Regex::new(r"(?s)<!-- (?P<file>\S+) (?P<name>\w+) -->\n```(?P<language>\w+)\n.*?```").unwrap();
    block
        .replace_all(page, |found: &regex::Captures<'_>| {
            let (file, name) = (&found["file"], &found["name"]);
            let text = fs::read_to_string(repository().join("tests/clients").join(file)).unwrap();
            format!("<!-- {file} {name} -->\n```{}\n{}```", &found["language"], marked(&text, name))
        })
        .into_owned()
}

/// The lines between two marks, as far to the left as they go.
fn marked(text: &str, name: &str) -> String {
    let begin = [format!("// docs: {name}"), format!("# docs: {name}")];
    let lines: Vec<&str> = text
        .lines()
        .skip_while(|line| !begin.iter().any(|mark| line.trim() == mark))
        .skip(1)
        .take_while(|line| !line.trim().ends_with("docs: end"))
        .collect();
    assert!(!lines.is_empty(), "no line says `docs: {name}`");
    let margin =
        lines.iter().filter(|line| !line.is_empty()).map(|line| line.len() - line.trim_start().len()).min();
    lines
        .iter()
        .fold(String::new(), |code, line| code + line.get(margin.unwrap_or(0)..).unwrap_or_default() + "\n")
}
