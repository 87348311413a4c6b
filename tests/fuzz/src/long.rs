//! One target for libFuzzer, named by `FAPI_FUZZ_TARGET`. Built and started by `tests/fuzz/run`.

#![no_main]

use std::sync::LazyLock;

use fapi_fuzz::{LONGEST, Target, targets};
use libfuzzer_sys::{Corpus, fuzz_target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FAPI_FUZZ_TARGET").unwrap_or_default();
    targets::ALL.iter().copied().find(|target| target.name == name).unwrap_or_else(|| {
        eprintln!("FAPI_FUZZ_TARGET is none of:");
        targets::ALL.iter().for_each(|target| eprintln!("  {}", target.name));
        std::process::exit(2)
    })
});

fuzz_target!(|input: &[u8]| -> Corpus {
    if input.len() > LONGEST {
        return Corpus::Reject;
    }
    (TARGET.check)(input);
    Corpus::Keep
});
