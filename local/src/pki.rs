//! The cluster's certificate authority and the certificates it signs, as files in one folder.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData,
};

use crate::{
    error::{At, Result},
    files::write_private,
};

/// Signs certificates while the cluster is made.
pub(crate) struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Whom a certificate names.
#[derive(Debug, Default)]
pub(crate) struct Subject<'a> {
    pub(crate) user: &'a str,
    pub(crate) group: Option<&'a str>,
    /// Host names and addresses that a server answers at.
    pub(crate) hosts: Vec<String>,
}

impl Authority {
    /// A new authority: `ca.crt` and `ca.key`, and the key pair that signs service account tokens.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).at(folder)?;
        let (key, params) = (KeyPair::generate()?, authority_params()?);
        let certificate = params.self_signed(&key)?.pem();
        write_private(&folder.join("ca.crt"), &certificate)?;
        write_private(&folder.join("ca.key"), &key.serialize_pem())?;
        let accounts = KeyPair::generate()?;
        write_private(&folder.join("service-accounts.key"), &accounts.serialize_pem())?;
        write_private(&folder.join("service-accounts.pub"), &public_pem(&accounts))?;
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    /// The authority that [`create`](Self::create) left in `folder`.
    pub(crate) fn load(folder: &Path) -> Result<Self> {
        let read = |file: &str| {
            let path = folder.join(file);
            fs::read_to_string(&path).at(path)
        };
        let (certificate, key) = (read("ca.crt")?, KeyPair::from_pem(&read("ca.key")?)?);
        // What signing takes from the certificate is the same for every authority of ours.
        Ok(Self { certificate, issuer: Issuer::new(authority_params()?, key) })
    }

    /// Writes `<file>.crt` and `<file>.key`, good for servers and clients, and `ca.crt` beside them.
    pub(crate) fn issue(&self, folder: &Path, file: &str, subject: &Subject<'_>) -> Result<()> {
        fs::create_dir_all(folder).at(folder)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(subject.hosts.clone())?;
        params.distinguished_name = name(subject.user, subject.group);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        write_private(&folder.join("ca.crt"), &self.certificate)?;
        write_private(&folder.join(format!("{file}.crt")), &certificate.pem())?;
        write_private(&folder.join(format!("{file}.key")), &key.serialize_pem())
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

fn authority_params() -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = name("neuralinverse-local", None);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

fn name(user: &str, group: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, user);
    if let Some(group) = group {
        name.push(DnType::OrganizationName, group);
    }
    name
}

fn public_pem(key: &KeyPair) -> String {
    let body = STANDARD.encode(key.subject_public_key_info());
    let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}
