//! An issuer and a verifier against each other.

use crate::{Claims, Error, Issuer, LIFE, Verifier};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firstlight_units::{Micros, WallTime};
use proptest::prelude::*;

const NOW: WallTime = WallTime::from_micros(1_790_000_000_123_456);

#[test]
fn a_ticket_gives_back_its_claims_once() {
    let (issuer, mut verifier) = pair();
    let token = issuer.issue(&claims("t1")).unwrap();
    assert!(token.starts_with("v4.public."));
    assert_eq!(verifier.verify(&token, NOW), Ok(claims("t1")));
    assert_eq!(verifier.verify(&token, NOW), Err(Error::Reused));
}

#[test]
fn a_ticket_expires_to_the_microsecond() {
    let (issuer, mut verifier) = pair();
    let token = issuer.issue(&claims("t1")).unwrap();
    let end = NOW + LIFE;
    assert_eq!(verifier.verify(&token, end), Err(Error::Expired));
    assert!(verifier.verify(&token, end.before(Micros::new(1))).is_ok());
}

#[test]
fn a_ticket_of_another_key_is_forged() {
    let (_, mut verifier) = pair();
    let token = Issuer::from_seed(&[2; 32]).unwrap().issue(&claims("t1")).unwrap();
    assert_eq!(verifier.verify(&token, NOW), Err(Error::Forged));
}

#[test]
fn a_ticket_is_bound_to_session_player_and_epoch() {
    let (issuer, mut verifier) = pair();
    let mut refused = |claims: Claims| verifier.verify(&issuer.issue(&claims).unwrap(), NOW).unwrap_err();
    assert_eq!(
        refused(Claims {
            session: "s2".to_owned(),
            ..claims("t1")
        }),
        Error::WrongSession
    );
    assert_eq!(
        refused(Claims {
            player: "bob".to_owned(),
            ..claims("t1")
        }),
        Error::WrongPlayer
    );
    assert_eq!(
        refused(Claims {
            epoch: 6,
            ..claims("t1")
        }),
        Error::WrongEpoch
    );
    assert_eq!(
        refused(Claims {
            epoch: 8,
            ..claims("t1")
        }),
        Error::WrongEpoch
    );
}

#[test]
fn a_revoked_ticket_is_refused() {
    let (issuer, mut verifier) = pair();
    verifier.revoke("t1");
    assert_eq!(
        verifier.verify(&issuer.issue(&claims("t1")).unwrap(), NOW),
        Err(Error::Revoked)
    );
    assert!(
        verifier
            .verify(&issuer.issue(&claims("t2")).unwrap(), NOW)
            .is_ok()
    );
}

#[test]
fn a_refused_ticket_is_not_used_up() {
    let (issuer, _) = pair();
    let mut elsewhere = Verifier::new(issuer.public_key(), "s2".to_owned(), "anna".to_owned(), 7);
    let token = issuer.issue(&claims("t1")).unwrap();
    assert_eq!(elsewhere.verify(&token, NOW), Err(Error::WrongSession));
    let (_, mut verifier) = pair();
    assert_eq!(verifier.verify("v4.public.x", NOW), Err(Error::Forged));
    assert!(verifier.verify(&token, NOW).is_ok());
}

#[test]
fn a_clock_set_back_revives_no_used_ticket() {
    let (issuer, mut verifier) = pair();
    let first = issuer.issue(&claims("t1")).unwrap();
    assert!(verifier.verify(&first, NOW).is_ok());
    let hour = Micros::from_secs(3_600);
    let later = Claims {
        expires: NOW + hour + LIFE,
        ..claims("t2")
    };
    assert!(
        verifier
            .verify(&issuer.issue(&later).unwrap(), NOW + hour)
            .is_ok()
    );
    assert_eq!(verifier.verify(&first, NOW), Err(Error::Expired));
}

#[test]
fn what_is_remembered_is_bounded_and_makes_room_again() {
    let (issuer, mut verifier) = pair();
    for n in 0..256 {
        assert!(
            verifier
                .verify(&issuer.issue(&claims(&format!("t{n}"))).unwrap(), NOW)
                .is_ok()
        );
    }
    let one_more = issuer.issue(&claims("more")).unwrap();
    assert_eq!(verifier.verify(&one_more, NOW), Err(Error::TooMany { most: 256 }));
    let later = Claims {
        expires: NOW + LIFE + LIFE,
        ..claims("later")
    };
    assert!(
        verifier
            .verify(&issuer.issue(&later).unwrap(), NOW + LIFE)
            .is_ok()
    );
}

#[test]
fn a_key_survives_its_seed() {
    let issuer = Issuer::generate().unwrap();
    let same = Issuer::from_seed(&issuer.seed()).unwrap();
    assert_eq!(issuer.public_key(), same.public_key());
    assert_ne!(issuer.public_key(), Issuer::generate().unwrap().public_key());
    assert_eq!(Issuer::from_seed(&[0; 32]).err(), Some(Error::Seed));
}

#[test]
fn claims_too_long_for_a_request_are_refused() {
    let (issuer, _) = pair();
    let long = Claims {
        player: "x".repeat(1_024),
        ..claims("t1")
    };
    assert_eq!(issuer.issue(&long), Err(Error::Claims { most: 1_024 }));
    let late = Claims {
        expires: WallTime::from_micros(u64::MAX),
        ..claims("t1")
    };
    assert_eq!(issuer.issue(&late), Err(Error::Claims { most: 1_024 }));
}

#[test]
fn nothing_printed_holds_a_key() {
    let (issuer, verifier) = pair();
    assert_eq!(format!("{issuer:?}"), "Issuer { .. }");
    assert_eq!(
        format!("{verifier:?}"),
        "Verifier { session: \"s1\", epoch: 7, used: 0, revoked: 0, .. }"
    );
}

#[test]
fn a_footer_does_not_make_a_second_ticket() {
    let (issuer, mut verifier) = pair();
    let token = issuer.issue(&claims("t1")).unwrap();
    for more in [".", ".eA", "=", " ", "\n", ".."] {
        assert_eq!(
            verifier.verify(&format!("{token}{more}"), NOW),
            Err(Error::Forged),
            "{more:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_mutated_ticket_never_verifies(at in any::<prop::sample::Index>(), flip in 1u8..=255, how in 0u8..6) {
        let (issuer, mut verifier) = pair();
        let token = issuer.issue(&claims("t1")).unwrap();
        let mutated = mutate(&token, at, flip, how);
        if mutated != token {
            prop_assert_eq!(verifier.verify(&mutated, NOW), Err(Error::Forged));
        }
    }

    #[test]
    fn no_text_is_a_ticket(text in "(v4\\.public\\.)?[\\PC]{0,200}") {
        let (_, mut verifier) = pair();
        prop_assert_eq!(verifier.verify(&text, NOW), Err(Error::Forged));
    }
}

proptest! {
    #[test]
    fn every_claim_survives(id in "\\PC{1,32}", player in "\\PC{1,32}", session in "[a-z0-9]{1,32}", epoch: u64, at in 0u64..250_000_000_000_000_000) {
        let issuer = Issuer::from_seed(&[1; 32]).unwrap();
        let claims = Claims { id, player: player.clone(), session: session.clone(), epoch, key: None, expires: WallTime::from_micros(at + 1) };
        let mut verifier = Verifier::new(issuer.public_key(), session, player, epoch);
        prop_assert_eq!(verifier.verify(&issuer.issue(&claims).unwrap(), WallTime::from_micros(at)), Ok(claims));
    }
}

/// A change to the text, or to the bytes under it.
fn mutate(token: &str, at: prop::sample::Index, flip: u8, how: u8) -> String {
    let mut text = token.as_bytes().to_vec();
    let place = at.index(text.len());
    match how {
        0 => text[place] ^= flip & 0x7f,
        1 => drop(text.remove(place)),
        2 => text.insert(place, b'A' + flip % 26),
        3 => text.truncate(place),
        4 => text[place] = URL_SAFE[usize::from(flip) % 64],
        _ => {
            let (header, body) = token.rsplit_once('.').unwrap();
            let mut bytes = URL_SAFE_NO_PAD.decode(body).unwrap();
            let place = at.index(bytes.len());
            bytes[place] ^= flip;
            return format!("{header}.{}", URL_SAFE_NO_PAD.encode(bytes));
        }
    }
    String::from_utf8(text).unwrap()
}

const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn pair() -> (Issuer, Verifier) {
    let issuer = Issuer::from_seed(&[1; 32]).unwrap();
    let verifier = Verifier::new(issuer.public_key(), "s1".to_owned(), "anna".to_owned(), 7);
    (issuer, verifier)
}

fn claims(id: &str) -> Claims {
    Claims {
        id: id.to_owned(),
        player: "anna".to_owned(),
        session: "s1".to_owned(),
        epoch: 7,
        key: None,
        expires: NOW + LIFE,
    }
}
