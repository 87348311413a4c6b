//! Do the libraries that people write clients with speak with this server, as they are?
//!
//! Each test serves a copy of an example with `fapictl up`, and plays every flow that [`flows`] has for it with one library.
//! `docs/clients.md` shows the table and the code, and [`page`] holds it to both.

#[cfg(test)]
mod flows;
#[cfg(test)]
mod page;
#[cfg(test)]
mod play;

#[cfg(test)]
use std::path::{Path, PathBuf};

#[cfg(test)]
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[cfg(test)]
mod node {
    use super::flows::{FAPI2, FINTECH, OAUTH4WEBAPI, OPENID_CLIENT, QUICKSTART};
    use super::play::plays;

    #[test]
    #[ignore = "needs node"]
    fn openid_client_plays_the_quickstart() {
        plays(&OPENID_CLIENT, QUICKSTART);
    }

    #[test]
    #[ignore = "needs node"]
    fn openid_client_speaks_fapi_1_advanced() {
        plays(&OPENID_CLIENT, FINTECH);
    }

    #[test]
    #[ignore = "needs node"]
    fn openid_client_speaks_fapi_2() {
        plays(&OPENID_CLIENT, FAPI2);
    }

    #[test]
    #[ignore = "needs node"]
    fn oauth4webapi_plays_the_quickstart() {
        plays(&OAUTH4WEBAPI, QUICKSTART);
    }

    #[test]
    #[ignore = "needs node"]
    fn oauth4webapi_speaks_fapi_1_advanced() {
        plays(&OAUTH4WEBAPI, FINTECH);
    }

    #[test]
    #[ignore = "needs node"]
    fn oauth4webapi_speaks_fapi_2() {
        plays(&OAUTH4WEBAPI, FAPI2);
    }
}

#[cfg(test)]
mod python {
    use super::flows::{AUTHLIB, FAPI2, FINTECH, QUICKSTART};
    use super::play::plays;

    #[test]
    #[ignore = "needs python"]
    fn authlib_plays_the_quickstart() {
        plays(&AUTHLIB, QUICKSTART);
    }

    #[test]
    #[ignore = "needs python"]
    fn authlib_speaks_fapi_1_advanced() {
        plays(&AUTHLIB, FINTECH);
    }

    #[test]
    #[ignore = "needs python"]
    fn authlib_speaks_fapi_2() {
        plays(&AUTHLIB, FAPI2);
    }
}
