//! Tokens of an identity provider: those that hold, and every way in which one does not.

use faultline::{
    auth::{Auth, AuthSettings, Credential, Refusal, Wrong},
    cluster::Cluster,
    domain::caller::{Principal, Role},
    http::diagnose,
    pipeline::callers,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    OOM, get,
    oidc_keys::{Issuer, Signer, base64},
    with,
};
use crate::support::{TestApp, json_request, settings};

/// A time, `seconds` after one that is fixed.
fn at(seconds: i64) -> Timestamp {
    let beginning: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
    beginning + SignedDuration::from_secs(seconds)
}

/// Claims that hold from `from` for five minutes.
fn claims(issuer: &Issuer, from: Timestamp, more: Value) -> Value {
    let second = from.as_second();
    let mut claims = json!({
        "iss": issuer.url(), "aud": "faultline", "sub": "ada", "groups": ["team-a"],
        "iat": second, "nbf": second, "exp": second + 300,
    });
    claims.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    claims
}

fn bearer(token: &str) -> Credential {
    callers::bearer(token)
}

async fn identified(auth: &Auth, token: &str, now: Timestamp) -> Result<Principal, Refusal> {
    auth.identify(&bearer(token), &Cluster::none(), now).await
}

fn principal(name: &str, role: Role) -> Principal {
    Principal { name: name.to_owned(), role }
}

#[tokio::test]
async fn tokens_of_both_algorithms_open_the_doors_of_their_roles() {
    let (rsa, p256) = (Signer::rsa(), Signer::p256());
    let issuer = Issuer::publishing([rsa.jwk("r"), p256.jwk("e")]).await;
    let app = TestApp::guarded(Auth::open(&issuer.settings()).expect("good settings"), settings(), |_| {});
    let now = diagnose::now();
    for (signer, id) in [(&rsa, "r"), (&p256, "e")] {
        let token = |groups: Value| {
            format!(
                "Bearer {}",
                signer.token(&json!({"typ": "JWT", "kid": id}), &claims(&issuer, now, json!({"groups": groups})))
            )
        };
        let ask = async |token: &str| app.send(with(json_request("/diagnose", OOM), "authorization", token)).await;
        assert_eq!(ask(&token(json!(["x", "team-a"]))).await.status, 200, "{id}");
        assert_eq!(ask(&token(json!("team-a other"))).await.status, 200, "one text with several");
        assert_eq!(ask(&token(json!(["everyone"]))).await.problem(), (403, "forbidden".to_owned(), vec![]));
        let nobody = ask(&token(json!(["strangers"]))).await;
        assert_eq!(nobody.problem().0, 403);
        assert!(nobody.text().contains("no"), "{}", nobody.text());
        assert_eq!(app.send(with(get("/runbooks"), "authorization", &token(json!(["everyone"])))).await.status, 200);
    }
    assert_eq!(issuer.asked().await, 1, "its keys are fetched once");
    let forged = Signer::p256().token(&json!({"kid": "e"}), &claims(&issuer, now, json!({})));
    let answer = app.send(with(get("/runbooks"), "authorization", &format!("Bearer {forged}"))).await;
    assert_eq!(answer.problem().0, 401);
    assert!(!answer.text().contains(&forged[..40]));
    let as_key = with(get("/runbooks"), "x-api-key", &forged);
    assert_eq!(app.send(as_key).await.status, 401, "a token is no key");
}

#[tokio::test]
async fn a_token_that_does_not_hold_opens_nothing() {
    let (rsa, p256, other) = (Signer::rsa(), Signer::p256(), Signer::p256());
    let issuer = Issuer::publishing([rsa.jwk("r"), p256.jwk("e")]).await;
    let auth = Auth::open(&issuer.settings()).expect("good settings");
    let (r, e) = (json!({"kid": "r"}), json!({"kid": "e"}));
    let good = |more: Value| claims(&issuer, at(0), more);
    let without = |name: &str| {
        let mut claims = good(json!({}));
        claims.as_object_mut().expect("an object").remove(name);
        claims
    };
    let second = at(0).as_second();

    let valid = p256.token(&e, &good(json!({})));
    assert_eq!(identified(&auth, &valid, at(0)).await, Ok(principal("ada", Role::Developer)));

    let parts: Vec<&str> = valid.split('.').collect();
    let admin = base64(good(json!({"groups": ["platform"]})).to_string().as_bytes());
    let rs_public = Signer::Hs256(rsa.public_bytes());
    let es_public = Signer::Hs256(p256.public_bytes());
    let rs_modulus = Signer::Hs256(rsa.jwk("r")["n"].as_str().expect("a number").as_bytes().to_vec());
    let first = if parts[2].starts_with('A') { "B" } else { "A" };
    let turned = format!("{first}{}", &parts[2][1..]);
    let cases = [
        ("alg none", Signer::Nobody.token(&e, &good(json!({}))), Wrong::Algorithm),
        ("alg None", Signer::Nobody.token(&json!({"alg": "None", "kid": "e"}), &good(json!({}))), Wrong::Algorithm),
        ("no signature", Signer::Nobody.token(&json!({"alg": "ES256", "kid": "e"}), &good(json!({}))), Wrong::Signature),
        ("HS256 with the public RSA key", rs_public.token(&r, &good(json!({}))), Wrong::Algorithm),
        ("HS256 with the public point", es_public.token(&e, &good(json!({}))), Wrong::Algorithm),
        ("HS256 with the modulus", rs_modulus.token(&r, &good(json!({}))), Wrong::Algorithm),
        ("HS256 that says RS256", rs_public.token(&json!({"alg": "RS256", "kid": "r"}), &good(json!({}))), Wrong::Signature),
        ("RS512", rsa.token(&json!({"alg": "RS512", "kid": "r"}), &good(json!({}))), Wrong::Algorithm),
        ("ES256 with an RSA key", rsa.token(&json!({"alg": "ES256", "kid": "r"}), &good(json!({}))), Wrong::UnknownSigner),
        ("another key", other.token(&e, &good(json!({}))), Wrong::Signature),
        ("another kid", p256.token(&json!({"kid": "x"}), &good(json!({}))), Wrong::UnknownSigner),
        ("other claims", format!("{}.{admin}.{}", parts[0], parts[2]), Wrong::Signature),
        ("another signature", format!("{}.{}.{turned}", parts[0], parts[1]), Wrong::Signature),
        (
            "a critical extension",
            p256.token(&json!({"kid": "e", "crit": ["b64"], "b64": false}), &good(json!({}))),
            Wrong::Malformed,
        ),
        (
            "a service's token",
            p256.token(&json!({"kid": "e", "typ": "vnd.backstage.service"}), &good(json!({}))),
            Wrong::TokenType,
        ),
        (
            "a limited user's token",
            p256.token(&json!({"kid": "e", "typ": "vnd.backstage.limited-user"}), &good(json!({}))),
            Wrong::TokenType,
        ),
        ("another issuer", p256.token(&e, &good(json!({"iss": "https://elsewhere.example"}))), Wrong::Issuer),
        ("an issuer with a slash more", p256.token(&e, &good(json!({"iss": format!("{}/", issuer.url())}))), Wrong::Issuer),
        ("no issuer", p256.token(&e, &without("iss")), Wrong::Issuer),
        ("another audience", p256.token(&e, &good(json!({"aud": "grafana"}))), Wrong::Audience),
        ("other audiences", p256.token(&e, &good(json!({"aud": ["grafana", 1]}))), Wrong::Audience),
        ("no audience", p256.token(&e, &without("aud")), Wrong::Audience),
        ("over", p256.token(&e, &good(json!({"exp": second - 61}))), Wrong::Expired),
        ("never over", p256.token(&e, &without("exp")), Wrong::Malformed),
        ("over at a word", p256.token(&e, &good(json!({"exp": "tomorrow"}))), Wrong::Malformed),
        ("over at no time", p256.token(&e, &good(json!({"exp": 1e300}))), Wrong::Malformed),
        ("not yet", p256.token(&e, &good(json!({"nbf": second + 61}))), Wrong::NotYetValid),
        ("from the future", p256.token(&e, &good(json!({"iat": second + 3600}))), Wrong::NotYetValid),
        ("nobody's", p256.token(&e, &without("sub")), Wrong::Malformed),
        ("somebody with a line break", p256.token(&e, &good(json!({"sub": "ada\nadmin"}))), Wrong::Malformed),
        ("two parts", format!("{}.{}", parts[0], parts[1]), Wrong::Malformed),
        ("four parts", format!("{valid}.x"), Wrong::Malformed),
        ("no base64", format!("{}.{}.{}", parts[0], parts[1], "*"), Wrong::Malformed),
        ("a header that is a list", format!("{}.{}.{}", base64(b"[]"), parts[1], parts[2]), Wrong::Malformed),
        ("nothing", String::new(), Wrong::Malformed),
        ("dots", "..".to_owned(), Wrong::Malformed),
        ("17 KiB", format!("{}.{}", "a".repeat(17 << 10), valid), Wrong::Malformed),
    ];
    for (what, token, wrong) in cases {
        assert_eq!(identified(&auth, &token, at(0)).await, Err(Refusal::Wrong(wrong)), "{what}");
    }
    for (what, more) in [
        ("several audiences", json!({"aud": ["grafana", "other"]})),
        ("a clock that is a little late", json!({"exp": second - 59})),
        ("a clock that is a little early", json!({"nbf": second + 59, "iat": second + 59})),
        ("fractions", json!({"exp": second as f64 + 0.5, "iat": second as f64 - 0.25})),
    ] {
        assert!(identified(&auth, &p256.token(&e, &good(more)), at(0)).await.is_ok(), "{what}");
    }
    for kind in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        let token = p256.token(&json!({"kid": "e", "typ": kind}), &good(json!({})));
        assert!(identified(&auth, &token, at(0)).await.is_ok(), "{kind}");
    }
    let unnamed = p256.token(&json!({}), &good(json!({"jti": "1"})));
    assert!(identified(&auth, &unnamed, at(0)).await.is_ok(), "there is one key of this algorithm");
}

#[tokio::test]
async fn a_user_of_backstage_is_known_by_entity() {
    let key = Signer::p256();
    let issuer = Issuer::publishing([key.jwk("b")]).await;
    let ours = AuthSettings {
        oidc_audience: "backstage".to_owned(),
        oidc_jwks_url: format!("{}/keys", issuer.url()),
        oidc_issuer: "http://backstage.example:7007/api/auth".to_owned(),
        oidc_roles_claim: "ent".to_owned(),
        oidc_admins: "group:default/platform".to_owned(),
        oidc_developers: "user:default/jane".to_owned(),
        oidc_viewers: "*".to_owned(),
        ..issuer.settings()
    };
    let auth = Auth::open(&ours).expect("good settings");
    let token = |subject: &str, ent: Value| {
        let more = json!({"iss": "http://backstage.example:7007/api/auth", "aud": "backstage", "sub": subject, "ent": ent});
        key.token(&json!({"typ": "vnd.backstage.user", "kid": "b"}), &claims(&issuer, at(0), more))
    };
    let cases = [
        (token("user:default/jane", json!(["user:default/jane"])), principal("user:default/jane", Role::Developer)),
        (token("user:default/ada", json!(["group:default/platform"])), principal("user:default/ada", Role::Admin)),
        (token("user:default/tom", json!([])), principal("user:default/tom", Role::Viewer)),
    ];
    for (token, who) in cases {
        assert_eq!(identified(&auth, &token, at(0)).await, Ok(who));
    }
}

#[tokio::test]
async fn roles_may_stand_deep_and_names_elsewhere() {
    let key = Signer::p256();
    let issuer = Issuer::publishing([key.jwk("k")]).await;
    let ours = AuthSettings {
        oidc_roles_claim: "realm_access.roles".to_owned(),
        oidc_name_claim: "preferred_username".to_owned(),
        ..issuer.settings()
    };
    let auth = Auth::open(&ours).expect("good settings");
    let more = json!({"preferred_username": "jane", "groups": ["everyone"], "realm_access": {"roles": ["x", "platform"]}});
    let token = key.token(&json!({"kid": "k"}), &claims(&issuer, at(0), more));
    assert_eq!(identified(&auth, &token, at(0)).await, Ok(principal("jane", Role::Admin)));
}

#[tokio::test]
async fn unknown_signers_do_not_make_us_ask_again_and_again() {
    let (old, new) = (Signer::p256(), Signer::p256());
    let issuer = Issuer::publishing([old.jwk("old")]).await;
    let auth = Auth::open(&issuer.settings()).expect("good settings");
    let token = |signer: &Signer, id: &str, n: i64| signer.token(&json!({"kid": id}), &claims(&issuer, at(n), json!({"jti": n})));
    assert!(identified(&auth, &token(&old, "old", 0), at(0)).await.is_ok());
    assert_eq!(issuer.asked().await, 1);
    for n in 0..50 {
        let forged = new.token(&json!({"kid": format!("guess-{n}")}), &claims(&issuer, at(0), json!({})));
        assert_eq!(identified(&auth, &forged, at(n / 2)).await, Err(Refusal::Wrong(Wrong::UnknownSigner)));
    }
    assert_eq!(issuer.asked().await, 1, "the last time was a moment ago");

    issuer.publishes([old.jwk("old"), new.jwk("new")]);
    assert!(identified(&auth, &token(&new, "new", 31), at(31)).await.is_ok(), "a key that was added");
    assert_eq!(issuer.asked().await, 2);
    issuer.publishes([new.jwk("new")]);
    assert!(identified(&auth, &token(&old, "old", 400), at(400)).await.is_ok(), "not looked at again yet");
    assert_eq!(
        identified(&auth, &token(&old, "old", 700), at(700)).await,
        Err(Refusal::Wrong(Wrong::UnknownSigner)),
        "a key that was withdrawn"
    );
}

#[tokio::test]
async fn a_provider_that_is_down_leaves_its_keys() {
    let key = Signer::rsa();
    let issuer = Issuer::publishing([key.jwk("k")]).await;
    let auth = Auth::open(&issuer.settings()).expect("good settings");
    let token = |n: i64| key.token(&json!({"kid": "k"}), &claims(&issuer, at(n), json!({"jti": n})));
    issuer.answers(503);
    assert_eq!(identified(&auth, &token(0), at(0)).await, Err(Refusal::Unavailable), "no key was ever seen");
    issuer.answers(200);
    assert!(identified(&auth, &token(31), at(31)).await.is_ok());
    issuer.answers(503);
    for n in [600, 3600, 23 * 3600] {
        assert!(identified(&auth, &token(n), at(n)).await.is_ok(), "after {n} s the last keys hold");
    }
    let day = 25 * 3600;
    assert_eq!(identified(&auth, &token(day), at(day)).await, Err(Refusal::Unavailable), "nobody vouches for them any more");

    let app = TestApp::guarded(Auth::open(&issuer.settings()).expect("good settings"), settings(), |_| {});
    let now = key.token(&json!({"kid": "k"}), &claims(&issuer, diagnose::now(), json!({})));
    let answer = app.send(with(get("/runbooks"), "authorization", &format!("Bearer {now}"))).await;
    assert_eq!(answer.problem(), (503, "authentication-unavailable".to_owned(), vec![]));
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn what_is_remembered_of_a_token_ends_with_it() {
    let key = Signer::p256();
    let issuer = Issuer::publishing([key.jwk("k")]).await;
    let auth = Auth::open(&issuer.settings()).expect("good settings");
    let second = at(0).as_second();
    let short = key.token(&json!({"kid": "k"}), &claims(&issuer, at(0), json!({"exp": second + 20})));
    assert!(identified(&auth, &short, at(0)).await.is_ok());
    assert!(auth.recognise(&bearer(&short), at(19)).is_some_and(|known| known.is_ok()), "it is remembered");
    assert!(auth.recognise(&bearer(&short), at(20)).is_none(), "not beyond its own end");
    assert_eq!(identified(&auth, &short, at(81)).await, Err(Refusal::Wrong(Wrong::Expired)));
    let long = key.token(&json!({"kid": "k"}), &claims(&issuer, at(0), json!({})));
    assert!(identified(&auth, &long, at(0)).await.is_ok());
    assert!(auth.recognise(&bearer(&long), at(60)).is_none(), "not for longer than a minute");
}

#[tokio::test]
async fn keys_that_are_for_something_else_sign_nothing() {
    let key = Signer::p256();
    let changed = |name: &str, value: Value| {
        let mut jwk = key.jwk("k");
        jwk[name] = value;
        jwk
    };
    for (what, jwk) in [
        ("encryption", changed("use", json!("enc"))),
        ("another algorithm", changed("alg", json!("ES384"))),
        ("another curve", changed("crv", json!("P-384"))),
        ("a short coordinate", changed("x", json!("AAAA"))),
        ("a point beside the curve", changed("x", json!(base64(&[7; 32])))),
        ("no key at all", json!("k")),
        ("a shared secret", Signer::Hs256(b"secret".to_vec()).jwk("k")),
    ] {
        let issuer = Issuer::publishing([jwk]).await;
        let auth = Auth::open(&issuer.settings()).expect("good settings");
        let token = key.token(&json!({"kid": "k"}), &claims(&issuer, at(0), json!({})));
        assert!(matches!(identified(&auth, &token, at(0)).await, Err(Refusal::Wrong(_))), "{what}");
    }
}

#[test]
fn settings_that_would_let_too_many_in_stop_the_start() {
    let good = AuthSettings {
        auth_mode: faultline::auth::AuthMode::Oidc,
        oidc_issuer: "https://login.example".to_owned(),
        oidc_audience: "faultline".to_owned(),
        oidc_viewers: "*".to_owned(),
        ..AuthSettings::default()
    };
    assert!(Auth::open(&good).is_ok());
    let wrong = [
        (AuthSettings { oidc_issuer: "login.example".to_owned(), ..good.clone() }, "OIDC_ISSUER"),
        (AuthSettings { oidc_audience: " , ".to_owned(), ..good.clone() }, "OIDC_AUDIENCE"),
        (AuthSettings { oidc_viewers: String::new(), ..good.clone() }, "OIDC_VIEWERS"),
        (AuthSettings { oidc_admins: "*".to_owned(), ..good.clone() }, "OIDC_ADMINS"),
        (AuthSettings { oidc_jwks_url: "file:///keys".to_owned(), ..good }, "OIDC_JWKS_URL"),
    ];
    for (settings, named) in wrong {
        let why = Auth::open(&settings).expect_err("it would let too many in");
        assert!(why.contains(named), "{why}");
    }
}
