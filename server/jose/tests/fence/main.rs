//! The fence, tried from outside: what passes, and everything that must not.

mod attacker;
mod choice;
mod encryption;
mod forgeries;
mod journeys;
mod keys;
mod private_keys;
mod properties;
mod secrecy;
mod signatures;
mod vectors;
