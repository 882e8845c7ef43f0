//! The certificate of a sidecar's door: for the pod of the token, for servers only, for a day. The sidecar
//! made the key; we see its public half.

use std::time::Duration;

use neuralinverse_api::agent::{Certificate, CertificateRequest, door};
use rcgen::{ExtendedKeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};

use super::answer::Refusal;
use crate::tls::Authority;

/// How long it is valid.
const VALID: Duration = Duration::from_secs(24 * 3600);

/// Signs for the pod of this UID.
pub fn make(authority: &Authority, pod: &str, request: CertificateRequest) -> Result<Certificate, Refusal> {
    let key = Point::new(request.public_key).ok_or(Refusal::Key)?;
    let purpose = ExtendedKeyUsagePurpose::ServerAuth;
    let certificate = authority.sign(vec![door::name(pod)], purpose, Some(VALID), &key)?;
    Ok(Certificate { chain: certificate.pem(), valid_seconds: VALID.as_secs() })
}

/// A public key as it stands in a request. The signature needs no more than its form: whoever sends a
/// point off the curve gets a certificate that nobody can use.
struct Point(Vec<u8>);

impl Point {
    fn new(bytes: Vec<u8>) -> Option<Self> {
        const UNCOMPRESSED: u8 = 4;
        (bytes.len() == 65 && bytes.first() == Some(&UNCOMPRESSED)).then_some(Self(bytes))
    }
}

impl PublicKeyData for Point {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

#[cfg(test)]
mod tests {
    use rcgen::KeyPair;

    use super::*;

    #[test]
    fn a_key_that_is_no_point_gets_no_certificate() {
        let authority = Authority::generate().unwrap();
        let good = KeyPair::generate().unwrap().public_key_raw().to_vec();
        let make = |public_key: &[u8]| {
            make(&authority, "pod", CertificateRequest { public_key: public_key.to_vec() })
        };
        assert!(make(&good).is_ok());
        for bad in [&good[1..], &[&good[..], &[0]].concat(), &[&[2], &good[1..]].concat(), &[]] {
            assert!(matches!(make(bad), Err(Refusal::Key)), "{bad:?}");
        }
    }
}
