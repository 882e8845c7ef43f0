//! Short hashes for revisions and names.

use sha2::{Digest, Sha256};

/// The first `bytes` bytes of the SHA-256 of `content`, in hexadecimal.
pub fn short(content: impl AsRef<[u8]>, bytes: usize) -> String {
    Sha256::digest(content).iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_beginning_of_the_known_hash() {
        assert_eq!(short("abc", 4), "ba7816bf");
    }
}
