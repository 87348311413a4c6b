//! The table that people read: `docs/conformance.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Level, Others, Quotes, Row, Rows, Texts, Waiting};

const TOP: &str = "\
# What is shown, and by which test

Made from the rows of `tests/requirements/` and the ids that tests and comments quote; a test keeps it so. After a change:

    INSTA_UPDATE=always cargo test -p fapi-tests --test conformance

M is a must, S a should, O an option. Modes: `all`; `F1` FAPI 1.0 Advanced (`F1h` hybrid, `F1j` JARM); `F2` FAPI 2.0 Security
Profile; `MS` FAPI 2.0 Message Signing; `OIDC` what OpenID Connect adds with `openid`; `logout` signing out; `RAR` rich authorization requests. Rows
of other modes wait for a feature or an ecosystem, or are what FAPI excludes from OpenID Connect (`plain`); nothing is served in those modes.
";

/// The whole file.
pub fn table(rows: &Rows, texts: &Texts, others: &Others, waiting: &Waiting, quotes: &Quotes) -> String {
    let mut out = TOP.to_owned();
    counts(&mut out, rows, others, quotes);
    waits(&mut out, waiting);
    for section in &rows.sections {
        let _ = write!(out, "\n## {}\n\n", section.title);
        out.push_str(
            "| id | binds | clause | what must be | shown by | decided in |\n|---|---|---|---|---|---|\n",
        );
        for row in &section.rows {
            let _ = writeln!(
                out,
                "| {} | {:?} {} | {} | {} | {} | {} |",
                row.id,
                row.level,
                row.modes.join(" "),
                row.clause,
                row.says,
                shown_by(row, rows, quotes),
                decided_in(&row.id, quotes),
            );
        }
    }
    out.push_str("\n# Clause by clause\n\nA clause is shown when every row it comes down to has a test.\n");
    for text in texts {
        let _ = write!(out, "\n## {}\n\n| clause | in our words | rows | |\n|---|---|---|---|\n", text.title);
        for clause in &text.clauses {
            let shown = clause.rows.iter().all(|id| quotes.tests.contains_key(id));
            let mark = if shown { "shown" } else { "" };
            let _ =
                writeln!(out, "| {} | {} | {} | {mark} |", clause.clause, clause.says, clause.rows.join(" "));
        }
    }
    out.push_str("\n# Profiles, attacks and faults\n");
    for group in others {
        let _ = write!(out, "\n## {}\n\n| id | | shown by |\n|---|---|---|\n", group.title);
        for (id, says) in &group.ids {
            let _ = writeln!(out, "| {id} | {says} | {} |", tests(id, quotes));
        }
    }
    out
}

fn counts(out: &mut String, rows: &Rows, others: &Others, quotes: &Quotes) {
    out.push_str("\n| | with a test | all | of modes that are not served |\n|---|---|---|---|\n");
    for (level, name) in [(Level::M, "M rows"), (Level::S, "S rows"), (Level::O, "O rows")] {
        let of_level = || rows.all().filter(move |row| row.level == level);
        let bind = of_level().filter(|row| rows.binds(row)).count();
        let shown = of_level().filter(|row| rows.binds(row) && quotes.tests.contains_key(&row.id)).count();
        let _ = writeln!(out, "| {name} | {shown} | {bind} | {} |", of_level().count() - bind);
    }
    let all: Vec<&String> = others.iter().flat_map(|group| group.ids.keys()).collect();
    let shown = all.iter().filter(|id| quotes.tests.contains_key(**id)).count();
    let _ = writeln!(out, "| rules of profiles, attacks, faults | {shown} | {} | |", all.len());
}

fn waits(out: &mut String, waiting: &Waiting) {
    if waiting.is_empty() {
        out.push_str("\nNo M row of a mode that is served waits for its test.\n");
        return;
    }
    out.push_str("\nThese M rows bind and have no test yet:\n\n| id | why |\n|---|---|\n");
    for (id, why) in waiting {
        let _ = writeln!(out, "| {id} | {why} |");
    }
}

fn shown_by(row: &Row, rows: &Rows, quotes: &Quotes) -> String {
    let shown = tests(&row.id, quotes);
    if rows.binds(row) {
        shown
    } else if shown.is_empty() {
        "not served".to_owned()
    } else {
        format!("not served; {shown}")
    }
}

/// The tests, file by file: `[folder/file](link): name, name`.
fn tests(id: &str, quotes: &Quotes) -> String {
    let none = BTreeMap::new();
    let files = quotes.tests.get(id).unwrap_or(&none);
    let of_file = |(path, names): (&String, &BTreeSet<String>)| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        format!("{}: {}", link(path), names.join(", "))
    };
    files.iter().map(of_file).collect::<Vec<_>>().join("; ")
}

fn decided_in(id: &str, quotes: &Quotes) -> String {
    let files = quotes.decided.get(id).into_iter().flatten();
    files.map(|path| link(path)).collect::<Vec<_>>().join(", ")
}

/// A link to a file, called by its last two names.
fn link(path: &str) -> String {
    let short: Vec<&str> =
        path.trim_end_matches(".rs").rsplit('/').filter(|part| *part != "src").take(2).collect();
    let short: Vec<&str> = short.into_iter().rev().collect();
    format!("[{}](../{path})", short.join("/"))
}
