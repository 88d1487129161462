//! An identity provider in the test: it publishes keys and signs tokens, rightly or wrongly.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU16, Ordering},
};

use base64_engine::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use faultline::auth::{AuthMode, AuthSettings};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents},
};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::path};

/// `ring` makes no RSA keys, so this one lies beside the tests; it signs nothing else.
const RSA: &[u8] = include_bytes!("../../fixtures/auth/rsa-2048.pk8");

pub enum Signer {
    Rs256(RsaKeyPair),
    Es256(EcdsaKeyPair),
    Hs256(Vec<u8>),
    /// No signature at all.
    Nobody,
}

impl Signer {
    pub fn rsa() -> Self {
        Self::Rs256(RsaKeyPair::from_pkcs8(RSA).expect("a key"))
    }

    /// A new key.
    pub fn p256() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self::Es256(key.expect("the same key"))
    }

    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::Hs256(_) => "HS256",
            Self::Nobody => "none",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("a signature");
                signature
            }
            Self::Es256(key) => key.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Self::Hs256(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec(),
            Self::Nobody => Vec::new(),
        }
    }

    /// What is public of the key, as bytes that everybody has.
    pub fn public_bytes(&self) -> Vec<u8> {
        match self {
            Self::Rs256(key) => key.public_key().as_ref().to_vec(),
            Self::Es256(key) => key.public_key().as_ref().to_vec(),
            Self::Hs256(_) | Self::Nobody => Vec::new(),
        }
    }

    /// The key as it is published.
    pub fn jwk(&self, id: &str) -> Value {
        match self {
            Self::Rs256(key) => {
                let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
                json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": base64(&n), "e": base64(&e)})
            }
            Self::Es256(key) => {
                let point = key.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": id, "x": base64(&point[1..33]), "y": base64(&point[33..])})
            }
            Self::Hs256(secret) => json!({"kty": "oct", "alg": "HS256", "kid": id, "k": base64(secret)}),
            Self::Nobody => json!({}),
        }
    }

    /// A token with this header, the algorithm added where it is not there.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        let mut header = header.clone();
        header.as_object_mut().expect("an object").entry("alg").or_insert_with(|| self.algorithm().into());
        let message = format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
        let signature = base64(&self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

pub fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Serves a discovery document and keys until dropped.
pub struct Issuer {
    server: MockServer,
    keys: Keys,
}

#[derive(Clone)]
struct Keys {
    published: Arc<Mutex<Vec<Value>>>,
    status: Arc<AtomicU16>,
}

impl Respond for Keys {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let keys = self.published.lock().expect("no panic").clone();
        ResponseTemplate::new(self.status.load(Ordering::Relaxed)).set_body_json(json!({"keys": keys}))
    }
}

impl Issuer {
    pub async fn publishing(keys: impl IntoIterator<Item = Value>) -> Self {
        let server = MockServer::start().await;
        let keys = Keys { published: Arc::new(Mutex::new(keys.into_iter().collect())), status: Arc::new(AtomicU16::new(200)) };
        let issuer = server.uri();
        let document = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")});
        let discovery = Mock::given(path("/.well-known/openid-configuration"));
        discovery.respond_with(ResponseTemplate::new(200).set_body_json(document)).mount(&server).await;
        Mock::given(path("/keys")).respond_with(keys.clone()).mount(&server).await;
        Self { server, keys }
    }

    pub fn url(&self) -> String {
        self.server.uri()
    }

    pub fn publishes(&self, keys: impl IntoIterator<Item = Value>) {
        *self.keys.published.lock().expect("no panic") = keys.into_iter().collect();
    }

    /// What it answers from now on when it is asked for its keys.
    pub fn answers(&self, status: u16) {
        self.keys.status.store(status, Ordering::Relaxed);
    }

    /// How often it was asked for its keys.
    pub async fn asked(&self) -> usize {
        let requests = self.server.received_requests().await.expect("requests are recorded");
        requests.iter().filter(|request| request.url.path() == "/keys").count()
    }

    /// Settings that trust it: `platform` are admins, `team-a` developers, `everyone` viewers.
    pub fn settings(&self) -> AuthSettings {
        AuthSettings {
            auth_mode: AuthMode::Oidc,
            oidc_issuer: self.url(),
            oidc_audience: "faultline, other".to_owned(),
            oidc_token_types: "JWT,at+jwt,vnd.backstage.user".to_owned(),
            oidc_name_claim: "sub".to_owned(),
            oidc_roles_claim: "groups".to_owned(),
            oidc_admins: "platform".to_owned(),
            oidc_developers: "team-a".to_owned(),
            oidc_viewers: "everyone".to_owned(),
            ..AuthSettings::default()
        }
    }
}
