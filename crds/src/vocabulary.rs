//! Closed lists of words whose meaning is said once, beside the word.

/// An enum of words, each with one sentence of documentation that programs can read too.
macro_rules! vocabulary {
    ($(#[$outer:meta])* $name:ident { $(#[doc = $meaning:literal] $word:ident,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = $meaning] $word,)+
        }

        impl $name {
            /// All of them, in alphabetical order.
            pub const ALL: &[Self] = &[$(Self::$word,)+];

            /// The word, as it is written in a condition.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => stringify!($word),)+
                }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$word => $meaning,)+
                }
                .trim()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word).ok_or(UnknownWord)
            }
        }
    };
}

pub(crate) use vocabulary;
