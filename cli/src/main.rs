//! The program `fapictl`. What it can do is in the library, where tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    fapictl::main().into()
}
