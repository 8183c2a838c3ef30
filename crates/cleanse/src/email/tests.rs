//! Addresses by hand: RFC limits, repairs, refusals, aliases.

use super::*;

fn shown(raw: &str) -> String {
    let cleaned = clean(raw);
    let codes: Vec<&str> = cleaned.flags.codes().collect();
    format!("{} | {}", cleaned.value.as_ref().map_or("-", Email::as_str), codes.join(" "))
}

#[test]
fn lists_are_sorted() {
    assert!(NO_ADDRESS.is_sorted_by(|a, b| a < b) && GENERIC.is_sorted_by(|a, b| a < b) && ROLES.is_sorted_by(|a, b| a < b));
}

#[test]
fn addresses_are_kept_or_repaired() {
    for (raw, expected) in [
        ("ann@acme.com", "ann@acme.com | "),
        ("ann.lee+news@acme.co.uk", "ann.lee+news@acme.co.uk | "),
        ("o'brien@acme.com", "o'brien@acme.com | "),
        ("Ann@Acme.COM", "ann@acme.com | case_changed"),
        (" ann@acme.com ", "ann@acme.com | trimmed"),
        ("mailto:ann@acme.com", "ann@acme.com | unwrapped"),
        ("MAILTO:Ann@acme.com?subject=Hi", "ann@acme.com | case_changed unwrapped"),
        ("<ann@acme.com>", "ann@acme.com | unwrapped"),
        ("\"Ann Lee\" <ann@acme.com>", "ann@acme.com | unwrapped"),
        ("Maria Sentosa<msentosa@fmail.com>", "msentosa@fmail.com | unwrapped"),
        ("'ann@acme.com'", "ann@acme.com | unwrapped"),
        ("ann@acme.com.", "ann@acme.com | stray_punctuation"),
        ("ann@acme.com;", "ann@acme.com | stray_punctuation"),
        ("ann @acme.com", "ann@acme.com | stray_punctuation"),
        ("ann@ acme.com", "ann@acme.com | stray_punctuation"),
        ("ann@acme .com", "ann@acme.com | stray_punctuation"),
        ("ann@@acme.com", "ann@acme.com | stray_punctuation"),
        ("ann@acme..com", "ann@acme.com | stray_punctuation"),
        ("ann..lee@acme.com", "ann.lee@acme.com | stray_punctuation"),
        ("ann@gmail,com", "ann@gmail.com | comma_for_dot free_mail"),
        ("ann,lee@acme.com", "ann.lee@acme.com | comma_for_dot"),
        ("ann (at) acme [dot] com", "ann@acme.com | spelled_out"),
        ("ann at acme dot com", "ann@acme.com | spelled_out"),
        ("ann@acme.com; bob@acme.com", "ann@acme.com | several_values"),
        ("ann@acme.com, bob@acme.com", "ann@acme.com | several_values"),
        ("ann@gmial.com", "ann@gmail.com | domain_typo free_mail"),
        ("ann@gmail.con", "ann@gmail.com | domain_typo free_mail"),
        ("ann@hotmial.con", "ann@hotmail.com | domain_typo free_mail"),
        ("ann@acme.con", "ann@acme.com | domain_typo"),
        ("ann@fmail.com", "ann@fmail.com | "),
        ("info@acme.com", "info@acme.com | role_address"),
        ("ann@mailinator.com", "ann@mailinator.com | disposable_email"),
        ("ann@example.org", "ann@example.org | reserved_domain"),
        ("\"ann lee\"@acme.com", "\"ann lee\"@acme.com | quoted_local"),
        ("jörg@müller.de", "jörg@müller.de | international_email"),
        ("ann@xn--mller-kva.de", "ann@xn--mller-kva.de | "),
        ("12345@qq.com", "12345@qq.com | free_mail"),
    ] {
        assert_eq!(shown(raw), expected, "{raw:?}");
    }
}

#[test]
fn what_is_no_address_is_refused() {
    let long = format!("{}@acme.com", "a".repeat(65));
    let label = format!("ann@{}.com", "a".repeat(64));
    for (raw, flag) in [
        ("ann", Flag::InvalidEmail),
        ("ann@", Flag::InvalidEmail),
        ("@acme.com", Flag::InvalidEmail),
        ("ann@acme", Flag::InvalidEmail),
        ("ann@acme.c", Flag::InvalidEmail),
        ("ann@127.0.0.1", Flag::InvalidEmail),
        ("ann@-acme.com", Flag::InvalidEmail),
        ("ann@ac_me.com", Flag::InvalidEmail),
        (".ann@acme.com", Flag::InvalidEmail),
        ("ann.@acme.com", Flag::InvalidEmail),
        ("ann lee@acme.com", Flag::InvalidEmail),
        ("ann@lee@acme.com", Flag::InvalidEmail),
        ("\"ann@acme.com", Flag::InvalidEmail),
        ("www.acme.com", Flag::InvalidEmail),
        (&long, Flag::InvalidEmail),
        (&label, Flag::InvalidEmail),
        ("n/a", Flag::Placeholder),
        ("none", Flag::Placeholder),
        ("none@none.com", Flag::Placeholder),
        ("noemail@acme.com", Flag::Placeholder),
        ("noreply@acme.com", Flag::Placeholder),
        ("no-reply@acme.com", Flag::Placeholder),
        ("na@na.com", Flag::Placeholder),
        ("a@a.com", Flag::Placeholder),
        ("customer@store.example", Flag::Placeholder),
        ("user@example.com", Flag::Placeholder),
        ("123@123.com", Flag::Placeholder),
        ("test@test.com", Flag::TestValue),
        ("test@test", Flag::TestValue),
        ("test123@gmail.com", Flag::TestValue),
        ("asdf@asdf.com", Flag::KeyboardWalk),
        ("aaaa@gmail.com", Flag::KeyboardWalk),
    ] {
        assert_eq!(clean(raw), Cleaned::refused(flag), "{raw:?}");
    }
    assert_eq!(clean(&"a".repeat(2000)), Cleaned::refused(Flag::TooLong));
    assert_eq!(clean(" ").value, None);
}

#[test]
fn aliases_share_a_mailbox() {
    for (raw, mailbox) in [
        ("ann.lee+shop@gmail.com", "annlee@gmail.com"),
        ("annlee@googlemail.com", "annlee@gmail.com"),
        ("ann+x@outlook.com", "ann@outlook.com"),
        ("ann.lee@outlook.com", "ann.lee@outlook.com"),
        ("ann@me.com", "ann@icloud.com"),
        ("ann@pm.me", "ann@proton.me"),
        ("ann+x@acme.com", "ann+x@acme.com"),
        ("+x@gmail.com", "+x@gmail.com"),
    ] {
        assert_eq!(clean(raw).value.unwrap().mailbox(), mailbox, "{raw}");
    }
}

#[test]
fn business_addresses_name_their_organisation() {
    let of = |raw: &str| clean(raw).value.and_then(|email| organisation_domain(&email).map(str::to_owned));
    assert_eq!(of("ann@acme.com").as_deref(), Some("acme.com"));
    assert_eq!(of("ann@mail.acme.com").as_deref(), Some("acme.com"));
    assert_eq!((of("ann@gmail.com"), of("ann@mailinator.com"), of("ann@example.com")), (None, None, None));
}

#[test]
fn clean_addresses_are_borrowed() {
    assert!(matches!(clean("ann@acme.com").value.unwrap().address, Cow::Borrowed(_)));
}
