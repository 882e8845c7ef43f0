//! Base32 in lower case without padding: what host names and label values may consist of.

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The first `length` characters of the bytes in base32.
pub fn prefix(bytes: &[u8], length: usize) -> String {
    (0..length).map(|index| char::from(ALPHABET[usize::from(five_bits(bytes, index * 5))])).collect()
}

/// The five bits from position `start` on; what lies behind the end is zero.
fn five_bits(bytes: &[u8], start: usize) -> u8 {
    let at = |index: usize| u16::from(bytes.get(index).copied().unwrap_or_default());
    let window = at(start / 8) << 8 | at(start / 8 + 1);
    (window >> (11 - start % 8) & 0x1f) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648() {
        for (text, encoded) in [
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("fooba", "mzxw6ytb"),
            ("foobar", "mzxw6ytboi"),
        ] {
            assert_eq!(prefix(text.as_bytes(), encoded.len()), encoded);
        }
    }
}
