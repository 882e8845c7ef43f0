//! Sealing: what the portal gives to browsers to keep, unreadable and unchangeable to them.
//!
//! AES-256-GCM-SIV with a random nonce: should a nonce ever come twice, it tells no more than that two
//! texts were equal. The purpose is authenticated with the text, so that what was sealed as one thing
//! is never taken for another.

use std::{fs, io, path::Path};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use base64::{Engine, engine::general_purpose};
use serde::{Serialize, de::DeserializeOwned};

const NONCE: usize = 12;

/// Keys: the first seals, all of them open.
pub struct Seal {
    keys: Vec<RandomizedNonceKey>,
}

/// What a sealed text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A sign-in under way.
    SignIn,
    /// Somebody signed in to the portal.
    Session,
    /// The way from the portal to a workspace's origin.
    Code,
    /// Somebody let into a workspace.
    Pass,
}

impl Purpose {
    fn aad(self) -> Aad<&'static [u8]> {
        Aad::from(match self {
            Self::SignIn => b"sign-in/1",
            Self::Session => b"session/1",
            Self::Code => b"code/1",
            Self::Pass => b"pass/1",
        })
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read.
    #[error("session key file `{0}`")]
    Read(String, #[source] io::Error),
    /// A line is no key.
    #[error(
        "line {0} of the session key file is not 32 bytes in base64, as `openssl rand -base64 32` makes them"
    )]
    Line(usize),
    /// There is none.
    #[error("the session key file holds no key")]
    Empty,
}

/// The text could not be sealed: a fault of the cryptographic library.
#[derive(Debug, thiserror::Error)]
#[error("sealing failed")]
pub struct SealError;

impl Seal {
    /// Reads a file with a key in each line.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let text =
            fs::read_to_string(path).map_err(|error| KeyError::Read(path.display().to_string(), error))?;
        Self::from_lines(&text)
    }

    /// Keys from lines of base64. To rotate, put a new first line, and take the last away when all that
    /// it sealed has expired.
    pub fn from_lines(text: &str) -> Result<Self, KeyError> {
        let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
        let keys: Vec<_> = lines
            .map(|(index, line)| {
                let bytes = general_purpose::STANDARD.decode(line).map_err(|_| KeyError::Line(index + 1))?;
                RandomizedNonceKey::new(&AES_256_GCM_SIV, &bytes).map_err(|_| KeyError::Line(index + 1))
            })
            .collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(KeyError::Empty) } else { Ok(Self { keys }) }
    }

    /// Seals a value into text that fits cookies and forms.
    pub fn seal(&self, purpose: Purpose, value: &impl Serialize) -> Result<String, SealError> {
        let key = self.keys.first().ok_or(SealError)?;
        let mut text = serde_json::to_vec(value).map_err(|_| SealError)?;
        let nonce = key.seal_in_place_append_tag(purpose.aad(), &mut text).map_err(|_| SealError)?;
        let sealed = [nonce.as_ref().as_slice(), &text].concat();
        Ok(general_purpose::URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens what one of the keys sealed for this purpose; `None` for anything else.
    pub fn open<T: DeserializeOwned>(&self, purpose: Purpose, sealed: &str) -> Option<T> {
        let sealed = general_purpose::URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, text) = sealed.split_at_checked(NONCE)?;
        self.keys.iter().find_map(|key| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut text = text.to_vec();
            let opened = key.open_in_place(nonce, purpose.aad(), &mut text).ok()?;
            serde_json::from_slice(opened).ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const NEW: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    fn seal(lines: &[&str]) -> Seal {
        Seal::from_lines(&lines.join("\n")).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_for_its_purpose_only() {
        let seal = seal(&[OLD]);
        let sealed = seal.seal(Purpose::Session, &"text").unwrap();
        assert_eq!(seal.open(Purpose::Session, &sealed), Some("text".to_owned()));
        assert_eq!(seal.open::<String>(Purpose::Pass, &sealed), None);
        assert!(!sealed.contains("text"));
    }

    #[test]
    fn old_keys_open_until_they_are_taken_away() {
        let sealed = seal(&[OLD]).seal(Purpose::Session, &1).unwrap();
        assert_eq!(seal(&[NEW, OLD]).open(Purpose::Session, &sealed), Some(1));
        assert_eq!(seal(&[NEW]).open::<i32>(Purpose::Session, &sealed), None);
        let rotated = seal(&[NEW, OLD]).seal(Purpose::Session, &2).unwrap();
        assert_eq!(seal(&[NEW]).open(Purpose::Session, &rotated), Some(2));
    }

    #[test]
    fn changed_and_foreign_texts_do_not_open() {
        let seal = seal(&[OLD]);
        let sealed = seal.seal(Purpose::Session, &"text").unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            assert_eq!(seal.open::<String>(Purpose::Session, &String::from_utf8(changed).unwrap()), None);
        }
        for foreign in ["", "AAAA", "no base64 at all!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(seal.open::<String>(Purpose::Session, foreign), None);
        }
    }

    #[test]
    fn useless_key_files_are_refused() {
        for lines in ["", "\n\n", "short", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nAAAA"] {
            assert!(Seal::from_lines(lines).is_err(), "{lines}");
        }
    }
}
