//! Whether a webhook is its sender's: keyed hashes (HMAC, RFC 2104) of what each vendor signs.
//!
//! | scheme | signed | header | source of the facts |
//! |---|---|---|---|
//! | `body` | body | named in the source's file | Shopify ("Validate the origin of your webhook"), WooCommerce, Typeform, GitHub |
//! | `stripe` | `t` + `.` + body, SHA-256, hexadecimal | `Stripe-Signature: t=…,v1=…` | Stripe docs, "Verify webhook signatures manually"; several `v1` while a secret is rolled |
//! | `zendesk` | time + body, SHA-256, base 64 | `X-Zendesk-Webhook-Signature`, `…-Timestamp` | Zendesk developer docs, "Verifying webhook authenticity" |
//! | `intercom` | body, SHA-1, hexadecimal behind `sha1=` | `X-Hub-Signature` | Intercom developer docs, "Signed notifications" |
//! | `twilio` | address, then every field of the form by its name: name, value; SHA-1, base 64 | `X-Twilio-Signature` | Twilio docs, "Webhooks security"; a body of JSON has its SHA-256 as `bodySHA256` in the address |
//!
//! Signed times are held against the clock, so that what somebody overheard is worth nothing after the tolerance; sooner, and where no time is
//! signed, facts with a known id are duplicates. HMAC is written out here: the crate `hmac` turns on a feature of `digest`, with which the
//! whole engine would be compiled anew.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clew_intake::spec::{Algorithm, Signature, SignatureEncoding, SignatureScheme};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::cursor::hex;

/// The header with Zendesk's time.
const ZENDESK_TIME: &str = "X-Zendesk-Webhook-Signature-Timestamp";
/// The parameter with the hash of a body that is no form.
const BODY_HASH: &str = "bodySHA256";
/// Bytes of a block of both hash functions.
const BLOCK: usize = 64;

/// A request as it came.
pub struct Signed<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// What stands behind `?` in its address.
    pub query: Option<&'a str>,
    /// Its body, packed if it was.
    pub body: &'a [u8],
    /// Seconds since 1970.
    pub now_s: i64,
}

/// Checks that `request` is signed; says what its sender must know when it is not.
pub fn verify(signature: &Signature, request: &Signed) -> Result<(), String> {
    let wrong = || format!("The signature in {} is missing, or is not that of this request.", signature.header());
    let given = request.header(signature.header()).ok_or_else(wrong)?;
    let is_right = match signature.scheme {
        SignatureScheme::Body => {
            let given = given.strip_prefix(&signature.prefix).and_then(|given| decoded(signature.encoding, given));
            is_hash(signature, signature.algorithm, &[request.body], given)
        }
        SignatureScheme::Stripe => {
            let parts = || given.split(',').filter_map(|part| part.trim().split_once('='));
            let time = parts().find(|(key, _)| *key == "t").map(|(_, time)| time).ok_or_else(wrong)?;
            let signed = [time.as_bytes(), b".", request.body];
            let mut hashes = parts().filter(|(key, _)| *key == "v1").map(|(_, hash)| decoded(SignatureEncoding::Hex, hash));
            let is_right = hashes.any(|hash| is_hash(signature, Algorithm::Sha256, &signed, hash));
            is_right && is_of_now(signature, time.parse().ok(), request.now_s)?
        }
        SignatureScheme::Zendesk => {
            let time = request.header(ZENDESK_TIME).ok_or_else(wrong)?;
            let hash = decoded(SignatureEncoding::Base64, given);
            let is_right = is_hash(signature, Algorithm::Sha256, &[time.as_bytes(), request.body], hash);
            let at = time.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second);
            is_right && is_of_now(signature, at, request.now_s)?
        }
        SignatureScheme::Intercom => {
            let hash = given.strip_prefix("sha1=").and_then(|given| decoded(SignatureEncoding::Hex, given));
            is_hash(signature, Algorithm::Sha1, &[request.body], hash)
        }
        SignatureScheme::Twilio => {
            let hash = decoded(SignatureEncoding::Base64, given);
            twilio(signature, request).is_some_and(|signed| is_hash(signature, Algorithm::Sha1, &[signed.as_bytes()], hash))
        }
    };
    if is_right { Ok(()) } else { Err(wrong()) }
}

impl<'a> Signed<'a> {
    fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
    }
}

/// Whether a body of this kind is a form.
pub fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// What Twilio signs; `None` where the address has the hash of another body.
fn twilio(signature: &Signature, request: &Signed) -> Option<String> {
    let address = signature.url.as_deref().unwrap_or_default();
    let address = address.split('?').next().unwrap_or_default();
    let mut signed = match request.query {
        Some(query) => format!("{address}?{query}"),
        None => address.to_owned(),
    };
    let queried = form_urlencoded::parse(request.query.unwrap_or_default().as_bytes());
    if let Some((_, hash)) = queried.into_iter().find(|(name, _)| name == BODY_HASH) {
        return (hash.eq_ignore_ascii_case(&hex(&Sha256::digest(request.body)))).then_some(signed);
    }
    if is_form(request.headers) {
        let mut fields: Vec<_> = form_urlencoded::parse(request.body).collect();
        fields.sort();
        // Twilio's own libraries take a repeated pair once.
        fields.dedup();
        fields.iter().for_each(|(name, value)| {
            signed.push_str(name);
            signed.push_str(value);
        });
        return Some(signed);
    }
    // A body that nothing vouches for is nobody's.
    request.body.is_empty().then_some(signed)
}

fn is_of_now(signature: &Signature, at_s: Option<i64>, now_s: i64) -> Result<bool, String> {
    let tolerance = signature.tolerance_s().unwrap_or_default();
    match at_s.map(|at| now_s.saturating_sub(at)) {
        None => Ok(false),
        Some(age) if age.abs() <= tolerance => Ok(true),
        Some(age) => Err(format!(
            "The signature in {} is right, and {} s {}: at most {tolerance} s are taken. It was replayed, or a clock is wrong.",
            signature.header(),
            age.unsigned_abs(),
            if age > 0 { "old" } else { "ahead" }
        )),
    }
}

fn decoded(encoding: SignatureEncoding, given: &str) -> Option<Vec<u8>> {
    match encoding {
        SignatureEncoding::Hex => unhex(given),
        SignatureEncoding::Base64 => STANDARD.decode(given).ok(),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some((digit(pair[0])? << 4 | digit(*pair.get(1)?)?) as u8)).collect()
}

fn is_hash(signature: &Signature, algorithm: Algorithm, signed: &[&[u8]], given: Option<Vec<u8>>) -> bool {
    let key = signature.secret.reveal().as_bytes();
    given.is_some_and(|given| hmac(algorithm, key, signed).ct_eq(&given).into())
}

/// The keyed hash of `parts`, one behind the other.
fn hmac(algorithm: Algorithm, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let hash = |parts: &[&[u8]]| match algorithm {
        Algorithm::Sha256 => parts.iter().fold(Sha256::new(), Digest::chain_update).finalize().to_vec(),
        Algorithm::Sha1 => {
            use sha1::Digest;
            parts.iter().fold(sha1::Sha1::new(), sha1::Digest::chain_update).finalize().to_vec()
        }
    };
    let mut block = [0_u8; BLOCK];
    let short = if key.len() > BLOCK { hash(&[key]) } else { key.to_vec() };
    block[..short.len()].copy_from_slice(&short);
    let pad = block.map(|byte| byte ^ 0x36);
    let inner: Vec<&[u8]> = std::iter::once(&pad[..]).chain(parts.iter().copied()).collect();
    let inner = hash(&inner);
    hash(&[&block.map(|byte| byte ^ 0x5c), &inner])
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    const NOW: i64 = 1_760_000_000;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn signature(text: &str) -> Signature {
        serde_json::from_str(text).unwrap()
    }

    fn check(signature: &Signature, pairs: &[(&'static str, &str)], query: Option<&str>, body: &str) -> Result<(), String> {
        let headers = headers(pairs);
        verify(signature, &Signed { headers: &headers, query, body: body.as_bytes(), now_s: NOW })
    }

    /// The example of RFC 4231, test case 2: key "Jefe", data "what do ya want for nothing?".
    #[test]
    fn a_signature_is_the_keyed_hash_of_the_body() {
        const HASH: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let signature = signature(r#"{"header": "X-Sign", "prefix": "sha256=", "secret": "Jefe"}"#);
        let signed = |value: &str, body: &str| check(&signature, &[("x-sign", value)], None, body).is_ok();
        let body = "what do ya want for nothing?";
        assert!(signed(&format!("sha256={HASH}"), body) && signed(&format!("sha256={}", HASH.to_uppercase()), body));
        assert!(!signed(HASH, body) && !signed(&format!("sha256={HASH}"), "something else"));
        assert!(!signed("sha256=", body) && !signed("sha256=5", body) && !signed("sha256=zz", body));
        assert!(check(&signature, &[], None, body).unwrap_err().contains("X-Sign"));
        assert!(!format!("{signature:?}").contains("Jefe"));
    }

    /// RFC 4231, test cases 1 and 6 (a key longer than a block); RFC 2202, test cases 1 and 6 of HMAC-SHA-1.
    #[test]
    fn keyed_hashes_are_those_of_the_standard() {
        let of = |algorithm, key: &[u8], message: &str| hex(&hmac(algorithm, key, &[message.as_bytes()]));
        let (short, long) = ([0x0b; 20], "Test Using Larger Than Block-Size Key - Hash Key First");
        let sha256 = Algorithm::Sha256;
        assert_eq!(of(sha256, &short, "Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        assert_eq!(of(sha256, &[0xaa; 131], long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
        assert_eq!(of(Algorithm::Sha1, &short, "Hi There"), "b617318655057264e28bc0b6fb378c8ef146be00");
        assert_eq!(of(Algorithm::Sha1, &[0xaa; 80], long), "aa4ae5e15272d00e95705637ce8a3b55ed402112");
        let parts = hmac(sha256, &short, &[b"Hi ", b"", b"There"]);
        assert_eq!(parts, hmac(sha256, &short, &[b"Hi There"]));
    }

    /// The hash is that of `printf '1760000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test`.
    #[test]
    fn stripe_signs_the_time_and_the_body() {
        const HASH: &str = "66e880d7175fffb43ce10c4e14db1cfb230c8804b5aafb116affbc9a836c7690";
        let signature = signature(r#"{"scheme": "stripe", "secret": "whsec_test"}"#);
        let given = |time: i64, rest: &str, body: &str| {
            check(&signature, &[("stripe-signature", &format!("t={time}{rest}"))], None, body)
        };
        let (body, right) = (r#"{"id":"evt_1"}"#, format!(",v1={HASH}"));
        assert_eq!(given(NOW, &right, body), Ok(()));
        // While a secret is rolled there are two; v0 and what else may come is passed over.
        assert_eq!(given(NOW, &format!(",v1={},v1={HASH},v0=6ffbb59b", "0".repeat(64)), body), Ok(()));
        assert!(given(NOW, &right, r#"{"id":"evt_2"}"#).unwrap_err().contains("is not that of this request"));
        assert!(given(NOW + 1, &right, body).is_err(), "the time is signed, too");
        assert!(given(NOW, &format!(",v0={HASH}"), body).is_err());
        assert!(check(&signature, &[("stripe-signature", &format!("v1={HASH}"))], None, body).is_err());
        // The same, six minutes later.
        let headers = headers(&[("stripe-signature", &format!("t={NOW}{right}"))]);
        let late = |now_s| verify(&signature, &Signed { headers: &headers, query: None, body: body.as_bytes(), now_s });
        assert_eq!((late(NOW + 300), late(NOW - 300)), (Ok(()), Ok(())));
        assert!(late(NOW + 360).unwrap_err().contains("360 s old: at most 300 s"));
        assert!(late(NOW - 360).unwrap_err().contains("360 s ahead"));
    }

    /// The secret is the one that Zendesk documents for trying webhooks out; the hash is that of
    /// `printf '2025-10-09T08:53:20Z{"ticket":1}' | openssl dgst -sha256 -hmac <secret> -binary | base64`.
    #[test]
    fn zendesk_signs_the_time_in_its_own_header_and_the_body() {
        const TIME: &str = "2025-10-09T08:53:20Z";
        let signature =
            signature(r#"{"scheme": "zendesk", "secret": "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==", "tolerance": "1m"}"#);
        let pair = |hash: &'static str, time: &'static str| {
            [("x-zendesk-webhook-signature", hash), ("x-zendesk-webhook-signature-timestamp", time)]
        };
        let right = "Tgh3BIFuDDbuQjzg3exQ6T1EOa/kWRDlgp06j++UHBo=";
        assert_eq!(check(&signature, &pair(right, TIME), None, r#"{"ticket":1}"#), Ok(()));
        assert!(check(&signature, &pair(right, TIME), None, r#"{"ticket":2}"#).is_err());
        assert!(check(&signature, &pair(right, "2025-10-09T08:53:21Z"), None, r#"{"ticket":1}"#).is_err());
        assert!(check(&signature, &pair(right, TIME)[..1], None, r#"{"ticket":1}"#).is_err());
        let headers = headers(&pair(right, TIME));
        let late = Signed { headers: &headers, query: None, body: br#"{"ticket":1}"#, now_s: NOW + 61 };
        assert!(verify(&signature, &late).unwrap_err().contains("61 s old"));
    }

    /// The hash is that of `printf '{"type":"notification_event"}' | openssl dgst -sha1 -hmac client_secret`.
    #[test]
    fn intercom_signs_the_body_with_sha_1() {
        let signature = signature(r#"{"scheme": "intercom", "secret": "client_secret"}"#);
        let body = r#"{"type":"notification_event"}"#;
        assert_eq!(
            check(&signature, &[("x-hub-signature", "sha1=4daa94eb99e53512e02105d2e6e3babbd806f19b")], None, body),
            Ok(())
        );
        assert!(check(&signature, &[("x-hub-signature", "4daa94eb99e53512e02105d2e6e3babbd806f19b")], None, body).is_err());
        assert!(check(&signature, &[("x-hub-signature", "sha1=4daa94eb99e53512e02105d2e6e3babbd806f19b")], None, "{}").is_err());
    }

    /// Address, fields, token and signature of a form are the example in Twilio's documentation (TwilioDevEd/api-snippets,
    /// security/signature_validation).
    #[test]
    fn twilio_signs_its_address_and_the_form() {
        let signature = signature(r#"{"scheme": "twilio", "secret": "12345", "url": "https://mycompany.com/myapp.php"}"#);
        let form = |hash: &'static str| {
            [("x-twilio-signature", hash), ("content-type", "application/x-www-form-urlencoded; charset=UTF-8")]
        };
        let body = "To=%2B18005551212&Digits=1234&CallSid=CA1234567890ABCDE&Caller=%2B14158675310&From=%2B14158675310";
        let right = form("GvWf1cFY/Q7PnoempGyD5oXAezc=");
        assert_eq!(check(&signature, &right, Some("foo=1&bar=2"), body), Ok(()));
        assert!(check(&signature, &right, Some("foo=1&bar=3"), body).is_err());
        assert!(check(&signature, &right, None, body).is_err());
        assert!(check(&signature, &right, Some("foo=1&bar=2"), &body.replace("1234&", "1235&")).is_err());
        // A body that is no form has its hash in the address: `printf 'https://…?bodySHA256=…' | openssl dgst -sha1 -hmac 12345 -binary | base64`.
        let json = r#"{"sid":"CA1"}"#;
        let query = "bodySHA256=1380498b6a279e6064bd0bf779fc8cb1798e7813cd06fc5a7f280a15379d8e53";
        let right = [("x-twilio-signature", "YpbZpFcJqhTCeqqIERzRtb5xAXk="), ("content-type", "application/json")];
        assert_eq!(check(&signature, &right, Some(query), json), Ok(()));
        assert!(check(&signature, &right, Some(query), r#"{"sid":"CA2"}"#).is_err());
        // The address alone does not vouch for a body.
        let right = [("x-twilio-signature", "ZEVhNTf/+0VuA9ofUWb9iscKI5Y="), ("content-type", "application/json")];
        assert_eq!(check(&signature, &right, None, ""), Ok(()));
        assert!(check(&signature, &right, None, json).is_err());
    }
}
