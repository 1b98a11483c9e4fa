//! Parts that nextpnr knows.

use serde::Serialize;

use super::Error;
use crate::family::Family;

/// Sizes of each family as nextpnr's flags say them, each with a package; the one of the first is what figures are given for.
const ICE40: [(&str, &str); 6] = [
    ("hx8k", "ct256"),
    ("hx1k", "tq144"),
    ("lp1k", "cm121"),
    ("lp8k", "cm225"),
    ("u4k", "sg48"),
    ("up5k", "sg48"),
];
const ECP5: [(&str, &str); 4] =
    [("25k", "CABGA381"), ("12k", "CABGA381"), ("45k", "CABGA381"), ("85k", "CABGA381")];

/// A part that nextpnr knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Its family.
    pub family: Family,
    /// Its size as nextpnr's flag says it, e.g. `hx8k` or `25k`.
    pub size: String,
    /// Its package, e.g. `ct256`.
    pub package: String,
}

impl Device {
    /// The part that figures of a family are given for: iCE40HX8K in ct256, ECP5 25k in CABGA381; none for Xilinx.
    pub fn usual(family: Family) -> Result<Self, Error> {
        let (size, package) = sizes(family)?[0];
        Ok(Device { family, size: size.into(), package: package.into() })
    }

    /// Whether the delay model is that of its speed: the slower iCE40 families have none.
    pub fn is_modelled(&self) -> bool {
        self.family == Family::Ecp5 || self.size.starts_with("hx")
    }

    /// A part by its size, `85k`, or by size and package, `hx8k:cb132`.
    pub fn parse(family: Family, text: &str) -> Result<Self, Error> {
        let (size, package) =
            text.split_once(':').map_or((text, None), |(size, package)| (size, Some(package)));
        let sizes = sizes(family)?;
        let Some((size, usual)) = sizes.iter().find(|(known, _)| *known == size) else {
            let known = sizes.iter().map(|(size, _)| *size).collect::<Vec<_>>().join(", ");
            return Err(Error::Device { text: text.into(), known });
        };
        Ok(Device { family, size: size.to_string(), package: package.unwrap_or(usual).into() })
    }
}

fn sizes(family: Family) -> Result<&'static [(&'static str, &'static str)], Error> {
    match family {
        Family::Ice40 => Ok(&ICE40),
        Family::Ecp5 => Ok(&ECP5),
        Family::Gowin | Family::Xcup => Err(Error::Family(family)),
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.family, self.size, self.package)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read() {
        let device = |text| Device::parse(Family::Ecp5, text).map(|d| d.to_string());
        assert_eq!(device("85k").unwrap(), "ecp5 85k CABGA381");
        assert_eq!(device("45k:CABGA756").unwrap(), "ecp5 45k CABGA756");
        let error = device("hx8k").unwrap_err().to_string();
        assert!(error.starts_with("device \"hx8k\": want 25k, 12k"), "{error}");
        assert!(matches!(Device::usual(Family::Xcup), Err(Error::Family(Family::Xcup))));
    }
}
