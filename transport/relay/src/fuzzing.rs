//! A way in for the fuzzer to what reads a player's query.

use crate::admit::host_path;

/// What a host is asked for on behalf of this query says where the player is carried from, once and first, and is the query's otherwise.
#[doc(hidden)]
pub fn fuzz_query(query: &str) {
    let url = format!("https://localhost:1{}", host_path(query));
    let url: url::Url = url.parse().expect("what is asked of a host is a URL");
    assert_eq!(
        (url.host_str(), url.port(), url.path()),
        (Some("localhost"), Some(1), "/v1/media")
    );
    let mut asked = url.query_pairs().into_owned();
    assert_eq!(asked.next(), Some(("via".to_owned(), "relay".to_owned())));
    let given = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    let given = given.filter(|(key, _)| key != "via" && key != "route");
    assert!(asked.eq(given), "the rest is as it came");
}
