//! Which formats of the document does this version read and write? The one place that says so.
//!
//! A format is the meaning of everything that is there. A member that is new and left out where it has its default needs no new
//! format: the document stays what it was for everybody who does not use it, and a server that does not know the member refuses
//! a document that has it, keeps what it had loaded, and says which member that is. What changes the meaning of a member that older
//! servers know needs a new format. It is written here one version after it is first read.

/// Formats that this version of the server reads.
pub const READS: &[u32] = &[1];

/// Formats that this version of the operator writes. The oldest of them is read by the server of the version before this one.
pub const WRITES: &[u32] = &[1];

/// The newest format that is written here.
pub fn newest() -> u32 {
    WRITES.iter().copied().max().unwrap_or_default()
}

/// The newest format that is written here and that all of these read; `most` is the newest that may be chosen at all. None: they have
/// none in common.
pub fn agreed<'a>(readers: impl IntoIterator<Item = &'a [u32]>, most: u32) -> Option<u32> {
    newest_of(WRITES, readers, most)
}

/// Formats in a sentence: `format 1`, `formats 1 and 2`.
pub fn listed(formats: &[u32]) -> String {
    match formats {
        [] => "no format".to_owned(),
        [one] => format!("format {one}"),
        [first @ .., last] => {
            let first = first.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            format!("formats {first} and {last}")
        }
    }
}

fn newest_of<'a>(writes: &[u32], readers: impl IntoIterator<Item = &'a [u32]>, most: u32) -> Option<u32> {
    let mut common: Vec<u32> = writes.iter().copied().filter(|format| *format <= most).collect();
    for reads in readers {
        common.retain(|format| reads.contains(format));
    }
    common.into_iter().max()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-C06: in either order, by one version.
    #[test]
    fn the_newest_format_that_everybody_knows_is_chosen() {
        let chosen =
            |writes: &[u32], readers: &[&[u32]]| newest_of(writes, readers.iter().copied(), u32::MAX);
        let (before, now, after): (&[u32], &[u32], &[u32]) = (&[1], &[1, 2], &[2, 3]);
        assert_eq!(chosen(now, &[now, now]), Some(2));
        assert_eq!(chosen(now, &[now, before]), Some(1), "a new operator, and one pod is old");
        assert_eq!(chosen(before, &[now, now]), Some(1), "an old operator, and the pods are new");
        assert_eq!(chosen(now, &[now, after]), Some(2));
        assert_eq!(chosen(now, &[before, after]), None);
        assert_eq!(chosen(now, &[]), Some(2), "nobody is there yet");
        assert_eq!(newest_of(now, [now], 1), Some(1), "somebody has not been heard");
    }

    #[test]
    fn formats_are_read_as_a_sentence() {
        assert_eq!(
            [listed(&[]), listed(&[1]), listed(&[1, 2, 3])],
            ["no format", "format 1", "formats 1, 2 and 3"]
        );
    }

    #[test]
    fn what_is_written_can_be_read_back() {
        assert!(WRITES.iter().all(|format| READS.contains(format)));
        assert!(WRITES.contains(&newest()));
    }
}
