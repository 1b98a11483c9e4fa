//! Weights as text of a network file.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use crate::{Error, MAX_WEIGHTS, Result};

/// Weights as base64 text: five trits to a byte, or two bytes (little endian) to a weight.
#[derive(Serialize, Deserialize)]
#[serde(tag = "packing", content = "data", rename_all = "kebab-case")]
pub(super) enum Packed {
    Trit5(String),
    I16(String),
}

/// As trits where all weights are ternary, else two bytes each.
pub(super) fn pack(weights: &[i16], ternary: bool) -> Packed {
    if ternary {
        let byte = |trits: &[i16]| trits.iter().rev().fold(0u8, |b, &t| b * 3 + (t + 1) as u8);
        Packed::Trit5(BASE64_STANDARD.encode(weights.chunks(5).map(byte).collect::<Vec<u8>>()))
    } else {
        let bytes: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
        Packed::I16(BASE64_STANDARD.encode(bytes))
    }
}

/// The `outputs * inputs` weights of a layer named in errors by `place`; sizes are checked before anything is allocated.
pub(super) fn unpack(place: &str, packed: &Packed, inputs: usize, outputs: usize) -> Result<Vec<i16>> {
    let count = inputs.checked_mul(outputs).filter(|&n| n > 0 && n <= MAX_WEIGHTS);
    let count = count.ok_or_else(|| {
        Error::format(place, format!("{outputs} x {inputs} weights; want 1 to {MAX_WEIGHTS}"))
    })?;
    let (text, bytes) = match packed {
        Packed::Trit5(text) => (text, count.div_ceil(5)),
        Packed::I16(text) => (text, count * 2),
    };
    if text.len() != bytes.div_ceil(3) * 4 {
        let what =
            format!("{} characters; {outputs} x {inputs} weights take {}", text.len(), bytes.div_ceil(3) * 4);
        return Err(Error::format(place, what));
    }
    let data = BASE64_STANDARD.decode(text).map_err(|e| Error::format(place, format!("not base64: {e}")))?;
    if data.len() != bytes {
        return Err(Error::format(place, format!("{} bytes; want {bytes}", data.len())));
    }
    match packed {
        Packed::I16(_) => Ok(data.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()),
        Packed::Trit5(_) => {
            if let Some(i) = data.iter().position(|&b| b >= 243) {
                return Err(Error::format(
                    place,
                    format!("byte {i} is {}; five trits make at most 242", data[i]),
                ));
            }
            let trits = data.iter().flat_map(|&b| (0..5).map(move |i| (b / 3u8.pow(i) % 3) as i16 - 1));
            Ok(trits.take(count).collect())
        }
    }
}
