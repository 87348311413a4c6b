//! A sample bank: a resource server that checks FAPI access tokens.
