//! What does an attacker without a plan send? Changes of what is known to be good, the same in every run.

/// Words that our parsers look for, in libFuzzer's own format.
const DICTIONARY: &str = include_str!("../words");

/// The words of the dictionary.
fn words() -> Vec<Vec<u8>> {
    let quoted = DICTIONARY.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    quoted.map(unescaped).collect()
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match (byte, byte == b'\\').1.then(|| rest.next()).flatten() {
            Some(b'x') => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&digits, 16).expect("\\x and two digits"));
            }
            Some(escaped) => bytes.push(escaped),
            None => bytes.push(byte),
        }
    }
    bytes
}

/// Numbers at the edges of what somebody may have thought of.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1.5",
    "1e300",
    "255",
    "2147483648",
    "4294967296",
    "1800000000",
    "253402300800",
    "9223372036854775808",
    "18446744073709551616",
    "00",
];

/// Makes mutations. Its randomness is a counter (splitmix64), seeded by a name.
pub(crate) struct Mutator {
    state: u64,
    words: Vec<Vec<u8>>,
}

impl Mutator {
    /// The sequence that belongs to this name.
    pub(crate) fn new(name: &str) -> Self {
        let digest = fapi_jose::sha256(name);
        let (seed, _) = digest.split_first_chunk().expect("32 bytes");
        Self { state: u64::from_be_bytes(*seed), words: words() }
    }

    /// One to four changes of one of these inputs.
    pub(crate) fn mutate(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut input, corpus);
        }
        input.truncate(crate::LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let start = self.below(input.len() + 1);
        let end = (start + 1 + self.below(16)).min(input.len());
        match self.below(10) {
            0 => {
                let bit = 1 << self.below(8);
                input.get_mut(start).into_iter().for_each(|byte| *byte ^= bit);
            }
            1 => {
                let byte = self.next().to_be_bytes()[0];
                input.get_mut(start).into_iter().for_each(|old| *old = byte);
            }
            2 => drop(input.drain(start..end)),
            3 => {
                let again = input[start..end].to_vec();
                input.splice(end..end, again);
            }
            4 => {
                let byte = self.next().to_be_bytes()[0];
                input.insert(start, byte);
            }
            5 | 6 => {
                let which = self.below(self.words.len());
                let word = self.words[which].clone();
                let replaced = if self.below(2) == 0 { start } else { end };
                input.splice(start..replaced, word);
            }
            7 => self.number(input, start),
            8 => self.swap_lines(input),
            _ => {
                let other = &corpus[self.below(corpus.len())];
                let from = self.below(other.len() + 1);
                input.truncate(start);
                input.extend_from_slice(&other[from..]);
            }
        }
    }

    /// The first run of digits from here on becomes another number.
    fn number(&mut self, input: &mut Vec<u8>, from: usize) {
        let Some(start) = input[from..].iter().position(u8::is_ascii_digit).map(|at| from + at) else {
            return;
        };
        let len = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = NUMBERS[self.below(NUMBERS.len())];
        input.splice(start..start + len, number.bytes());
    }

    fn swap_lines(&mut self, input: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> = input.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let (one, other) = (self.below(lines.len()), self.below(lines.len()));
        lines.swap(one, other);
        *input = lines.join(&b'\n');
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).expect("below a usize")
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
