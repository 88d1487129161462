//! Hashes of secrets, compared so that the time it takes tells nothing.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use sha2::{Digest as _, Sha256};

/// SHA-256 of a secret.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// 64 hexadecimal digits, as `sha256sum` prints them.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

/// Every byte is looked at, wherever the first difference is.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        let different =
            self.0.iter().zip(&other.0).fold(0, |different, (one, two)| std::hint::black_box(different | (one ^ two)));
        different == 0
    }
}

impl Eq for Digest {}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// A hash of a secret is not shown either: short secrets can be guessed from it.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::LowerHex for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn digests_are_equal_only_in_every_bit() {
        let digest = Digest::of(b"sesame");
        assert_eq!(digest, Digest::of(b"sesame"));
        for at in 0..32 {
            for bit in 0..8 {
                let mut other = digest;
                other.0[at] ^= 1 << bit;
                assert!(other != digest, "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn digests_are_read_as_they_are_written() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::from_hex(empty), Some(Digest::of(b"")));
        assert_eq!(Digest::from_hex(&empty.to_uppercase()), Some(Digest::of(b"")));
        assert_eq!(format!("{:x} {:?}", Digest::of(b""), Digest::of(b"")), format!("{empty} ***"));
        for wrong in ["", &empty[1..], &format!("{empty}0"), &empty.replace('e', "g"), &"\u{e9}".repeat(32)] {
            assert_eq!(Digest::from_hex(wrong), None, "{wrong}");
        }
    }
}
