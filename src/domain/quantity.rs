//! Kubernetes quantities: `250m`, `64Mi`, `1.5Gi`
//! (<https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>).

use std::iter::Sum;

/// A quantity in thousandths of its base unit (bytes, cores).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

const SUFFIXES: [(&str, i128); 12] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("k", 1_000),
    ("K", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("", 1),
];

impl Quantity {
    pub const ZERO: Self = Self(0);

    /// `None` = not a quantity that is met in practice.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let (number, suffix) = text.split_at(digits);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        if number.is_empty() || whole > i128::from(u64::MAX) || fraction.len() > 9 {
            return None;
        }
        let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
        let fraction: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
        let per_unit = match suffix {
            "m" => return Some(Self(whole)),
            "n" => return Some(Self(whole / 1_000_000)),
            "u" => return Some(Self(whole / 1_000)),
            other => SUFFIXES.iter().find(|(known, _)| *known == other)?.1,
        };
        let thousandths = (whole * scale + fraction).checked_mul(per_unit * 1000)?;
        Some(Self(thousandths / scale))
    }

    /// Thousandths of a core, or of a byte.
    pub fn thousandths(self) -> i128 {
        self.0
    }

    /// Bytes or cores, rounded down.
    pub fn units(self) -> i128 {
        self.0 / 1000
    }

    /// This over `other`, as a share; `None` when `other` is nothing.
    pub fn share_of(self, other: Self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a share for people to read")]
        let share = (other.0 > 0).then(|| self.0 as f64 / other.0 as f64);
        share
    }

    /// As a person writes it: cores for cpu, the largest binary unit that is not a lie for bytes.
    pub fn shown(self, resource: &str) -> String {
        if !resource.contains("memory") && !resource.contains("storage") {
            return if self.0 % 1000 == 0 { (self.0 / 1000).to_string() } else { format!("{}m", self.0) };
        }
        let bytes = self.units();
        for (suffix, unit) in [("Gi", 1_i128 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)] {
            if bytes >= unit && (bytes % unit == 0 || bytes >= unit * 10) {
                return format!("{}{suffix}", bytes / unit);
            }
        }
        bytes.to_string()
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        Self(all.map(|quantity| quantity.0).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::Quantity;

    #[test]
    fn quantities_are_read_and_shown() {
        for (text, resource, shown) in [
            ("64", "cpu", "64"),
            ("250m", "cpu", "250m"),
            ("1.5", "cpu", "1500m"),
            ("32Mi", "memory", "32Mi"),
            ("1.5Gi", "memory", "1536Mi"),
            ("24632892Ki", "memory", "23Gi"),
            ("128974848", "memory", "123Mi"),
            ("1500n", "cpu", "0"),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().shown(resource), shown, "{text}");
        }
        for wrong in ["", "Mi", "12Xi", "-1", "1e3", "1.0000000001", "18446744073709551615.999999999P"] {
            assert_eq!(Quantity::parse(wrong), None, "{wrong}");
        }
        assert!(Quantity::parse("1Gi") > Quantity::parse("1000M"));
    }
}
