//! Which parsers are there, and what holds for each?

mod certificates;
mod details;
mod documents;
mod encrypted;
mod http;
mod keys;
mod names;
mod pictures;
mod requests;
mod tokens;

use crate::Target;

macro_rules! targets {
    ($($(#[$doc:meta])* $module:ident::$name:ident $short:literal),+ $(,)?) => {
        /// Every target.
        pub const ALL: &[Target] =
            &[$(Target { name: stringify!($name), check: $module::$name, short: $short }),+];
    };
}

targets! {
    certificates::client_cert 800,
    certificates::revocation_list 400,
    details::authorization_details 400,
    documents::bundle 200,
    documents::manifest_yaml 60,
    documents::users 500,
    encrypted::jwe 150,
    encrypted::nested_request_object 100,
    http::authority 2000,
    http::cookies 1000,
    http::other_headers 1000,
    keys::jwk 500,
    keys::jwk_set 400,
    keys::private_key 150,
    names::certificate 500,
    names::dn_der 800,
    names::dn_text 1000,
    names::pem_text 500,
    names::san 800,
    pictures::logo 150,
    requests::authorization_request 800,
    requests::claims_parameter 800,
    requests::form 1500,
    requests::par_form 800,
    requests::redirect_uri 1500,
    requests::request_object 250,
    requests::token_form 1000,
    tokens::client_assertion 250,
    tokens::dpop_proof 250,
    tokens::id_token_hint 250,
    tokens::jws 250,
}
