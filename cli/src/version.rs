//! `fapictl version`

use serde_json::json;

use crate::command::Output;

/// One line, or one JSON document.
pub(crate) fn render(output: Output) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match output {
        Output::Text => format!("fapictl {version}"),
        Output::Json => format!("{:#}", json!({ "version": version, "apiVersions": ["fapi.rs/v1alpha1"] })),
    }
}
