//! Where does randomness come from?

use std::sync::Mutex;

use aws_lc_rs::digest;

/// A source of bytes that nobody can guess.
pub trait Rng: Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Rng {
    /// `N` bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The generator of the cryptographic library, seeded by the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the generator ends the process sooner than it fails");
    }
}

/// The same bytes for the same seed: for tests whose answers are compared as text. Anyone can guess them.
#[derive(Debug)]
pub struct SeededRng(Mutex<State>);

#[derive(Debug)]
struct State {
    seed: u64,
    block: u64,
}

impl SeededRng {
    /// A sequence that begins with this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(State { seed, block: 0 }))
    }
}

impl Rng for SeededRng {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in bytes.chunks_mut(digest::SHA256_OUTPUT_LEN) {
            let mut context = digest::Context::new(&digest::SHA256);
            context.update(&state.seed.to_be_bytes());
            context.update(&state.block.to_be_bytes());
            state.block += 1;
            for (byte, random) in chunk.iter_mut().zip(context.finish().as_ref()) {
                *byte = *random;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_whole_sequence() {
        let (one, same, other) = (SeededRng::new(1), SeededRng::new(1), SeededRng::new(2));
        let first: [u8; 40] = <dyn Rng>::bytes(&one);
        assert_eq!(first, <dyn Rng>::bytes(&same));
        assert_ne!(first, <dyn Rng>::bytes::<40>(&one), "a sequence does not repeat itself");
        assert_ne!(first, <dyn Rng>::bytes::<40>(&other));
    }

    #[test]
    fn the_system_generator_does_not_repeat_itself() {
        assert_ne!(<dyn Rng>::bytes::<32>(&SystemRng), <dyn Rng>::bytes::<32>(&SystemRng));
    }
}
