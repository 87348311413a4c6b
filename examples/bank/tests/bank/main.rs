//! The bank as its callers see it: in-process, over real TLS, with a clock that stands still, and an authorization server that
//! says what a test wants it to say.
//!
//! Modules are marked as test code so that helpers outside of `#[test]` functions may unwrap.

#[cfg(test)]
mod double;
#[cfg(test)]
mod house;
#[cfg(test)]
mod pki;

#[cfg(test)]
mod answers;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod program;
#[cfg(test)]
mod tokens;
