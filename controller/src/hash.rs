//! Short hashes for revisions and names, and times that are spread by them.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use sha2::{Digest, Sha256};

/// The first `bytes` bytes of the SHA-256 of `content`, in hexadecimal.
pub fn short(content: impl AsRef<[u8]>, bytes: usize) -> String {
    Sha256::digest(content).iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// From `seconds` to twice as long, by whose it is: so that not all come at once. `seconds` is not 0.
pub fn spread(whose: &(impl Hash + ?Sized), seconds: u64) -> Duration {
    let mut hasher = DefaultHasher::new();
    whose.hash(&mut hasher);
    Duration::from_secs(seconds + hasher.finish() % seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_beginning_of_the_known_hash() {
        assert_eq!(short("abc", 4), "ba7816bf");
    }
}
