//! Keys, password hashes, sealed fields, blind indexes and tokens.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::config::{Config, Secret};

const NONCE_BYTES: usize = 24;

/// The process's keys, each derived for one purpose from `SECRET_KEY` or `ENCRYPTION_KEY`.
#[derive(Clone)]
pub struct Keys {
    token: [u8; 32],
    wrap: [u8; 32],
    index: [u8; 32],
    deployment: [u8; 32],
    fingerprints: Fingerprints,
}

/// By which keys are told apart, and of which nothing can be found out about them: hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprints {
    /// Of `SECRET_KEY`.
    pub secret_key: String,
    /// Of `ENCRYPTION_KEY`.
    pub encryption_key: String,
}

/// Why keys could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The development key file could not be read or made.
    #[error("cannot use the key file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The development key file holds something else.
    #[error(
        "the key file {0} does not hold a key: remove it to have a new one made (what it sealed is then lost)"
    )]
    Malformed(PathBuf),
}

/// Something that should have been sealed by us, but was not, or not with this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value could not be opened")]
pub struct Unsealable;

impl Keys {
    /// The keys of the configuration; in development made once into the data folder, mode 0600.
    pub fn load(config: &Config) -> Result<Self, KeyError> {
        let of = |given: &Option<Secret<[u8; 32]>>, file: &str| match given {
            Some(key) => Ok(key.0),
            None => key_file(&config.data_dir.join(file)),
        };
        Ok(Self::derive(
            &of(&config.secret_key, "secret.key")?,
            &of(&config.encryption_key, "encryption.key")?,
        ))
    }

    /// The keys for each purpose.
    pub fn derive(secret_key: &[u8; 32], encryption_key: &[u8; 32]) -> Self {
        Self {
            token: derive(secret_key, b"access token"),
            deployment: derive(secret_key, b"deployment name"),
            wrap: derive(encryption_key, b"data key wrapping"),
            index: derive(encryption_key, b"e-mail blind index"),
            fingerprints: Fingerprints {
                secret_key: fingerprint(secret_key),
                encryption_key: fingerprint(encryption_key),
            },
        }
    }

    /// The keys' fingerprints.
    pub fn fingerprints(&self) -> &Fingerprints {
        &self.fingerprints
    }

    /// An access token that holds `claims`: opaque to everyone else, and tamper-proof.
    pub fn seal_token(&self, claims: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(seal(&self.token, b"access token v1", claims))
    }

    /// The claims of an access token.
    pub fn open_token(&self, token: &str) -> Result<Vec<u8>, Unsealable> {
        let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| Unsealable)?;
        open(&self.token, b"access token v1", &sealed)
    }

    /// A new data key for one member, wrapped for storage.
    pub fn new_data_key(&self) -> (DataKey, Vec<u8>) {
        let key = random::<32>();
        (DataKey(key), seal(&self.wrap, b"data key v1", &key))
    }

    /// A member's data key.
    pub fn unwrap_data_key(&self, wrapped: &[u8]) -> Result<DataKey, Unsealable> {
        let key = open(&self.wrap, b"data key v1", wrapped)?;
        key.try_into().map(DataKey).map_err(|_| Unsealable)
    }

    /// The value by which an e-mail address is found without being stored: a keyed hash, because a
    /// plain one could be guessed.
    pub fn email_index(&self, normalised: &str) -> Vec<u8> {
        mac(&self.index, normalised.as_bytes())
    }

    /// A name for all processes that share a database and `SECRET_KEY`, which tells nothing of either.
    pub fn deployment(&self, database: &str) -> String {
        URL_SAFE_NO_PAD.encode(mac(&self.deployment, database.as_bytes()))
    }
}

/// One member's key; what it sealed is lost when it is destroyed.
pub struct DataKey([u8; 32]);

impl DataKey {
    /// Seals a field. `field` is bound to the value, so that one cannot be put in another's place.
    pub fn seal(&self, field: &str, value: &str) -> Vec<u8> {
        seal(&self.0, field.as_bytes(), value.as_bytes())
    }

    /// Opens a sealed field.
    pub fn open(&self, field: &str, sealed: &[u8]) -> Result<String, Unsealable> {
        String::from_utf8(open(&self.0, field.as_bytes(), sealed)?).map_err(|_| Unsealable)
    }
}

/// Hashes a password with argon2id; tens of milliseconds of a core.
pub fn hash_password(password: &str) -> Result<String, Unsealable> {
    let hash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|_| Unsealable)?;
    Ok(hash.to_string())
}

/// Whether a password is the hash's; as slow as hashing.
pub fn verify_password(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

/// A new refresh token and the hash to store; 256 random bits need no slow hash.
pub fn new_refresh_token() -> (String, Vec<u8>) {
    let token = URL_SAFE_NO_PAD.encode(random::<32>());
    let hash = sha256(token.as_bytes());
    (token, hash)
}

/// A password for somebody who will be told it: 120 random bits.
pub fn new_password() -> String {
    URL_SAFE_NO_PAD.encode(random::<15>())
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// The hash of several pieces of bytes, one after another.
pub fn sha256_of(pieces: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for piece in pieces {
        digest.update(piece);
    }
    digest.finalize().into()
}

/// The SHA-256 of a text, in hexadecimal digits of lower case.
pub fn sha256_hex(text: &str) -> String {
    hexadecimal(&Sha256::digest(text))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// The half of a derived key of its own: as good for telling keys apart as the whole.
fn fingerprint(key: &[u8; 32]) -> String {
    let mut digits = hexadecimal(&derive(key, b"fingerprint"));
    digits.truncate(32);
    digits
}

/// Random bytes from the system.
///
/// # Panics
///
/// If the system has no source of randomness: nothing would be safe then.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "the one place; without entropy nothing is safe"
    )]
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    bytes
}

fn derive(key: &[u8; 32], purpose: &[u8]) -> [u8; 32] {
    let mut derived = [0; 32];
    #[expect(clippy::expect_used, reason = "only fails above 8,160 bytes of output")]
    Hkdf::<Sha256>::new(None, key)
        .expand(purpose, &mut derived)
        .expect("32 bytes can be derived");
    derived
}

fn mac(key: &[u8; 32], bytes: &[u8]) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of 32 bytes");
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}

fn seal(key: &[u8; 32], purpose: &[u8], plain: &[u8]) -> Vec<u8> {
    let nonce = random::<NONCE_BYTES>();
    let payload = Payload {
        msg: plain,
        aad: purpose,
    };
    #[expect(clippy::expect_used, reason = "only fails above 256 GiB of input")]
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), payload)
        .expect("short input");
    [nonce.as_slice(), &sealed].concat()
}

fn open(key: &[u8; 32], purpose: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Unsealable)?;
    let payload = Payload {
        msg: sealed,
        aad: purpose,
    };
    XChaCha20Poly1305::new(key.into())
        .decrypt(&XNonce::from(*nonce), payload)
        .map_err(|_| Unsealable)
}

/// The key in `path`, made first if there is none.
fn key_file(path: &Path) -> Result<[u8; 32], KeyError> {
    let failed = |source| KeyError::File {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    // `create_new`: of two processes that start at once, one makes it and the other reads it.
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(mut file) => {
            let key = random::<32>();
            file.write_all(STANDARD.encode(key).as_bytes()).map_err(failed)?;
            file.sync_all().map_err(failed)?;
            Ok(key)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let mut text = String::new();
            std::fs::File::open(path)
                .and_then(|mut file| file.read_to_string(&mut text))
                .map_err(failed)?;
            let key = STANDARD
                .decode(text.trim())
                .ok()
                .and_then(|bytes| bytes.try_into().ok());
            key.ok_or_else(|| KeyError::Malformed(path.to_owned()))
        }
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::derive(&[1; 32], &[2; 32])
    }

    #[test]
    fn tokens_open_only_with_their_key_and_unchanged() {
        let token = keys().seal_token(b"claims");
        assert_eq!(keys().open_token(&token), Ok(b"claims".to_vec()));
        assert_eq!(
            Keys::derive(&[3; 32], &[2; 32]).open_token(&token),
            Err(Unsealable)
        );
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert_ne!(
                keys().open_token(&String::from_utf8(bytes).unwrap()),
                Ok(b"claims".to_vec()),
                "byte {at}"
            );
        }
        assert_eq!(keys().open_token("short"), Err(Unsealable));
    }

    #[test]
    fn a_field_opens_only_as_itself() {
        let (key, wrapped) = keys().new_data_key();
        let sealed = key.seal("email", "ada@example.org");
        let unwrapped = keys().unwrap_data_key(&wrapped).unwrap();
        assert_eq!(unwrapped.open("email", &sealed).as_deref(), Ok("ada@example.org"));
        assert_eq!(unwrapped.open("phone", &sealed), Err(Unsealable));
        assert_ne!(
            sealed,
            key.seal("email", "ada@example.org"),
            "equal values must not look equal"
        );
    }

    #[test]
    fn the_blind_index_is_keyed() {
        let index = keys().email_index("ada@example.org");
        assert_eq!(index, keys().email_index("ada@example.org"));
        assert_ne!(
            index,
            Keys::derive(&[1; 32], &[9; 32]).email_index("ada@example.org")
        );
        assert_ne!(index, sha256(b"ada@example.org"));
    }

    #[test]
    fn a_fingerprint_is_of_one_key() {
        let one = keys().fingerprints().clone();
        assert_eq!(&one, Keys::derive(&[1; 32], &[2; 32]).fingerprints());
        assert_eq!(one.secret_key.len(), 32);
        let other = Keys::derive(&[3; 32], &[1; 32]).fingerprints().clone();
        assert_eq!(
            other.encryption_key, one.secret_key,
            "the key counts, not its name"
        );
        assert_ne!(other.encryption_key, one.encryption_key);
        assert_ne!(other.secret_key, one.secret_key);
    }

    #[test]
    fn passwords_verify_by_their_argon2id_hash() {
        let hash = hash_password("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(verify_password("correct horse", &hash) && !verify_password("wrong horse", &hash));
    }

    #[test]
    fn development_keys_are_made_once_and_readable_by_the_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = std::env::temp_dir().join(format!("plant-care-{:x}", u128::from_ne_bytes(random())));
        let path = folder.join("secret.key");
        let key = key_file(&path).unwrap();
        assert_eq!(key_file(&path).unwrap(), key);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        std::fs::write(&path, "nonsense").unwrap();
        assert!(matches!(key_file(&path), Err(KeyError::Malformed(_))));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
