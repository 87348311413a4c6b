//! Scope tokens and sets of them (RFC 6749 3.3). Order does not matter, and is kept for people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One scope token: `%x21 / %x23-5B / %x5D-7E`, at most 256 characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(String);

/// A string is no scope token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a scope is 1 to 256 printable ASCII characters without spaces, quotes and backslashes")]
pub struct InvalidScope;

impl Scope {
    /// Parses one token.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        let ok = |b: u8| b == 0x21 || (0x23..=0x5b).contains(&b) || (0x5d..=0x7e).contains(&b);
        if text.is_empty() || text.len() > 256 || !text.bytes().all(ok) {
            return Err(InvalidScope);
        }
        Ok(Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidScope;
    fn try_from(text: String) -> Result<Self, InvalidScope> {
        Self::parse(&text)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.0
    }
}

/// A set of scopes; equal sets are equal whatever their order (`AUT-02`).
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Parses a space-separated list; one token twice counts once.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        let mut scopes = Self::default();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            scopes.insert(Scope::parse(token)?);
        }
        Ok(scopes)
    }

    /// Adds a scope, unless it is there.
    pub fn insert(&mut self, scope: Scope) {
        if !self.0.contains(&scope) {
            self.0.push(scope);
        }
    }

    /// Whether a scope is in the set.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|known| known.as_str() == scope)
    }

    /// Whether every scope of this set is in the other (`P-24`: granted ⊆ consented ⊆ registered).
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.iter().all(|scope| other.0.contains(scope))
    }

    /// Those that both have, in this set's order.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.iter().filter(|scope| other.0.contains(scope)).cloned().collect())
    }

    /// Without one scope.
    #[must_use]
    pub fn without(&self, scope: &str) -> Self {
        Self(self.0.iter().filter(|known| known.as_str() != scope).cloned().collect())
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl PartialEq for Scopes {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.is_subset(other)
    }
}

impl Eq for Scopes {}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut set = Self::default();
        scopes.into_iter().for_each(|scope| set.insert(scope));
        set
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.0.iter().enumerate() {
            write!(f, "{}{scope}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn order_and_repetition_do_not_matter() {
        assert_eq!(
            Scopes::parse("openid accounts").unwrap(),
            Scopes::parse("accounts  openid openid").unwrap(),
            "AUT-02"
        );
        assert_eq!(Scopes::parse("b a").unwrap().to_string(), "b a");
    }

    #[test]
    fn a_scope_may_hold_colons_but_no_quotes() {
        assert!(Scopes::parse("consent:urn:bank:C1DD33123").is_ok(), "BR-01");
        for bad in ["a\"b", "a\\b", "é"] {
            assert!(Scopes::parse(bad).is_err(), "DSC-26 {bad}");
        }
    }

    fn scopes() -> impl Strategy<Value = Scopes> {
        prop::collection::vec("[a-d]", 0..6).prop_map(|names| Scopes::parse(&names.join(" ")).unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// `P-24`: narrowing never adds anything, however often and in whatever order it is done.
        #[test]
        fn what_two_sets_have_in_common_is_in_both(one in scopes(), two in scopes(), three in scopes()) {
            let both = one.intersection(&two);
            prop_assert!(both.is_subset(&one) && both.is_subset(&two));
            prop_assert_eq!(&both, &two.intersection(&one));
            prop_assert_eq!(both.intersection(&three), one.intersection(&two.intersection(&three)));
            prop_assert_eq!(&one.intersection(&one), &one);
            prop_assert_eq!(one.is_subset(&two), both == one);
            for scope in three.iter() {
                prop_assert_eq!(both.contains(scope.as_str()), one.contains(scope.as_str()) && two.contains(scope.as_str()));
            }
        }

        #[test]
        fn a_set_is_read_as_it_was_written(set in scopes(), other in scopes()) {
            prop_assert_eq!(&Scopes::parse(&set.to_string()).unwrap(), &set);
            let reversed: Scopes = { let mut all: Vec<_> = set.iter().cloned().collect(); all.reverse(); all.into_iter().collect() };
            prop_assert_eq!(&reversed, &set, "AUT-02");
            prop_assert_eq!(set == other, set.is_subset(&other) && other.is_subset(&set));
            prop_assert!(!set.without("a").contains("a") && set.without("a").is_subset(&set));
        }

        #[test]
        fn only_scope_tokens_are_scopes(text in any::<String>()) {
            let allowed = |c: char| matches!(c, '\x21' | '\x23'..='\x5b' | '\x5d'..='\x7e');
            prop_assert_eq!(Scope::parse(&text).is_ok(), (1..=256).contains(&text.len()) && text.chars().all(allowed), "DSC-26");
        }
    }
}
