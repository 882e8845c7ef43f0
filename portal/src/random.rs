//! Ids that nobody can guess.

use aws_lc_rs::rand;
use neuralinverse_api::base32;

use crate::seal::SealError;

/// 128 random bits as text.
pub(crate) fn id() -> Result<String, SealError> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| SealError)?;
    Ok(base32::prefix(&bytes, 26))
}

/// Five characters that make a name differ from one that is taken.
pub(crate) fn suffix() -> Result<String, SealError> {
    id().map(|mut id| {
        id.truncate(5);
        id
    })
}
