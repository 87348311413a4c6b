//! Who may be a client, and who is calling.
//!
//! [`Client::register`] accepts a registration, or says which rule of the profile it breaks. [`authenticate`] turns presented
//! credentials into an [`AuthenticatedClient`]; there is no other way to one.

mod accepted;
mod authenticate;
#[cfg(test)]
mod register_tests;
mod registration;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;

pub use accepted::{Client, Offer};
pub use authenticate::{
    ASSERTION_TYPE, AuthenticatedClient, Credentials, Endpoint, Presented, ReplayKey, authenticate,
};
pub use registration::{
    AuthRegistration, ClientLifetimes, EncryptionChoice, GrantType, JoseChoice, Registration,
};
