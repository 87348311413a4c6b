//! The fence, tried from outside: what passes, and everything that must not.

mod attacker;
mod encryption;
mod forgeries;
mod journeys;
mod signatures;
mod vectors;
