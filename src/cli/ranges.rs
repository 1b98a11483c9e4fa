//! `--input`: what the inputs of a model or of a bare matrix can be.

use std::path::PathBuf;

use anyhow::{Context, Result};
use sterna_ir::{Range, Ranges};

use crate::store;

/// Reads a range: `s8`, `u8` or the like, or `LO:HI`.
pub fn parse_range(text: &str) -> Result<Range, String> {
    let bits = |digits: &str| digits.parse::<u32>().ok().filter(|bits| (1..=32).contains(bits));
    let signed = text.strip_prefix('s').and_then(bits).map(Range::signed);
    let unsigned = text.strip_prefix('u').and_then(bits).map(Range::unsigned);
    let pair = text.split_once(':').and_then(|(lo, hi)| Some((lo.parse().ok()?, hi.parse().ok()?)));
    let pair = pair.filter(|(lo, hi)| lo <= hi).map(|(lo, hi)| Range::new(lo, hi));
    signed.or(unsigned).or(pair).ok_or_else(|| {
        format!("{text:?}; want s8, u8 or the like, of 1 to 32 bits, or LO:HI with LO not above HI")
    })
}

/// Ranges as they are given.
#[derive(Clone, Debug)]
pub enum Given {
    /// On the command line.
    Here(Ranges),
    /// In a file, one for each input.
    File(PathBuf),
}

/// Reads a range, several with commas between them, or `@` and the name of a file of ranges.
pub fn parse(text: &str) -> Result<Given, String> {
    if let Some(file) = text.strip_prefix('@') {
        return Ok(Given::File(file.into()));
    }
    Ok(Given::Here(match text.contains(',') {
        true => Ranges::ByChannel(text.split(',').map(parse_range).collect::<Result<_, _>>()?),
        false => Ranges::Same(parse_range(text)?),
    }))
}

impl Given {
    /// The ranges.
    ///
    /// # Errors
    /// A file that cannot be read or holds something else.
    pub fn read(&self) -> Result<Ranges> {
        let file = match self {
            Given::Here(ranges) => return Ok(ranges.clone()),
            Given::File(file) => file,
        };
        let text = store::read_text(file)?;
        let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        let range = |(at, word)| {
            let place = || format!("{}, range {at}", file.display());
            parse_range(word).map_err(anyhow::Error::msg).with_context(place)
        };
        Ok(Ranges::ByChannel(words.enumerate().map(range).collect::<Result<_>>()?))
    }
}
