//! What may no input do? For each parser that sees the network, a [`Target`]: a function that takes any bytes and panics when a rule
//! of ours does not hold. "It does not crash" is the least of them.
//!
//! One function serves twice. `tests/short.rs` gives it the checked-in corpus and a fixed number of its mutations, seeded, in every
//! run of `tests/run`. `tests/fuzz/run` gives it to libFuzzer, which follows the coverage of our crates, for as long as one likes.
//!
//! | module | answers |
//! |---|---|
//! | [`targets`] | which parsers are there, and what holds for each? |
//! | `mutate` | what does an attacker without a plan send? |
//! | `token` | how do bytes become a token that is signed, though no key is checked in? |
//! | `actors` | which keys, clients and Workspaces are there? Keys are made anew in each run |
//! | `certificate` | how do bytes become a certificate around them? |

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a rule that does not hold is a panic: that is how a target reports"
)]

mod actors;
mod certificate;
mod mutate;
pub mod targets;
mod token;

/// One parser, and the rules that hold for it.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its folder in `corpus/`.
    pub name: &'static str,
    /// Whether the input is accepted. Panics when a rule does not hold for it.
    pub check: fn(&[u8]) -> bool,
    /// How many mutations `tests/run` tries: as many as take about a second in a debug build.
    pub short: u32,
}

/// Longer inputs show nothing that shorter ones do not; limits on length have tests of their own.
pub const LONGEST: usize = 8192;

impl Target {
    /// Tries the checked-in inputs, then mutations of them: the same in every run, but for the keys.
    ///
    /// # Panics
    /// When a rule does not hold, and when the corpus does not show both what is accepted and what is refused.
    pub fn try_short(&self) {
        let corpus = self.corpus();
        let accepted = corpus.iter().filter(|input| self.tell(input)).count();
        assert!(accepted > 0, "corpus/{} holds nothing that is accepted", self.name);
        assert!(accepted < corpus.len(), "corpus/{} holds nothing that is refused", self.name);
        let mut mutator = mutate::Mutator::new(self.name);
        for _ in 0..self.short {
            self.tell(&mutator.mutate(&corpus));
        }
    }

    /// The checked-in inputs, by name.
    fn corpus(&self) -> Vec<Vec<u8>> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(self.name);
        let entries = std::fs::read_dir(&folder).into_iter().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry of the corpus").path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::read(file).expect("a file of the corpus")).collect()
    }

    /// Checks one input, and shows it when a rule does not hold.
    fn tell(&self, input: &[u8]) -> bool {
        std::panic::catch_unwind(|| (self.check)(input)).unwrap_or_else(|panic| {
            eprintln!("{}: a rule does not hold for this input: \"{}\"", self.name, input.escape_ascii());
            std::panic::resume_unwind(panic)
        })
    }
}
