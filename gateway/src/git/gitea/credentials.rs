//! With what the gateway acts as administrator of Gitea. Read anew each time: a mounted Secret may change.

use std::{fmt, fs, io, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;

/// Beside an access token, Gitea takes any name.
const TOKEN_USER: &str = "neuralinverse";

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read.
    #[error("`{0}`: {1}")]
    Read(PathBuf, #[source] io::Error),
    /// It holds what cannot be sent.
    #[error("`{0}` does not hold what can stand in a header")]
    Text(PathBuf),
}

/// The folder that they are in.
pub(super) struct Credentials(PathBuf);

impl Credentials {
    /// Fails when there are none.
    pub(super) fn new(folder: PathBuf) -> Result<Self, CredentialsError> {
        let credentials = Self(folder);
        credentials.header()?;
        Ok(credentials)
    }

    /// As Gitea wants them. An access token, too: only so may it make others.
    pub(super) fn header(&self) -> Result<HeaderValue, CredentialsError> {
        let header = match self.read("token") {
            Ok(token) => basic(TOKEN_USER, &token),
            Err(CredentialsError::Read(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                basic(&self.read("username")?, &self.read("password")?)
            }
            Err(error) => return Err(error),
        };
        header.ok_or_else(|| CredentialsError::Text(self.0.clone()))
    }

    fn read(&self, name: &str) -> Result<String, CredentialsError> {
        let path = self.0.join(name);
        let text = fs::read_to_string(&path).map_err(|error| CredentialsError::Read(path.clone(), error))?;
        match text.trim() {
            "" => Err(CredentialsError::Text(path)),
            text => Ok(text.to_owned()),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credentials").field(&self.0).finish()
    }
}

/// A header that `Debug` does not show.
pub(in super::super) fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    let mut header =
        HeaderValue::try_from(format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_or_a_token_is_taken() {
        for (files, expected) in [
            (vec![("username", "root\n"), ("password", "secret\n")], Some("root:secret")),
            (vec![("token", "0123abcd")], Some("neuralinverse:0123abcd")),
            (
                vec![("token", "0123abcd"), ("username", "root"), ("password", "x")],
                Some("neuralinverse:0123abcd"),
            ),
            (vec![("username", "root")], None),
            (vec![("token", "\n")], None),
            (vec![], None),
        ] {
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in &files {
                fs::write(folder.path().join(name), text).unwrap();
            }
            let header = Credentials::new(folder.path().to_owned()).and_then(|it| it.header()).ok();
            let expected = expected.map(|text| format!("Basic {}", STANDARD.encode(text)));
            assert_eq!(header.as_ref().map(|it| it.to_str().unwrap()), expected.as_deref(), "{files:?}");
        }
    }

    #[test]
    fn nothing_of_them_is_shown() {
        let shown = format!("{:?}", basic("root", "secret"));
        assert_eq!(shown, "Some(Sensitive)");
    }
}
