//! What belongs to whom? The accounts are those of the people in the users file, the money in them is made up.

use std::collections::HashMap;

use fapi_config::Users;
use fapi_jose::sha256;
use serde_json::{Value, json};

/// What every balance is counted in.
const CURRENCY: &str = "EUR";

/// A person of this bank for whom somebody may see accounts. Only [`Guard`](crate::guard::Guard) makes one, so nothing in
/// the ledger can be read without a token that allows it (`RS-08`).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Holder(String);

impl Holder {
    /// The authorization server's `local_sub`.
    pub(crate) fn from_introspection(local_sub: String) -> Self {
        Self(local_sub)
    }
}

/// All accounts, by whose they are.
#[derive(Debug)]
pub(crate) struct Ledger(HashMap<String, Vec<Account>>);

/// One account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Account {
    id: String,
    name: Option<String>,
}

impl Ledger {
    /// The accounts that the users file gives to its people.
    pub(crate) fn new(users: &Users) -> Self {
        let accounts = |user: &fapi_config::User| {
            let accounts = user.accounts.iter();
            accounts.map(|account| Account { id: account.id.clone(), name: account.name.clone() }).collect()
        };
        Self(users.iter().map(|(_, user)| (user.sub.as_str().to_owned(), accounts(user))).collect())
    }

    /// Everything a person has here: nothing, if nobody knows them.
    pub(crate) fn of(&self, holder: &Holder) -> &[Account] {
        self.0.get(&holder.0).map(Vec::as_slice).unwrap_or_default()
    }

    /// One account, if it is this person's. Somebody else's does not exist (`RS-08`).
    pub(crate) fn find(&self, holder: &Holder, id: &str) -> Option<&Account> {
        self.of(holder).iter().find(|account| account.id == id)
    }
}

impl Account {
    /// What the API says of it.
    pub(crate) fn to_json(&self) -> Value {
        match &self.name {
            Some(name) => json!({ "id": self.id, "name": name, "currency": CURRENCY }),
            None => json!({ "id": self.id, "currency": CURRENCY }),
        }
    }

    /// What is in it: sample data, the same for the same id wherever this runs.
    pub(crate) fn balances(&self) -> Value {
        let [high, middle, low, ..] = sha256(&self.id);
        let cents = u32::from_be_bytes([0, high, middle, low]);
        let amount = format!("{}.{:02}", cents / 100, cents % 100);
        json!({
            "id": self.id,
            "balances": [{ "type": "available", "currency": CURRENCY, "amount": amount }],
        })
    }
}
