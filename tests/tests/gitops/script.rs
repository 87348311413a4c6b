//! Scripts, run.

use std::path::{Path, PathBuf};

use mlua::{Lua, LuaOptions, LuaSerdeExt as _, StdLib};
use serde_json::Value;

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/gitops")
}

/// What a script gives back for a resource.
pub(crate) fn run(script: &str, resource: &Value) -> Value {
    let source = std::fs::read_to_string(folder().join("argocd").join(script)).unwrap();
    // Argo CD has no files and no processes in reach of a script.
    let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS | StdLib::PACKAGE;
    let lua = Lua::new_with(libraries, LuaOptions::default()).unwrap();
    lua.globals().set("obj", lua.to_value(resource).unwrap()).unwrap();
    let given: mlua::Value = lua.load(source).set_name(script).eval().unwrap();
    lua.from_value(given).unwrap()
}
