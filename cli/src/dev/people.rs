//! Who may sign in on a laptop? Two people with random passwords.

use aws_lc_rs::rand;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{DevError, Folder};

const PEOPLE: [(&str, &str); 2] = [("alice", "Alice Example"), ("bob", "Bob Example")];

/// Somebody, with the file that holds the password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Person {
    /// User name.
    pub(crate) username: String,
    /// Name of the file, in the folder of the Secret.
    pub(crate) password_file: String,
}

/// Everybody.
pub(super) fn everybody() -> Vec<Person> {
    let person = |(name, _): (&str, &str)| Person {
        username: name.to_owned(),
        password_file: format!("{name}.password"),
    };
    PEOPLE.map(person).to_vec()
}

/// The content of a Secret for `login.users`: passwords are hashed with Argon2id, and kept beside it in the clear.
pub(super) fn users(folder: &Folder, key: &str) -> Result<Zeroizing<Vec<u8>>, DevError> {
    folder.read_or_make(key, || {
        let mut users = Map::new();
        for (name, full_name) in PEOPLE {
            let password = folder.read_or_make(&format!("{name}.password"), || {
                let mut random = Zeroizing::new([0_u8; 12]);
                fill(&mut *random)?;
                Ok(Zeroizing::new(fapi_jose::b64::encode(*random).into_bytes()))
            })?;
            let (given_name, family_name) = full_name.split_once(' ').unwrap_or((full_name, ""));
            let email = format!("{name}@example.com");
            let person = json!({
                "sub": name,
                "password": hashed(&password)?,
                "claims": {
                    "name": full_name, "given_name": given_name, "family_name": family_name,
                    "email": email, "email_verified": true,
                },
                "accounts": [{ "id": format!("{name}-1"), "name": "Current account" }, { "id": format!("{name}-2"), "name": "Savings" }],
            });
            users.insert(name.to_owned(), person);
        }
        Ok(Zeroizing::new(format!("{:#}\n", Value::Object(users)).into_bytes()))
    })
}

fn hashed(password: &[u8]) -> Result<String, DevError> {
    use argon2::PasswordHasher as _;
    let mut salt = [0; 16];
    fill(&mut salt)?;
    let hash = argon2::Argon2::default()
        .hash_password_with_salt(password, &salt)
        .map_err(|error| DevError::Made(format!("a password could not be hashed: {error}")))?;
    Ok(hash.to_string())
}

fn fill(bytes: &mut [u8]) -> Result<(), DevError> {
    rand::fill(bytes).map_err(|_| DevError::Made("the system gives no random bytes".to_owned()))
}
